import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { VirtualTime } from '../../testing/virtual-time.ts'
import { watchEventLoop } from './waiting.ts'

describe('rule 4: an event loop that is held', () => {
  it('is told of, with how long', async () => {
    const time = new VirtualTime()
    let heldMs = 0
    // A clock that moves although no timer could run: what a held event loop looks like.
    const clock = { nowMs: () => time.nowMs(), monotonicMs: () => time.monotonicMs() + heldMs }
    const told: number[] = []
    const end = watchEventLoop({ timers: time, clock }, 1_000, (forMs) => told.push(forMs))

    await time.advance(5_000)
    heldMs = 3_000
    await time.advance(5_000)
    end()
    heldMs = 10_000
    await time.advance(5_000)

    assert.deepEqual(told, [3_000])
  })
})
