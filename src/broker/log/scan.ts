// Reads a segment from front to back, checks every batch, and says where good bytes end and what
// stands there. Recovery, rebuilding of indexes, compaction, the scrub and `log check` all look through here.
// Bounded: one window of bytes in memory, and the event loop goes round between windows.

import type { Timers } from '../../host/clock.ts'
import {
  BATCH_OVERHEAD_BYTES,
  type BatchHeader,
  readBatchHeader,
  readBatchSize,
} from '../batch/header.ts'
import { DecodeError } from '../bytes/reader.ts'
import { hasSaneHeader, isIntactBatch } from './intact-batch.ts'
import type { Segment } from './segment.ts'

const WINDOW_BYTES = 1024 * 1024
/** Recovery looks for a good batch behind damage at every byte; so much at a time. */
const MAX_BATCH_BYTES = 512 * 1024 * 1024

export interface ScannedBatch {
  readonly header: BatchHeader
  readonly position: number
  /** The whole batch; nobody else writes to it. */
  readonly bytes: Buffer
}

export interface ScanOptions {
  readonly timers: Timers
  /** The start of a batch. */
  readonly fromPosition: number
  /** The offset that the first batch must not be below. */
  readonly fromOffset: number
  /** Exclusive. */
  readonly endPosition: number
  /** Stops, at the end of a batch, once it has come so far. Unlimited unless given. */
  readonly maxBytes?: number
  readonly checkCrc?: boolean
  readonly onBatch: (batch: ScannedBatch) => void
}

export interface Scan {
  /** Where the last good batch ends. */
  readonly endPosition: number
  /** The offset after it. */
  readonly endOffset: number
  /** Whether bytes follow that are no good batch. */
  readonly isDamaged: boolean
}

/** Goes through whole batches until the end, the limit, or the first that is not intact. */
export async function scanSegment(segment: Segment, options: ScanOptions): Promise<Scan> {
  const { timers, endPosition, onBatch, checkCrc = true } = options
  const stopAt = options.fromPosition + (options.maxBytes ?? Number.MAX_SAFE_INTEGER)
  let position = options.fromPosition
  let endOffset = options.fromOffset
  let windowBytes = WINDOW_BYTES
  while (position < endPosition && position < stopAt) {
    const wanted = Math.min(windowBytes, endPosition - position)
    const window = await segment.read(position, wanted)
    let at = 0
    let missing = window.length === 0 ? -1 : 0
    while (at < window.length) {
      if (!hasSaneHeader(window, at)) {
        missing = at + BATCH_OVERHEAD_BYTES > window.length ? BATCH_OVERHEAD_BYTES : -1
        break
      }
      const size = readBatchSize(window, at)
      if (at + size > window.length) {
        missing = size
        break
      }
      const header = goodHeader(window, at, checkCrc)
      if (header === undefined || header.baseOffset < endOffset) {
        missing = -1
        break
      }
      const bytes = window.subarray(at, at + size)
      onBatch({ header, position: position + at, bytes })
      endOffset = header.lastOffset + 1
      at += size
    }
    position += at
    const isShort = missing > 0 && window.length < wanted // the file ends before it should
    const isCutOff = isShort || missing > endPosition - position || missing > MAX_BATCH_BYTES
    if (missing < 0 || isCutOff) return { endPosition: position, endOffset, isDamaged: true }
    windowBytes = Math.max(WINDOW_BYTES, missing)
    await timers.yield()
  }
  return { endPosition: position, endOffset, isDamaged: false }
}

function goodHeader(window: Buffer, at: number, checkCrc: boolean): BatchHeader | undefined {
  if (checkCrc && !isIntactBatch(window, at)) return undefined
  try {
    return readBatchHeader(window, at)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
