import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Random } from '../../../host/random.ts'
import { DurationError, durationMs } from '../duration.ts'
import { constant, exponential } from './backoff.ts'

function fixedRandom(byte: number): Random {
  return { bytes: (length) => Buffer.alloc(length, byte), uuid: () => 'A'.repeat(22) }
}

describe('backoff', () => {
  it('doubles with each failure until the longest wait', () => {
    const backoff = exponential('200ms', { max: '1s', jitter: 'none' })

    const waits = [1, 2, 3, 4, 50, 5000].map((failures) =>
      backoff.delayMs(failures, fixedRandom(0)),
    )

    assert.deepEqual(waits, [200, 400, 800, 1000, 1000, 1000])
  })

  it('spreads the wait over the whole range when jitter is full', () => {
    const backoff = exponential('200ms', { max: '1s' })

    assert.equal(backoff.delayMs(2, fixedRandom(0)), 0)
    assert.equal(backoff.delayMs(2, fixedRandom(0x80)), 201)
    assert.equal(backoff.delayMs(2, fixedRandom(0xff)), 400)
  })

  it('waits the same each time when it is constant', () => {
    const backoff = constant('5s')

    assert.equal(backoff.delayMs(1, fixedRandom(7)), 5000)
    assert.equal(backoff.delayMs(9, fixedRandom(7)), 5000)
  })
})

describe('a duration', () => {
  it('is a number and its unit', () => {
    assert.deepEqual(
      (['1.5s', '2m', '1h', '7d', '0ms'] as const).map(durationMs),
      [1500, 120_000, 3_600_000, 604_800_000, 0],
    )
  })

  it('is refused when it is anything else', () => {
    for (const text of ['-1s', '1e3ms', 'NaNs']) {
      assert.throws(() => durationMs(text as '1s'), DurationError)
    }
  })
})
