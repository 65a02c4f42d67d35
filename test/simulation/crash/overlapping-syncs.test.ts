// Two syncs of one file at a time, as when a segment is sealed while a checkpoint syncs it: the system
// tells one of them that pages were lost, and the other that all is well.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { buildBatch } from '../../../src/broker/batch/builder.ts'
import { SeededRandom } from '../seeded-random.ts'
import { SimDisk } from '../sim-disk.ts'
import { SimStorage } from '../sim-storage.ts'
import { SimWorld } from '../sim-world.ts'
import { LogLife, readAll } from './log-life.ts'

const FIRST_SEGMENT = 'topics/orders-0/00000000000000000000.log'
const SEEDS = 60
const CHECKPOINT_MS = 10
const WITHIN_MS = 100
/** Every batch begins a segment. */
const SETTINGS = {
  partitions: 1,
  producersPerPartition: 1,
  batchesPerProducer: 1,
  recordsPerBatch: 1,
  valueBytes: 10,
  maxInFlight: 1,
  segmentBytes: 100,
  journalFileBytes: 1_000_000,
  checkpointIntervalMs: CHECKPOINT_MS,
  maxOpenFiles: 16,
  resendChance: 0,
  thinkMs: 0,
  isCompacted: false,
} as const
const FIRST_SEGMENT_SYNC = { on: 'sync', index: 0, code: 'io', path: FIRST_SEGMENT } as const

it('what the journal has comes back when a sync of its file failed and one beside it did not', async () => {
  let overlapping = 0
  for (let seed = 0; seed < SEEDS; seed++) {
    const storage = new SimStorage()
    const world = new SimWorld({ seed })
    let syncs = 0
    world.onNote = (line) => {
      if (line.endsWith(` sync ${FIRST_SEGMENT}`)) syncs += 1
    }
    const disk = new SimDisk(world, storage, { errors: [FIRST_SEGMENT_SYNC] })

    const acknowledged = await world.run(appendAround(world, disk))
    world.cutPower()
    storage.crash(new SeededRandom(seed))

    const next = new SimWorld({ seed, startMs: world.nowMs })
    const found = await next.run(readAfterwards(next, new SimDisk(next, storage)))
    assert.deepEqual(found.slice(0, acknowledged.length), acknowledged, `seed ${seed}`)
    if (syncs > 1) overlapping += 1
  }
  assert.ok(overlapping > 5, `syncs overlapped in ${overlapping} of ${SEEDS} runs`)
})

/** A batch through the journal, and about when its file is first synced one that rolls. */
async function appendAround(world: SimWorld, disk: SimDisk): Promise<string[]> {
  const life = await open(world, disk)
  const acknowledged: string[] = []
  const append = async (value: string) => {
    const outcome = await life.logs[0]!.append(batch(value), { acks: -1, origin: 'client' })
    if (outcome.kind === 'appended') acknowledged.push(value)
  }
  await append('journaled')
  await world.pass(CHECKPOINT_MS - 2 + world.random.fraction() * 3)
  await append('rolls')
  await world.pass(WITHIN_MS)
  return acknowledged
}

async function readAfterwards(world: SimWorld, disk: SimDisk): Promise<string[]> {
  const life = await open(world, disk)
  const records = await readAll(life.logs[0]!)
  await life.close()
  return records.map(({ value }) => value)
}

function open(world: SimWorld, disk: SimDisk): Promise<LogLife> {
  return LogLife.open({
    world,
    disk,
    settings: SETTINGS,
    faults: {},
    wasCleanStop: false,
    onFatal: (error) => assert.fail(String(error)),
    leaderEpoch: 0,
  })
}

function batch(value: string): Buffer {
  return buildBatch({
    records: [{ timestamp: 1, key: null, value: Buffer.from(value), headers: [] }],
  })
}
