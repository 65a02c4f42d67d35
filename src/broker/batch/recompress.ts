// The same records in another codec, as a topic asks for with `compression.type`. Keys, values, headers
// and times stay, and so does what the batch says of its producer; offset deltas become 0, 1, 2 ...,
// and the latest time is that of the records. Source: what Kafka's LogValidator does.

import type { Codec } from '../../host/codec.ts'
import { Writer } from '../bytes/writer.ts'
import { assembleBatchAsync } from './builder.ts'
import type { BatchHeader } from './header.ts'
import type { RecordsSummary } from './inspect-records.ts'
import { RecordCursor } from './record-cursor.ts'
import { copyRecord, type Pause, RECORDS_PER_LOOK } from './retain-records.ts'

export interface RecompressOptions {
  readonly codec: Codec
  /** See `compress`. */
  readonly level?: number | undefined
  readonly pause?: Pause
}

/**
 * @param header of the batch that the records came in
 * @param records decompressed, and found in order by `inspectRecords`, which made `summary`
 */
export async function recompress(
  header: BatchHeader,
  records: Buffer,
  summary: RecordsSummary,
  { codec, level, pause }: RecompressOptions,
): Promise<Buffer> {
  const numbered = summary.areOffsetsInOrder
    ? [records]
    : await numberAnew(records, header.recordCount, pause)
  const maxTimestamp = header.baseTimestamp + summary.maxTimestampDelta
  return assembleBatchAsync(numbered, { ...header, compression: codec, maxTimestamp }, level)
}

async function numberAnew(
  records: Buffer,
  count: number,
  pause: Pause | undefined,
): Promise<readonly Buffer[]> {
  const cursor = new RecordCursor(records, count)
  const anew = new Writer(records.length)
  for (let index = 0; cursor.next(); index++) {
    if (index % RECORDS_PER_LOOK === RECORDS_PER_LOOK - 1) await pause?.()
    const { timestampDelta } = cursor
    copyRecord(anew, records, cursor, { timestampDelta, offsetDelta: index })
  }
  return anew.chunks()
}
