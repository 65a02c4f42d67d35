import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../testing/seeded-random.ts'
import { VirtualTime } from '../../testing/virtual-time.ts'
import { Turns } from './turns.ts'

/** Time that work spends, and what was held by work between two turns of the event loop. */
class SpentTime extends VirtualTime {
  #spentMs = 0
  #turnedMs = 0
  readonly heldMs: number[] = []

  spend(ms: number): void {
    this.#spentMs += ms
  }

  override monotonicMs(): number {
    return super.monotonicMs() + this.#spentMs
  }

  override async yield(): Promise<void> {
    this.heldMs.push(this.#spentMs - this.#turnedMs)
    this.#turnedMs = this.#spentMs
    await super.yield()
  }
}

function worldOf(time: VirtualTime) {
  return { clock: time, timers: time, random: new SeededRandom(1) }
}

describe('turns of work', () => {
  it('end after some milliseconds, let others run, and go on', async () => {
    const time = new SpentTime()
    let left = 100
    const turns = new Turns({
      world: worldOf(time),
      startNext: () => {
        time.spend(4)
        return left-- > 0
      },
      afterwards: () => false,
    })

    turns.take()
    await time.settle()

    assert.equal(left, -1)
    assert.ok(time.heldMs.length > 10, 'others had their turns')
    assert.ok(Math.max(...time.heldMs) <= 50, `held for ${time.heldMs.join()} ms`)
  })

  it('end after many pieces, however short', async () => {
    const time = new VirtualTime()
    let started = 0
    const turns = new Turns({
      world: worldOf(time),
      startNext: () => ++started <= 10_000,
      afterwards: () => false,
    })

    turns.take()
    const inFirst = started
    await time.settle()

    assert.ok(inFirst < 1_000, `${inFirst} in one turn`)
    assert.equal(started, 10_001)
  })

  it('go on with what comes of them, and leave calls from within to the turn under way', async () => {
    const time = new VirtualTime()
    const steps: string[] = []
    let more = 0
    const turns = new Turns({
      world: worldOf(time),
      startNext: () => {
        if (more === 0) return false
        more--
        steps.push('begin')
        turns.take()
        steps.push('end')
        return true
      },
      afterwards: () => {
        more = steps.length < 4 ? 1 : 0
        return more > 0
      },
    })

    turns.take()
    await time.settle()

    assert.deepEqual(steps, ['begin', 'end', 'begin', 'end'])
  })
})
