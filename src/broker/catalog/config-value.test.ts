import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  atLeast,
  between,
  canonicalText,
  listOf,
  oneOf,
  parseConfigText,
  readConfig,
} from './config-value.ts'

describe('the value of a configuration key', () => {
  it('is read as its type, blanks around it aside', () => {
    assert.equal(parseConfigText('int', ' 42 '), 42)
    assert.equal(parseConfigText('long', '-1'), -1)
    assert.equal(parseConfigText('boolean', 'TRUE'), true)
    assert.equal(parseConfigText('double', '.5'), 0.5)
    assert.deepEqual(parseConfigText('list', 'a, b,c'), ['a', 'b', 'c'])
    assert.deepEqual(parseConfigText('list', ''), [])
  })

  it('is refused when it is not of the type', () => {
    for (const text of ['', 'x', '1.5', '1e3', '0x10', '1_000', '2147483648', '-2147483649']) {
      assert.equal(parseConfigText('int', text), undefined, text)
    }
    assert.equal(parseConfigText('boolean', 'yes'), undefined)
    assert.equal(parseConfigText('double', 'NaN'), undefined)
    assert.equal(parseConfigText('long', '9223372036854775808'), undefined)
  })

  it('saturates where a long does not fit a number, so that Long.MAX is larger than any time', () => {
    assert.equal(parseConfigText('long', '9223372036854775807'), Number.MAX_SAFE_INTEGER)
    assert.equal(parseConfigText('long', '-9223372036854775808'), Number.MIN_SAFE_INTEGER)
  })

  it("is shown as Kafka's tools show it", () => {
    assert.equal(canonicalText('list', 'compact, delete'), 'compact,delete')
    assert.equal(canonicalText('double', '0.50'), '0.5')
    assert.equal(canonicalText('double', '1'), '1.0')
    assert.equal(canonicalText('double', '1.7976931348623157E308'), '1.7976931348623157E308')
    assert.equal(canonicalText('boolean', 'FALSE'), 'false')
    assert.equal(canonicalText('long', ' +09223372036854775807'), '9223372036854775807')
  })
})

describe('a refused value', () => {
  it('is answered with key, value and what is allowed', () => {
    const key = { name: 'retention.ms', type: 'long', check: atLeast(-1) } as const

    assert.deepEqual(readConfig(key, '-2'), {
      kind: 'invalid',
      message: "retention.ms cannot be '-2': it must be -1 or more.",
    })
    assert.deepEqual(readConfig(key, 'week'), {
      kind: 'invalid',
      message: "retention.ms cannot be 'week': it must be a whole number of 64 bits.",
    })
  })

  it('lies outside the bounds, which are inclusive', () => {
    assert.ok(between(0, 1).accepts(1))
    assert.ok(!between(0, 1).accepts(1.01))
    assert.ok(listOf('compact', 'delete').accepts([]))
    assert.ok(!listOf('compact', 'delete').accepts(['compact', 'x']))
    assert.ok(!oneOf('a', 'b').accepts('c'))
  })
})
