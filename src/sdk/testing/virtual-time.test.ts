import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from './seeded-random.ts'
import { VirtualTime } from './virtual-time.ts'

describe('virtual time', () => {
  it('stands still until it is moved', async () => {
    const time = new VirtualTime(1_000)

    await time.yield()

    assert.equal(time.nowMs(), 1_000)
    assert.equal(time.monotonicMs(), 0)
  })

  it('runs timers in the order they fall due, and shows each its own moment', async () => {
    const time = new VirtualTime(0)
    const seen: string[] = []
    time.after(20, () => seen.push(`b at ${time.nowMs()}`))
    time.after(10, () => seen.push(`a at ${time.nowMs()}`))
    time.after(20, () => seen.push(`c at ${time.nowMs()}`))
    time.after(31, () => seen.push('too late'))

    await time.advance(30)

    assert.deepEqual(seen, ['a at 10', 'b at 20', 'c at 20'])
    assert.equal(time.nowMs(), 30)
  })

  it('runs timers that are made on the way', async () => {
    const time = new VirtualTime(0)
    const seen: number[] = []
    const again = () => {
      seen.push(time.nowMs())
      time.after(10, again)
    }
    time.after(10, again)

    await time.advance(35)

    assert.deepEqual(seen, [10, 20, 30])
  })

  it('lets promises settle between two timers, those included that step aside', async () => {
    const time = new VirtualTime(0)
    const seen: string[] = []
    time.after(10, async () => {
      await Promise.resolve()
      await time.yield()
      seen.push(`settled at ${time.nowMs()}`)
    })
    time.after(11, () => seen.push('next timer'))

    await time.advance(11)

    assert.deepEqual(seen, ['settled at 10', 'next timer'])
  })

  it('calls no timer that was cancelled', async () => {
    const time = new VirtualTime()
    const timer = time.after(10, () => assert.fail('it was cancelled'))

    timer.cancel()

    await time.advance(20)
  })

  it('moves to the moment a condition holds, and says when it cannot come', async () => {
    const time = new VirtualTime(0)
    let done = false
    time.after(50, () => {
      done = true
    })

    await time.until(() => done)

    assert.equal(time.nowMs(), 50)
    await assert.rejects(
      time.until(() => false),
      /cannot come/,
    )
    time.after(100, () => undefined)
    await assert.rejects(
      time.until(() => false, 10),
      /10 ms of virtual time/,
    )
  })
})

describe('seeded randomness', () => {
  it('repeats with its seed, and differs with another', () => {
    const take = (seed: number) => {
      const random = new SeededRandom(seed)
      return [random.uuid(), random.bytes(5).toString('hex'), random.fraction()]
    }

    assert.deepEqual(take(7), take(7))
    assert.notDeepEqual(take(7), take(8))
  })

  it('gives fractions evenly and UUIDs of version 4 without a leading dash', () => {
    const random = new SeededRandom(1)
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 4_000; i++) counts[Math.floor(random.fraction() * 4)]!++

    for (const count of counts) assert.ok(Math.abs(count - 1_000) < 150, `${counts}`)
    for (let i = 0; i < 500; i++) {
      const uuid = random.uuid()
      const bytes = Buffer.from(uuid, 'base64url')
      assert.match(uuid, /^[A-Za-z0-9_][A-Za-z0-9_-]{21}$/)
      assert.equal(bytes[6]! >> 4, 4)
      assert.equal(bytes[8]! >> 6, 2)
    }
  })
})
