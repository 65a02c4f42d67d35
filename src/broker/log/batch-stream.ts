// The batches of a sealed segment, one after the other, for who works on each and may have to wait in
// between: what compaction reads. Bounded: one window of bytes, or one batch where that is larger.

import type { Timers } from '../../host/clock.ts'
import { LandedOnDamage } from './log-reader.ts'
import { type ScannedBatch, scanSegment } from './scan.ts'
import type { Segment } from './segment.ts'

/** @throws LandedOnDamage where no intact batch follows before the segment's end */
export async function* batchesOf(
  segment: Segment,
  timers: Timers,
): AsyncGenerator<ScannedBatch, void, undefined> {
  let position = 0
  let offset = segment.baseOffset
  while (position < segment.sizeBytes) {
    const batches: ScannedBatch[] = []
    const scan = await scanSegment(segment, {
      timers,
      fromPosition: position,
      fromOffset: offset,
      endPosition: segment.sizeBytes,
      maxBytes: 1, // as many as one window holds
      onBatch: (batch) => batches.push(batch),
    })
    yield* batches
    if (scan.isDamaged) throw new LandedOnDamage(segment, scan.endPosition)
    position = scan.endPosition
    offset = scan.endOffset
  }
}
