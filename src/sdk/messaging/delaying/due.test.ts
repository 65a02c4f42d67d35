import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DurationError } from '../duration.ts'
import { InvalidDelayError } from '../errors.ts'
import { dueMsOf } from './due.ts'

const NOW_MS = Date.UTC(2026, 5, 1)
const DAY_MS = 86_400_000

describe('when a delayed event is due', () => {
  it('is so much later, or at the moment that was given', () => {
    assert.equal(dueMsOf({ delay: '10m' }, NOW_MS), NOW_MS + 600_000)
    assert.equal(dueMsOf({ at: new Date(NOW_MS + 5) }, NOW_MS), NOW_MS + 5)
  })

  it('is a whole millisecond, never a little earlier than asked', () => {
    assert.equal(dueMsOf({ delay: '0.3ms' }, NOW_MS), NOW_MS + 1)
  })

  it('is now for a moment that has passed', () => {
    assert.equal(dueMsOf({ at: new Date(0) }, NOW_MS), NOW_MS)
    assert.equal(dueMsOf({ delay: '0ms' }, NOW_MS), NOW_MS)
  })

  it('is at most 366 days ahead', () => {
    assert.equal(dueMsOf({ delay: '366d' }, NOW_MS), NOW_MS + 366 * DAY_MS)
    assert.throws(() => dueMsOf({ delay: '367d' }, NOW_MS), InvalidDelayError)
    assert.throws(() => dueMsOf({ at: new Date(NOW_MS + 367 * DAY_MS) }, NOW_MS), {
      code: 'invalid-delay',
      retriable: false,
      message: /^2027-06-03T00:00:00\.000Z is too far ahead/,
    })
    const endless = `${'9'.repeat(400)}d` as '1d'
    assert.throws(() => dueMsOf({ delay: endless }, NOW_MS), InvalidDelayError)
  })

  it('has to be said once, and readably', () => {
    const soon = 'soon' as '1s'
    assert.throws(() => dueMsOf({ delay: soon }, NOW_MS), DurationError)
    assert.throws(() => dueMsOf({ delay: '-1s' }, NOW_MS), DurationError)
    assert.throws(() => dueMsOf({ at: new Date('never') }, NOW_MS), InvalidDelayError)
    assert.throws(() => dueMsOf({ at: '2026-06-01' as unknown as Date }, NOW_MS), InvalidDelayError)
    assert.throws(() => dueMsOf({ delay: '1s', at: new Date(NOW_MS) }, NOW_MS), /not both/)
  })
})
