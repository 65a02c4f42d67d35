// Reads what nobody asks for, a stretch at a time, to find rot before a consumer does. Looks at sealed
// segments only, and at those that are synced: what is being written has its checks elsewhere.
// Invariant: whatever it says of a segment is said while that segment is in the list. One that was
// removed or replaced while it was being read is nobody's damage.

import type { Timers } from '../../host/clock.ts'
import { LandedOnDamage } from './log-reader.ts'
import { scanSegment } from './scan.ts'
import type { Segment } from './segment.ts'

/** The start of a batch; everything before it was found good. */
export interface ScrubPlace {
  readonly segment: Segment
  readonly position: number
  readonly offset: number
}

export interface ScrubRequest {
  /** Where the last stretch ended; undefined begins with the oldest segment. */
  readonly from: ScrubPlace | undefined
  /** Soft limit, more than 0: the batch that crosses it is still checked. */
  readonly maxBytes: number
}

export interface ScrubStep {
  readonly checkedBytes: number
  readonly next: ScrubPlace
}

/**
 * @returns undefined when no segment is left to check
 * @throws LandedOnDamage with the offset that cannot be trusted; DiskError
 */
export async function scrubStretch(
  segments: readonly Segment[],
  timers: Timers,
  { from, maxBytes }: ScrubRequest,
): Promise<ScrubStep | undefined> {
  const start = whereToGoOn(segments, from)
  if (start === undefined) return undefined
  const { segment, position, offset } = start
  try {
    const scan = await scanSegment(segment, {
      timers,
      fromPosition: position,
      fromOffset: offset,
      endPosition: segment.sizeBytes,
      maxBytes,
      onBatch: () => undefined,
    })
    if (scan.isDamaged) throw new LandedOnDamage(segment, scan.endPosition, scan.endOffset)
    const next = { segment, position: scan.endPosition, offset: scan.endOffset }
    return { checkedBytes: scan.endPosition - position, next }
  } catch (error) {
    if (segments.includes(segment)) throw error
    return { checkedBytes: 0, next: start }
  }
}

function whereToGoOn(
  segments: readonly Segment[],
  from: ScrubPlace | undefined,
): ScrubPlace | undefined {
  const active = segments.at(-1)
  for (const segment of segments) {
    if (segment === active) return undefined
    if (segment === from?.segment) {
      if (from.position < segment.sizeBytes) return from
      continue
    }
    // Where the one that was being read is gone, what has its offsets now is read from its start.
    const isBehind = from === undefined || segment.endOffset > from.offset
    if (!isBehind || segment.isDirty || segment.sizeBytes === 0) continue
    return { segment, position: 0, offset: segment.baseOffset }
  }
  return undefined
}
