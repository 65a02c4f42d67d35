import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from './seeded-random.ts'
import { SimDisk } from './sim-disk.ts'
import { SimStorage } from './sim-storage.ts'
import { SimWorld } from './sim-world.ts'

/** Twenty actors that wait, write and cancel timers as the world's chance has it. */
async function busyRun(seed: number): Promise<{ trace: number; log: string[] }> {
  const world = new SimWorld({ seed })
  const disk = new SimDisk(world, new SimStorage())
  const log: string[] = []
  const actor = async (name: string) => {
    const file = await disk.open(name, { create: true })
    for (let round = 0; round < 10; round++) {
      const timer = world.timers.after(world.random.below(5), () => log.push(`${name} timer`))
      await world.timers.yield()
      await file.write([Buffer.from(`${round}`)], round)
      if (world.random.chance(0.5)) timer.cancel()
      log.push(`${name} ${round} ${world.clock.nowMs()}`)
    }
  }
  await world.run(Promise.all(Array.from({ length: 20 }, (_, index) => actor(`actor-${index}`))))
  return { trace: world.trace, log }
}

describe('a simulated world', () => {
  it('does the same in the same order when the seed is the same', async () => {
    const first = await busyRun(7)
    const second = await busyRun(7)

    assert.deepEqual(second, first)
  })

  it('does things in another order when the seed is another', async () => {
    const { log, trace } = await busyRun(7)
    const other = await busyRun(8)

    assert.notDeepEqual(other.log, log)
    assert.notEqual(other.trace, trace)
  })

  it('lets an hour pass in no time, and timers fire in their order', async () => {
    const world = new SimWorld({ seed: 1 })
    const fired: string[] = []
    const startMs = world.clock.nowMs()
    world.timers.after(3_600_000, () => fired.push('hour'))
    world.timers.after(60_000, () => fired.push('minute'))
    world.timers.after(70_000, () => fired.push('never')).cancel()

    await world.run(world.pass(3_600_001))

    assert.deepEqual(fired, ['minute', 'hour'])
    assert.equal(world.clock.nowMs() - startMs, 3_600_001)
  })

  it('says so when nobody is left who could go on', async () => {
    const world = new SimWorld({ seed: 1 })

    await assert.rejects(world.run(new Promise(() => undefined)), /stands still/)
  })

  it('stops when the power is cut: what was awaited never comes', async () => {
    const world = new SimWorld({ seed: 1 })
    let hasGoneOn = false
    world.timers.after(5, () => world.cutPower())

    const outcome = await world.run(
      world.pass(10).then(() => {
        hasGoneOn = true
      }),
    )

    assert.equal(outcome, 'cut')
    assert.equal(hasGoneOn, false)
  })

  it('hands on what the work was rejected with, and what failed beside it', async () => {
    const world = new SimWorld({ seed: 1 })

    await assert.rejects(world.run(Promise.reject(new Error('of the work'))), /of the work/)
    world.timers.after(1, () => world.fail(new Error('beside it')))
    await assert.rejects(world.run(world.pass(10)), /beside it/)
  })
})

describe('seeded randomness', () => {
  it('spreads evenly enough, and forks without disturbing what follows', () => {
    const random = new SeededRandom(3)
    const counts = Array.from({ length: 10 }, () => 0)
    for (let draw = 0; draw < 10_000; draw++) counts[random.below(10)]!++
    const a = new SeededRandom(4)
    const b = new SeededRandom(4)

    a.fork().bytes(100)
    b.fork()

    for (const count of counts) assert.ok(count > 850 && count < 1150, `${counts}`)
    assert.equal(a.uint32(), b.uint32())
    assert.equal(Buffer.from(random.uuid(), 'base64url').length, 16)
  })
})
