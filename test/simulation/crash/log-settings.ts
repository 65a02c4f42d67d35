// What one seed decides about a run: sizes small enough that segments roll, the journal goes round
// and files are closed to make room, in combinations that no one would think of.
import type { SeededRandom } from '../seeded-random.ts'

export interface LogSettings {
  readonly partitions: number
  readonly producersPerPartition: number
  readonly batchesPerProducer: number
  readonly recordsPerBatch: number
  readonly valueBytes: number
  readonly maxInFlight: number
  readonly segmentBytes: number
  readonly journalFileBytes: number
  readonly checkpointIntervalMs: number
  readonly maxOpenFiles: number
  /** Of sending a batch twice, as after a lost answer. */
  readonly resendChance: number
  /** Between a producer's rounds. */
  readonly thinkMs: number
  /** Records have one of a few keys, and everything is compacted again and again. */
  readonly isCompacted: boolean
}

/** What a batch has beside its values, in its file and in the journal; roughly. */
const BATCH_BYTES = 150

export function chooseSettings(random: SeededRandom): LogSettings {
  const partitions = random.pick([1, 2, 3, 4, 8, 12])
  const producersPerPartition = random.pick([1, 2])
  const producers = partitions * producersPerPartition
  const batchesPerProducer = Math.ceil((16 + random.below(32)) / producers)
  const recordsPerBatch = random.pick([1, 2, 5])
  const valueBytes = random.pick([10, 100, 330, 900])
  const batchBytes = recordsPerBatch * valueBytes + BATCH_BYTES
  const totalBytes = producers * batchesPerProducer * batchBytes
  return {
    partitions,
    producersPerPartition,
    batchesPerProducer,
    recordsPerBatch,
    valueBytes,
    maxInFlight: random.pick([1, 3, 5]),
    segmentBytes: random.pick([2 * batchBytes, 8 * batchBytes, 1_000_000]),
    // Too small for a group, gone round several times, or never full.
    journalFileBytes: Math.ceil(totalBytes * random.pick([0.05, 0.15, 0.3, 3])),
    checkpointIntervalMs: random.pick([1, 10, 60_000]),
    maxOpenFiles: random.pick([2, 5, 100]),
    resendChance: random.pick([0, 0.2, 0.6]),
    thinkMs: random.pick([0, 0.1, 2]),
    isCompacted: false,
  }
}
