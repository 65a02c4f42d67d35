// The batches of a sealed segment, one after the other, each checked: what compaction reads.
// Bounded: one window of bytes, or one batch where that is larger. Damage ends it.

import {
  BATCH_OVERHEAD_BYTES,
  type BatchHeader,
  readBatchHeader,
  readBatchSize,
} from '../batch/header.ts'
import { hasSaneHeader, isIntactBatch } from './intact-batch.ts'
import { LandedOnDamage } from './log-reader.ts'
import type { Segment } from './segment.ts'

const WINDOW_BYTES = 1024 * 1024

export interface StreamedBatch {
  readonly header: BatchHeader
  /** The whole batch; nobody else writes to it. */
  readonly bytes: Buffer
}

/** @throws LandedOnDamage where no intact batch follows before the segment's end */
export async function* batchesOf(segment: Segment): AsyncGenerator<StreamedBatch, void, undefined> {
  const endPosition = segment.sizeBytes
  let position = 0
  let windowBytes = WINDOW_BYTES
  let nextOffset = segment.baseOffset
  while (position < endPosition) {
    const wanted = Math.min(windowBytes, endPosition - position)
    const window = await segment.read(position, wanted)
    if (window.length < wanted) throw new LandedOnDamage(segment, position + window.length)
    let at = 0
    windowBytes = WINDOW_BYTES
    while (at + BATCH_OVERHEAD_BYTES <= window.length) {
      if (!hasSaneHeader(window, at)) throw new LandedOnDamage(segment, position + at)
      const size = readBatchSize(window, at)
      if (at + size > window.length) {
        windowBytes = Math.max(WINDOW_BYTES, size)
        break
      }
      const header = readBatchHeader(window, at)
      if (header.baseOffset < nextOffset || !isIntactBatch(window, at)) {
        throw new LandedOnDamage(segment, position + at)
      }
      nextOffset = header.lastOffset + 1
      yield { header, bytes: window.subarray(at, at + size) }
      at += size
    }
    // Not even the one batch that the window was made for: its length is wrong.
    if (at === 0 && windowBytes <= window.length) throw new LandedOnDamage(segment, position)
    if (at === 0 && windowBytes > endPosition - position)
      throw new LandedOnDamage(segment, position)
    position += at
  }
}
