// Leaves some records out of a batch, as compaction does. What stays keeps its offset, timestamp and
// bytes; the batch keeps its first and last offset, producer and sequences, so that idempotence and
// offsets are as before, also when no record is left (KIP-98, KIP-534).

import { Writer } from '../bytes/writer.ts'
import { assembleBatch } from './builder.ts'
import { type BatchHeader, readBatchHeader } from './header.ts'
import { RecordCursor } from './record-cursor.ts'
import { recordBytes, timestampOf } from './records.ts'

/**
 * A new batch with the records for which `keep` says so; their fields are those of the cursor.
 * @param batch one whole batch, from its first byte
 * @param options.deleteHorizonMs sets the time from which its tombstones may go; undefined keeps
 *   what the batch has
 * @throws DecodeError | CodecError
 */
export function retainRecords(
  batch: Buffer,
  keep: (record: RecordCursor, offset: number) => boolean,
  options: { deleteHorizonMs?: number | undefined } = {},
): { batch: Buffer; recordCount: number } {
  const header = readBatchHeader(batch, 0)
  const records = recordBytes(batch)
  const hasDeleteHorizon = header.hasDeleteHorizon || options.deleteHorizonMs !== undefined
  // The horizon takes the place of the base timestamp, and deltas are counted from it.
  const baseTimestamp = options.deleteHorizonMs ?? header.baseTimestamp
  const shift = header.baseTimestamp - baseTimestamp
  const cursor = new RecordCursor(records, header.recordCount)
  const kept = new Writer()
  let recordCount = 0
  let maxTimestamp = -1
  while (cursor.next()) {
    if (!keep(cursor, header.baseOffset + cursor.offsetDelta)) continue
    recordCount++
    maxTimestamp = Math.max(maxTimestamp, timestampOf(header, cursor.timestampDelta))
    copyRecord(kept, records, cursor, cursor.timestampDelta + shift)
  }
  if (recordCount === 0) return { batch: emptied(header), recordCount }
  const retained = assembleBatch(kept.chunks(), {
    ...header,
    hasDeleteHorizon,
    baseTimestamp,
    maxTimestamp: header.isLogAppendTime ? header.maxTimestamp : maxTimestamp,
    recordCount,
  })
  return { batch: retained, recordCount }
}

/** A header alone, as Kafka writes it: nothing to decompress, and no horizon to wait for. */
function emptied(header: BatchHeader): Buffer {
  return assembleBatch([], {
    ...header,
    compression: 'none',
    hasDeleteHorizon: false,
    baseTimestamp: header.maxTimestamp,
    recordCount: 0,
  })
}

function copyRecord(
  target: Writer,
  records: Buffer,
  cursor: RecordCursor,
  timestampDelta: number,
): void {
  const body = new Writer()
  body.bytes(records.subarray(cursor.bodyAt, cursor.bodyAt + 1))
  body.varlong(timestampDelta)
  body.varint(cursor.offsetDelta)
  body.bytes(records.subarray(cursor.contentAt, cursor.end))
  target.varint(body.length)
  for (const chunk of body.chunks()) target.bytes(chunk)
}
