// Reads a segment's batches and learns what they say: sizes and indexes for the segment, and for the
// partition its producers, transactions and epochs. Shared by recovery, by the first write after a
// clean start, and by the rebuilding of damaged indexes.
// Invariant: afterwards the segment's size is the end of its last good batch, and its indexes are
// complete up to there.

import type { Timers } from '../../host/clock.ts'
import {
  BATCH_OVERHEAD_BYTES,
  NO_TIMESTAMP,
  readLastOffset,
  recordsMaxTimestamp,
} from '../batch/header.ts'
import { hasSaneHeader } from './intact-batch.ts'
import type { LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import type { OffsetIndexEntry } from './offset-index.ts'
import type { ProducerTable } from './producer-table.ts'
import { recoveryCounters as counters } from './recovery-counters.ts'
import { type Scan, type ScannedBatch, scanSegment } from './scan.ts'
import type { Segment } from './segment.ts'

export interface LearnOptions {
  readonly timers: Timers
  readonly config: LogConfig
  readonly producers: ProducerTable
  readonly epochs?: LeaderEpochs
  /** What lies below is known; only batches at or behind it change the producers. */
  readonly fromOffset: number
  /** Of the .log file; the segment's own size unless given. */
  readonly fileBytes?: number
  /** Batches below it are known to be synced; all of them unless given. */
  readonly durableBelow?: number
  readonly checkCrc?: boolean
  /** false reads from the start whatever the indexes on disk say. */
  readonly useIndexes?: boolean
}

export async function learnSegment(segment: Segment, options: LearnOptions): Promise<Scan> {
  const endPosition = options.fileBytes ?? segment.sizeBytes
  const fromOffset = Math.max(options.fromOffset, segment.baseOffset)
  const begin = options.useIndexes === false ? segment.baseOffset : fromOffset
  const start = await whereToBegin(segment, begin, endPosition)
  const durableBelow = options.durableBelow ?? Number.MAX_SAFE_INTEGER
  return await scanSegment(segment, {
    timers: options.timers,
    fromPosition: start.position,
    fromOffset: segment.endOffset,
    endPosition,
    checkCrc: options.checkCrc ?? true,
    onBatch: (batch) => {
      learnBatch(segment, batch, options)
      if (batch.header.lastOffset < durableBelow) segment.trustSynced()
    },
  })
}

/** A batch stands at the end of the segment: accounts for it. */
export function learnBatch(
  segment: Segment,
  { header, bytes }: ScannedBatch,
  learn: Pick<LearnOptions, 'config' | 'producers' | 'epochs'> & { fromOffset?: number },
): void {
  const { baseOffset, maxTimestamp } = header
  const isNew = baseOffset >= (learn.fromOffset ?? 0)
  if (isNew) learn.epochs?.note(header.partitionLeaderEpoch, baseOffset)
  const place = { baseOffset, timestamp: maxTimestamp }
  const ended = isNew ? learn.producers.learn(header, bytes, place) : undefined
  segment.note({
    lastOffset: header.lastOffset,
    maxTimestamp: header.recordCount === 0 ? NO_TIMESTAMP : maxTimestamp,
    sizeBytes: header.sizeBytes,
    indexIntervalBytes: learn.config.indexIntervalBytes,
    abortedTransaction: ended?.isAbort === true ? ended : undefined,
  })
}

/** The indexes on disk save reading what lies before the offset, if they are good. */
async function whereToBegin(
  segment: Segment,
  fromOffset: number,
  endPosition: number,
): Promise<{ position: number }> {
  const isInside = fromOffset > segment.baseOffset
  const indexes = isInside ? await segment.loadIndexes(endPosition) : undefined
  const entry = indexes?.offsets.entryFor(fromOffset - segment.baseOffset)
  if (entry === undefined || !(await isTrue(entry, segment))) {
    // Those that ended below the offset are not learnt again: the reader may have begun behind them.
    const aborted = isInside ? ((await segment.readTransactionIndex()) ?? []) : []
    segment.beginAnew(aborted.filter(({ lastOffset }) => lastOffset < fromOffset))
    return { position: 0 }
  }
  const first = await segment.read(0, BATCH_OVERHEAD_BYTES)
  segment.goOnFrom(entry, fromOffset, recordsMaxTimestamp(first, 0))
  return { position: entry.position }
}

/** Whether the batch that the entry speaks of stands there. */
async function isTrue(entry: OffsetIndexEntry, segment: Segment): Promise<boolean> {
  const header = await segment.read(entry.position, BATCH_OVERHEAD_BYTES)
  const isBatch = hasSaneHeader(header, 0)
  if (isBatch && readLastOffset(header, 0) === segment.baseOffset + entry.relativeOffset)
    return true
  counters.indexesRefused += 1
  return false
}
