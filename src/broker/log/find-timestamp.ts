// Answers ListOffsets by time: the first record at or after a moment, and the latest record of all.
// Indexes lead to the batch, headers are walked, and only the batch that must hold it is opened.
// Source: KIP-33, KIP-79, KIP-734.

import {
  BATCH_OVERHEAD_BYTES,
  readBatchSize,
  readMaxTimestamp,
  readPartitionLeaderEpoch,
} from '../batch/header.ts'
import { readRecords } from '../batch/records.ts'
import { hasSaneHeader } from './intact-batch.ts'
import { LandedOnDamage } from './log-reader.ts'
import type { Indexes, Segment } from './segment.ts'

export interface TimestampedOffset {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

const WINDOW_BYTES = 64 * 1024

/** The first record of the segment with `timestamp` or a later one. @throws LandedOnDamage */
export async function firstAtOrAfter(
  segment: Segment,
  indexes: Indexes,
  { timestamp, fromOffset }: { timestamp: number; fromOffset: number },
): Promise<TimestampedOffset | undefined> {
  const { sizeBytes } = segment
  const relative = Math.max(indexes.times.offsetFor(timestamp), fromOffset - segment.baseOffset)
  let position = indexes.offsets.positionFor(relative)
  while (position < sizeBytes) {
    const window = await segment.read(position, Math.min(WINDOW_BYTES, sizeBytes - position))
    let at = 0
    while (at + BATCH_OVERHEAD_BYTES <= window.length) {
      if (!hasSaneHeader(window, at)) throw new LandedOnDamage(segment, position + at)
      const size = readBatchSize(window, at)
      if (readMaxTimestamp(window, at) >= timestamp) {
        const batch = await segment.read(position + at, size)
        const found = firstInBatch(batch, timestamp, fromOffset)
        if (found !== undefined) return found
      }
      at += size
    }
    if (at === 0) throw new LandedOnDamage(segment, position)
    position += at
  }
  return undefined
}

function firstInBatch(
  batch: Buffer,
  timestamp: number,
  fromOffset: number,
): TimestampedOffset | undefined {
  for (const record of readRecords(batch)) {
    if (record.timestamp < timestamp || record.offset < fromOffset) continue
    return {
      offset: record.offset,
      timestamp: record.timestamp,
      leaderEpoch: readPartitionLeaderEpoch(batch, 0),
    }
  }
  return undefined
}
