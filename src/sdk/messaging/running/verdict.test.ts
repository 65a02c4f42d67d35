import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type FailedAttempt, judgeFailure } from './verdict.ts'

const failed: FailedAttempt = {
  failures: 1,
  attempts: 3,
  isPermanent: false,
  isOutage: false,
  mayPark: true,
  isRedriven: false,
  mode: 'hold-key',
  whenExhausted: 'park-key',
}

describe('a failed attempt', () => {
  it('is tried again until its attempts are used up, then given up as the definition says', () => {
    assert.equal(judgeFailure({ ...failed, failures: 2 }), 'retry')
    for (const whenExhausted of ['park-key', 'park-event', 'stop'] as const) {
      assert.equal(judgeFailure({ ...failed, failures: 3, whenExhausted }), whenExhausted)
    }
  })

  it('rule 9: that is permanent is given up at once', () => {
    assert.equal(judgeFailure({ ...failed, isPermanent: true }), 'park-key')
  })

  it('rule 9: during an outage costs the event nothing', () => {
    assert.equal(judgeFailure({ ...failed, failures: 99, isOutage: true }), 'wait')
  })

  it('rule 9: holds the event when too many were parked', () => {
    assert.equal(judgeFailure({ ...failed, failures: 3, mayPark: false }), 'hold')
  })

  it('goes to the retry topic only when the definition asks for it', () => {
    assert.equal(judgeFailure({ ...failed, mode: 'retry-topic' }), 'retry-topic')
    assert.equal(judgeFailure({ ...failed, mode: 'retry-topic', failures: 3 }), 'park-key')
  })

  it('of an event out of the lot leaves it there', () => {
    const redriven = { ...failed, isRedriven: true, mode: 'retry-topic' } as const

    assert.equal(judgeFailure(redriven), 'retry')
    assert.equal(judgeFailure({ ...redriven, failures: 3 }), 'give-back')
    assert.equal(judgeFailure({ ...redriven, isPermanent: true }), 'give-back')
  })
})
