import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { canonicalAddress } from './ip-address.ts'

describe('an address', () => {
  it('has one text, however it was written', () => {
    for (const text of ['10.0.0.1', '::ffff:10.0.0.1', '::FFFF:a00:1', '0:0:0:0:0:ffff:10.0.0.1']) {
      assert.equal(canonicalAddress(text), '10.0.0.1', text)
    }
    for (const text of ['2001:db8::1', '2001:DB8:0:0:0:0:0:1', '2001:0db8::0001']) {
      assert.equal(canonicalAddress(text), '2001:db8::1', text)
    }
    assert.equal(canonicalAddress('fe80::1%eth0'), 'fe80::1')
  })

  it('is no name, no number and no piece of an address', () => {
    const texts = ['localhost', '10.1', '256.0.0.1', '2130706433', '0x7f.0.0.1', ':', '1::2::3', '']
    for (const text of [...texts, '10.0.0.1:80', '[::1]', '::1/64']) {
      assert.equal(canonicalAddress(text), undefined, text)
    }
  })
})
