import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OffsetCommit } from '../transport/group-member.ts'
import type { Transport } from '../transport/transport.ts'
import { type FaultOptions, Faults, faultKinds } from './faults.ts'
import { type MemoryEngine, memory } from './memory/memory.ts'
import { SeededRandom } from './seeded-random.ts'
import { VirtualTime } from './virtual-time.ts'

const topic = 'orders'
const eventCount = 200

/** Reads everything, commits after each poll, and is started again when it crashes. */
async function run(options: Pick<FaultOptions, 'seed' | 'chances'>) {
  const time = new VirtualTime()
  const seen: number[] = []
  let committed = 0
  const start = async () => {
    const transport = await engine.open({ service: 'billing', onWarning: () => undefined })
    void consume(transport, (offset) => seen.push(offset)).catch(() => undefined)
  }
  const engine: MemoryEngine = memory({
    world: { clock: time, timers: time, random: new SeededRandom(options.seed) },
    faults: { ...options, onCrash: () => void start() },
  })
  const feeder = await engine.open({ service: 'shop', onWarning: () => undefined })
  const administration = feeder.administration
  await drive(time, administration.ensureTopics([{ name: topic, partitions: 1 }]))
  await start()
  const producer = await feeder.producer()
  for (let i = 0; i < eventCount; i++) {
    const records = [{ key: null, value: Buffer.from(String(i)), headers: [] }]
    const sent = producer.send({ topic, partition: 0, records }).catch(() => undefined)
    await time.advance(100)
    await drive(time, sent)
  }
  engine.faults!.stop()
  for (let i = 0; i < 100 && committed < eventCount; i++) {
    await time.advance(10_000)
    const [offset] = await administration.committed('billing', [{ topic, partition: 0 }])
    committed = offset?.offset ?? 0
  }
  return { engine, seen, committed }
}

async function consume(transport: Transport, onRecord: (offset: number) => void): Promise<void> {
  const member = await transport.join({
    group: 'billing',
    topics: [topic],
    startAt: 'earliest',
    sessionTimeoutMs: 5_000,
    onAssigned: () => undefined,
    onRevoked: async () => undefined,
    onLost: () => undefined,
    onFailed: () => undefined,
  })
  const { signal } = new AbortController()
  for (;;) {
    for (const fetched of await member.poll({ maxBytes: 10, signal })) {
      for (const { offset } of fetched.records) onRecord(offset)
      const offset: OffsetCommit = { topic, partition: 0, offset: fetched.nextOffset, metadata: '' }
      // What was not committed is given again, or follows with the next commit.
      await member.commit([offset]).catch(() => undefined)
    }
  }
}

async function drive<T>(time: VirtualTime, work: Promise<T>): Promise<T> {
  let isDone = false
  void work.finally(() => {
    isDone = true
  })
  await time.until(() => isDone)
  return work
}

describe('seeded faults', () => {
  it('strike an application in the middle of its work, and what it must do is still done', async () => {
    const chances = Object.fromEntries(faultKinds.map((kind) => [kind, 0.05]))

    const { engine, seen, committed } = await run({ seed: 7, chances })

    engine.faults!.expectFired()
    assert.deepEqual(
      [...new Set(seen)],
      Array.from({ length: eventCount }, (_, offset) => offset),
    )
    assert.ok(seen.length > eventCount, 'something was given twice')
    assert.equal(committed, eventCount)
  })

  it('repeat with their seed', async () => {
    const chances = { redelivery: 0.1, slow: 0.1, 'crash-after-commit': 0.05 }

    const first = await run({ seed: 11, chances })
    const second = await run({ seed: 11, chances })

    assert.deepEqual(second.seen, first.seen)
    assert.deepEqual(second.engine.faults!.fired, first.engine.faults!.fired)
  })

  it('that were wanted and never fired fail the run', () => {
    const faults = new Faults({ seed: 1, chances: { slow: 1, rebalance: 0.5 } })

    faults.fires('slow')

    assert.equal(faults.fired.get('slow'), 1)
    assert.throws(() => faults.expectFired(), /never fired.*rebalance/)
  })

  it('come no more once they were stopped', () => {
    const faults = new Faults({ seed: 1, chances: { slow: 1 } })

    faults.stop()

    assert.equal(faults.fires('slow'), false)
  })
})
