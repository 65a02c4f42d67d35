// Which segments have outlived their topic's retention? Pure. Source: Kafka's retention.ms,
// retention.bytes and DeleteRecords; only whole segments go, oldest first, and never one that a
// reader above the log start could still ask for.

import type { LogConfig } from './log-config.ts'

export interface RetainedSegment {
  readonly baseOffset: number
  /** Exclusive. */
  readonly endOffset: number
  readonly sizeBytes: number
  /** -1 when no record has one. */
  readonly maxTimestamp: number
  readonly createdMs: number
}

export interface RetentionState {
  readonly config: Pick<LogConfig, 'cleanupPolicy' | 'retentionMs' | 'retentionBytes'>
  readonly logStartOffset: number
  /** Nothing at or beyond it may be removed. */
  readonly highWatermark: number
  readonly nowMs: number
}

const KEEPS_WHAT_IS_OLD = { cleanupPolicy: [], retentionMs: -1, retentionBytes: -1 } as const

/** @returns how many segments from the oldest on hold nothing at or above the log start */
export function countBelowStart(
  segments: readonly RetainedSegment[],
  state: Pick<RetentionState, 'logStartOffset' | 'highWatermark'>,
): number {
  return countExpired(segments, { ...state, config: KEEPS_WHAT_IS_OLD, nowMs: 0 })
}

/** @returns how many segments from the oldest on may go; the last one may be among them */
export function countExpired(segments: readonly RetainedSegment[], state: RetentionState): number {
  const { config, logStartOffset, highWatermark, nowMs } = state
  const deletes = config.cleanupPolicy.includes('delete')
  const { retentionMs, retentionBytes } = config
  let excessBytes = Number.NEGATIVE_INFINITY
  if (deletes && retentionBytes >= 0) {
    excessBytes = segments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) - retentionBytes
  }
  let count = 0
  for (const segment of segments) {
    if (segment.endOffset > highWatermark || segment.sizeBytes === 0) break
    const isBelowStart = segment.endOffset <= logStartOffset
    const isOld = deletes && retentionMs >= 0 && nowMs - lastWritten(segment) > retentionMs
    const isExcess = excessBytes >= segment.sizeBytes
    if (!isBelowStart && !isOld && !isExcess) break
    excessBytes -= segment.sizeBytes
    count += 1
  }
  return count
}

function lastWritten({ maxTimestamp, createdMs }: RetainedSegment): number {
  return maxTimestamp >= 0 ? maxTimestamp : createdMs
}
