// What a commit costs the disk, counted: at most two syncs for all that was appended at once, however
// many partitions it went to.
import assert from 'node:assert/strict'
import { it } from 'node:test'
import { buildBatch } from '../../../src/broker/batch/builder.ts'
import { SimDisk } from '../sim-disk.ts'
import { SimStorage } from '../sim-storage.ts'
import { SimWorld } from '../sim-world.ts'
import { LogLife } from './log-life.ts'

/** Nothing happens beside the commits that are counted. */
const QUIET = {
  producersPerPartition: 1,
  batchesPerProducer: 1,
  recordsPerBatch: 1,
  valueBytes: 10,
  maxInFlight: 1,
  segmentBytes: 1_000_000,
  journalFileBytes: 1_000_000,
  checkpointIntervalMs: 1_000_000_000,
  resendChance: 0,
  thinkMs: 0,
  isCompacted: false,
} as const
/** In the first rounds the journal gets its file, and behind them segments get durable names. */
const FIRST_ROUNDS = 3
const QUIET_MS = 100

for (const partitions of [1, 2, 3, 40, 300]) {
  it(`a commit over ${partitions} partitions takes at most two syncs`, async () => {
    const world = new SimWorld({ seed: partitions })
    const disk = new SimDisk(world, new SimStorage())
    const syncs: number[] = []

    const work = async () => {
      const life = await LogLife.open({
        world,
        disk,
        settings: { ...QUIET, partitions, maxOpenFiles: 16 },
        faults: {},
        wasCleanStop: false,
        onFatal: (error) => assert.fail(String(error)),
        leaderEpoch: 0,
      })
      for (let round = 0; round < FIRST_ROUNDS + 3; round++) {
        if (round <= FIRST_ROUNDS) await world.pass(QUIET_MS)
        const before = disk.counts['sync'] ?? 0
        await Promise.all(life.logs.map((log) => log.append(batch(), ACKS_ALL)))
        syncs.push((disk.counts['sync'] ?? 0) - before)
      }
      assert.ok(life.logs.every((log) => log.highWatermark === FIRST_ROUNDS + 3))
      await life.close()
    }
    await world.run(work())

    const settled = syncs.slice(FIRST_ROUNDS)
    assert.ok(
      settled.every((count) => count >= 1 && count <= 2),
      `syncs of the rounds: ${syncs.join(', ')}`,
    )
  })
}

const ACKS_ALL = { acks: -1, origin: 'client' } as const

function batch(): Buffer {
  return buildBatch({
    records: [{ timestamp: 1, key: null, value: Buffer.from('x'), headers: [] }],
  })
}
