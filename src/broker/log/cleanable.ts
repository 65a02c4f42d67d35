// What of a compacted log is worth compacting now, and which of its segments become one. Pure.
// Source: KIP-58 (min.compaction.lag.ms), KIP-71 (compact and delete), KIP-354
// (max.compaction.lag.ms). The active segment is never compacted, nor what is not stable yet.

import type { LogConfig } from './log-config.ts'
import { isCompacted } from './log-config.ts'
import type { RetainedSegment } from './retention.ts'
import { MAX_RELATIVE_OFFSET } from './segment.ts'

export interface CleanableSegment extends RetainedSegment {
  /** -1 when the first batch has none. */
  readonly firstTimestamp: number
}

export interface CompactionState {
  readonly config: LogConfig
  readonly logStartOffset: number
  /** Everything below was compacted before. */
  readonly firstDirtyOffset: number
  /** Exclusive: the last stable offset. */
  readonly stableOffset: number
  readonly nowMs: number
}

export interface Cleanable {
  readonly firstDirtyOffset: number
  /** Exclusive; where a segment begins. */
  readonly endOffset: number
  /** The share of bytes that were never compacted, from 0 to 1. */
  readonly dirtyRatio: number
  /** By the dirty ratio, or because something has waited for too long. */
  readonly isDue: boolean
}

/** @param segments all of them; the last one is the active one */
export function decideCleanable(
  segments: readonly CleanableSegment[],
  state: CompactionState,
): Cleanable | undefined {
  const { config, nowMs } = state
  const active = segments.at(-1)
  if (active === undefined || !isCompacted(config)) return undefined
  let firstDirtyOffset = Math.max(state.firstDirtyOffset, state.logStartOffset)
  // Of a log that was longer once.
  if (firstDirtyOffset > active.baseOffset) firstDirtyOffset = state.logStartOffset
  let endOffset = active.baseOffset
  let cleanBytes = 0
  let dirtyBytes = 0
  let oldestDirtyMs = Number.POSITIVE_INFINITY
  for (const segment of segments.slice(0, -1)) {
    const isDirty = segment.endOffset > firstDirtyOffset
    const isYoung = isDirty && nowMs - newestOf(segment) < config.minCompactionLagMs
    if (segment.endOffset > state.stableOffset || isYoung) {
      endOffset = segment.baseOffset
      break
    }
    if (isDirty) {
      dirtyBytes += segment.sizeBytes
      oldestDirtyMs = Math.min(oldestDirtyMs, oldestOf(segment))
    } else cleanBytes += segment.sizeBytes
  }
  if (dirtyBytes === 0) return undefined
  const dirtyRatio = dirtyBytes / (dirtyBytes + cleanBytes)
  const isOverdue = nowMs - oldestDirtyMs > config.maxCompactionLagMs
  const isDue = isOverdue || dirtyRatio > config.minCleanableDirtyRatio
  return { firstDirtyOffset, endOffset, dirtyRatio, isDue }
}

/** Whether the active segment must make way, although nothing is appended that would close it. */
export function isRollDue(active: CleanableSegment, config: LogConfig, nowMs: number): boolean {
  if (!isCompacted(config) || active.sizeBytes === 0) return false
  const isOverdue = nowMs - oldestOf(active) > config.maxCompactionLagMs
  // By the clock: the records of an old import would close a segment at every look.
  return isOverdue || nowMs - active.createdMs > config.segmentMs
}

/** Neighbours that fit into one segment together; each group has at least one. */
export function groupSegments<S extends CleanableSegment>(
  segments: readonly S[],
  config: Pick<LogConfig, 'segmentBytes' | 'segmentIndexBytes' | 'indexIntervalBytes'>,
): S[][] {
  const groups: S[][] = []
  let sizeBytes = 0
  for (const segment of segments) {
    const group = groups.at(-1)
    const sum = sizeBytes + segment.sizeBytes
    const fits =
      group !== undefined &&
      sum <= config.segmentBytes &&
      indexBytes(sum, config.indexIntervalBytes) <= config.segmentIndexBytes &&
      segment.endOffset - 1 - group[0]!.baseOffset <= MAX_RELATIVE_OFFSET
    if (fits) {
      group.push(segment)
      sizeBytes = sum
    } else {
      groups.push([segment])
      sizeBytes = segment.sizeBytes
    }
  }
  return groups
}

/** At most so long is the offset index of a log file of that size; the time index has as many entries. */
function indexBytes(logBytes: number, indexIntervalBytes: number): number {
  return (Math.floor(logBytes / (indexIntervalBytes + 1)) + 1) * 12
}

function oldestOf({ firstTimestamp, createdMs }: CleanableSegment): number {
  return firstTimestamp >= 0 ? firstTimestamp : createdMs
}

function newestOf({ maxTimestamp, createdMs }: CleanableSegment): number {
  return maxTimestamp >= 0 ? maxTimestamp : createdMs
}
