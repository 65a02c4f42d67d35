// A producer whose records are all gone, by DeleteRecords or retention, is known all the same: its batch
// that comes once more, however late, is answered as the first one was, and is not appended again. The
// log says nothing of it any more, so a snapshot that a power cut cannot take must.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { buildBatch } from '../../../src/broker/batch/builder.ts'
import type { PartitionLog } from '../../../src/broker/log/partition-log.ts'
import { SeededRandom } from '../seeded-random.ts'
import { SimDisk } from '../sim-disk.ts'
import { SimStorage } from '../sim-storage.ts'
import { SimWorld } from '../sim-world.ts'
import { LogLife } from './log-life.ts'

const SEEDS = 60
const LIVES = 4
const PRODUCER_ID = 7
const ACKS_ALL = { acks: -1, origin: 'client' } as const
const SETTINGS = {
  producersPerPartition: 1,
  batchesPerProducer: 1,
  recordsPerBatch: 1,
  valueBytes: 10,
  maxInFlight: 1,
  partitions: 2,
  maxOpenFiles: 16,
  segmentBytes: 400,
  journalFileBytes: 20_000,
  checkpointIntervalMs: 200,
  resendChance: 0,
  thinkMs: 0,
  isCompacted: false,
} as const

interface Sent {
  readonly sequence: number
  readonly baseOffset: number
}

for (let seed = 1; seed <= SEEDS; seed++) {
  it(`a producer is known when its records are gone and the power was cut (seed ${seed})`, async () => {
    const random = new SeededRandom(seed)
    const storage = new SimStorage()
    let last: Sent | undefined
    let startMs: number | undefined

    for (let life = 0; life < LIVES; life++) {
      const world = new SimWorld({ seed: seed * LIVES + life, ...(startMs && { startMs }) })
      const disk = new SimDisk(world, storage)
      const work = async () => {
        const { logs } = await open(world, disk, life)
        const log = logs[0]!
        if (last !== undefined) await expectKnown(log, last)
        last = await send(log, (last?.sequence ?? -1) + 1)
        await fill(logs, 1 + random.below(8))
        await log.deleteRecordsBefore(last.baseOffset + 1 + random.below(3))
        await log.applyRetention(world.clock.nowMs())
        await fill(logs, random.below(20))
        await world.pass(random.below(400))
      }
      await world.run(work())
      startMs = world.nowMs
      world.cutPower()
      const isPowerCut = life === LIVES - 2 || random.chance(0.5)
      if (isPowerCut) storage.crash(random)
    }
  })
}

function open(world: SimWorld, disk: SimDisk, leaderEpoch: number): Promise<LogLife> {
  return LogLife.open({
    world,
    disk,
    settings: SETTINGS,
    faults: {},
    wasCleanStop: false,
    onFatal: (error) => assert.fail(String(error)),
    leaderEpoch,
  })
}

async function expectKnown(log: PartitionLog, { sequence, baseOffset }: Sent): Promise<void> {
  const outcome = await log.append(batchOf(sequence), ACKS_ALL)
  assert.equal(outcome.kind, 'duplicate')
  assert.equal(outcome.kind === 'duplicate' && outcome.baseOffset, baseOffset)
}

async function send(log: PartitionLog, sequence: number): Promise<Sent> {
  const outcome = await log.append(batchOf(sequence), ACKS_ALL)
  assert(outcome.kind === 'appended', outcome.kind)
  return { sequence, baseOffset: outcome.baseOffset }
}

/** Others go on: segments fill, and the journal is needed. */
async function fill(logs: readonly PartitionLog[], rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const outcomes = await Promise.all(logs.map((log) => log.append(batchOf(), ACKS_ALL)))
    for (const { kind } of outcomes) assert.equal(kind, 'appended')
  }
}

/** Without a sequence: of nobody. */
function batchOf(sequence?: number): Buffer {
  const record = { timestamp: 1_767_225_600_000, key: null, value: Buffer.from('x'.repeat(50)) }
  const producer = { producerId: PRODUCER_ID, producerEpoch: 0, baseSequence: sequence ?? -1 }
  return buildBatch({ records: [record], ...(sequence !== undefined && producer) })
}
