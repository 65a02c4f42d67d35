// A look at every field of every record, making nothing for each: for batches that are compressed anew
// and for topics that ask for keys. Pauses in between, so that it may be long.

import { RecordCursor } from './record-cursor.ts'
import { type Pause, RECORDS_PER_LOOK } from './retain-records.ts'

export interface RecordsSummary {
  /** Indexes of records without a key: the first `MAX_NAMED_RECORDS` of them. */
  readonly withoutKey: readonly number[]
  /** Whether the offset deltas are 0, 1, 2 ... as those of a producer should be. */
  readonly areOffsetsInOrder: boolean
  /** Smallest and largest timestamp delta; 0 when there is no record. */
  readonly minTimestampDelta: number
  readonly maxTimestampDelta: number
}

/** A refusal that names every one of a million records helps nobody. */
export const MAX_NAMED_RECORDS = 1000

/**
 * @param records decompressed
 * @throws DecodeError when they are not exactly `count` whole records
 */
export async function inspectRecords(
  records: Buffer,
  count: number,
  pause?: Pause,
): Promise<RecordsSummary> {
  const cursor = new RecordCursor(records, count)
  const withoutKey: number[] = []
  let areOffsetsInOrder = true
  let minTimestampDelta = Number.POSITIVE_INFINITY
  let maxTimestampDelta = Number.NEGATIVE_INFINITY
  for (let index = 0; cursor.next(); index++) {
    if (index % RECORDS_PER_LOOK === RECORDS_PER_LOOK - 1) await pause?.()
    cursor.checkHeaders()
    if (cursor.offsetDelta !== index) areOffsetsInOrder = false
    if (cursor.keyLength === -1 && withoutKey.length < MAX_NAMED_RECORDS) withoutKey.push(index)
    minTimestampDelta = Math.min(minTimestampDelta, cursor.timestampDelta)
    maxTimestampDelta = Math.max(maxTimestampDelta, cursor.timestampDelta)
  }
  if (count === 0)
    return { withoutKey, areOffsetsInOrder, minTimestampDelta: 0, maxTimestampDelta: 0 }
  return { withoutKey, areOffsetsInOrder, minTimestampDelta, maxTimestampDelta }
}
