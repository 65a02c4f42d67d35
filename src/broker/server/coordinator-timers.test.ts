import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ManualTime } from './coordinator-test-world.ts'
import { GroupTimers } from './coordinator-timers.ts'

function setUp() {
  const time = new ManualTime()
  const expired: string[] = []
  const timers = new GroupTimers({ clock: time, timers: time }, (name) => expired.push(name))
  return { time, expired, timers }
}

describe('the timers of a group', () => {
  it('expire once, when their time is over', () => {
    const { time, expired, timers } = setUp()
    timers.start('a', 100)
    timers.start('b', 50)

    time.advance(99)
    assert.deepEqual(expired, ['b'])
    time.advance(1_000)

    assert.deepEqual(expired, ['b', 'a'])
    assert.equal(time.timerCount, 0)
  })

  it('that are started again count from then, with no timer more', () => {
    const { time, expired, timers } = setUp()
    timers.start('a', 100)
    for (let round = 0; round < 10; round++) {
      time.advance(60)
      timers.start('a', 100)
    }
    assert.equal(time.timerCount, 1)

    time.advance(99)
    assert.deepEqual(expired, [])
    time.advance(1)

    assert.deepEqual(expired, ['a'])
  })

  it('may be started again with less time than they had left', () => {
    const { time, expired, timers } = setUp()
    timers.start('a', 300_000)
    timers.start('a', 100)

    time.advance(100)

    assert.deepEqual(expired, ['a'])
  })

  it('do not expire once they are cancelled', () => {
    const { time, expired, timers } = setUp()
    timers.start('a', 100)
    timers.start('b', 100)
    timers.cancel('a')
    timers.cancelAll()

    time.advance(1_000)

    assert.deepEqual(expired, [])
    assert.equal(time.timerCount, 0)
  })

  it('begin again when the broker itself stood still', () => {
    const { time, expired, timers } = setUp()
    timers.start('a', 10_000)

    time.stall(60_000)
    assert.deepEqual(expired, [])
    time.advance(9_999)
    assert.deepEqual(expired, [])
    time.advance(1)

    assert.deepEqual(expired, ['a'])
  })
})
