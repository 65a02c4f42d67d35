// What one seed decides about a run of the whole broker: who is there, how much each does, and sizes
// so small that segments roll, the journal goes round and checkpoints fall between two batches.
import type { Codec } from '../../../src/host/codec.ts'
import type { NetFaults } from '../net/sim-net.ts'
import type { SeededRandom } from '../seeded-random.ts'

export interface BrokerSettings {
  readonly partitions: number
  readonly idempotentProducers: number
  readonly plainProducers: number
  readonly followers: number
  readonly members: number
  readonly admins: number
  /** For each producer, in each life. */
  readonly batchesPerLife: number
  readonly recordsPerBatch: number
  readonly valueBytes: number
  readonly compression: Codec
  readonly maxInFlight: number
  readonly thinkMs: number
  /** Of idempotent producers: before what they lost the answer of has been synced, or long after. */
  readonly resendAfterMs: number
  readonly segmentMs: number
  readonly journalFileBytes: number
  readonly checkpointIntervalMs: number
  readonly maxOpenFiles: number
  /** How many lives there are between the first and the last. */
  readonly middleLives: number
  /** In every life but the last. */
  readonly netFaults: NetFaults
}

export function chooseSettings(random: SeededRandom): BrokerSettings {
  const partitions = random.pick([1, 2, 4, 6])
  return {
    partitions,
    idempotentProducers: random.pick([1, partitions, partitions + 1]),
    plainProducers: random.pick([0, 1, 2]),
    followers: random.pick([0, 1, partitions]),
    members: random.pick([0, 1, 2, 3]),
    admins: random.pick([0, 1, 1]),
    batchesPerLife: random.pick([3, 6, 10]),
    recordsPerBatch: random.pick([1, 2, 5]),
    valueBytes: random.pick([10, 100, 600]),
    compression: random.pick(['none', 'none', 'gzip', 'snappy', 'lz4', 'zstd']),
    maxInFlight: random.pick([1, 3, 5]),
    thinkMs: random.pick([0, 0.5, 3]),
    resendAfterMs: random.pick([0.05, 20, 20]),
    segmentMs: random.pick([2, 20, 600_000]),
    journalFileBytes: random.pick([2_000, 8_000, 64_000]),
    checkpointIntervalMs: random.pick([10, 100, 60_000]),
    maxOpenFiles: random.pick([16, 100]),
    middleLives: random.pick([1, 2, 3]),
    netFaults: {
      maxPieceBytes: random.pick([50, 500, 100_000]),
      maxDelayMs: random.pick([0.01, 0.1, 1]),
      resetChance: random.pick([0, 0.2, 0.5]),
      silenceChance: random.pick([0, 0, 0.1]),
    },
  }
}
