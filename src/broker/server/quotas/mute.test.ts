import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualTime } from '../coordinator-test-world.ts'
import { Mute } from './mute.ts'

describe('a muted connection', () => {
  const muted = () => {
    const time = new ManualTime()
    const ends: number[] = []
    const mute = new Mute({
      clock: time,
      timers: time,
      onEnd: () => ends.push(time.monotonicMs()),
    })
    return { time, ends, mute, startMs: time.monotonicMs() }
  }

  it('is read from again when the longest delay is over, once', () => {
    const { time, ends, mute, startMs } = muted()
    mute.extend(100)
    mute.extend(500)
    mute.extend(200)

    time.advance(499)
    assert.equal(mute.isMuted, true)
    time.advance(1)

    assert.equal(mute.isMuted, false)
    assert.deepEqual(ends, [startMs + 500])
    assert.equal(time.timerCount, 0)
  })

  it('that is gone leaves no timer', () => {
    const { time, ends, mute } = muted()
    mute.extend(100)

    mute.cancel()
    time.advance(1000)

    assert.equal(time.timerCount, 0)
    assert.deepEqual(ends, [])
  })
})
