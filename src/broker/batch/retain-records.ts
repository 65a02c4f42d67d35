// Leaves some records out of a batch, as compaction does. What stays keeps its offset, timestamp and
// bytes; the batch keeps its first and last offset, producer and sequences, so that idempotence and
// offsets are as before, also when no record is left (KIP-98, KIP-534).

import { Writer } from '../bytes/writer.ts'
import { assembleBatch, assembleBatchAsync, varlongBytes } from './builder.ts'
import { type BatchHeader, readBatchHeader } from './header.ts'
import { RecordCursor } from './record-cursor.ts'
import { recordBytesAsync, timestampOf } from './records.ts'

/** Lets others run when it is time; asked between records. */
export type Pause = () => Promise<void> | undefined

export interface RetainOptions {
  /** Sets the time from which its tombstones may go; undefined keeps what the batch has. */
  readonly deleteHorizonMs?: number | undefined
  /** The batch's records, decompressed, where they are at hand. */
  readonly records?: Buffer
  readonly pause?: Pause
}

/** Between two looks at the time. */
export const RECORDS_PER_LOOK = 64

/**
 * A new batch with the records for which `keep` says so; their fields are those of the cursor.
 * @param batch one whole batch, from its first byte
 * @throws DecodeError | CodecError
 */
export async function retainRecords(
  batch: Buffer,
  keep: (record: RecordCursor, offset: number) => boolean,
  options: RetainOptions = {},
): Promise<{ batch: Buffer; recordCount: number }> {
  const header = readBatchHeader(batch, 0)
  const records = options.records ?? (await recordBytesAsync(batch))
  const hasDeleteHorizon = header.hasDeleteHorizon || options.deleteHorizonMs !== undefined
  // The horizon takes the place of the base timestamp, and deltas are counted from it.
  const baseTimestamp = options.deleteHorizonMs ?? header.baseTimestamp
  const shift = header.baseTimestamp - baseTimestamp
  const cursor = new RecordCursor(records, header.recordCount)
  const kept = new KeptBytes(records, shift)
  let recordCount = 0
  let maxTimestamp = -1
  for (let seen = 1; cursor.next(); seen++) {
    if (seen % RECORDS_PER_LOOK === 0) await options.pause?.()
    if (!keep(cursor, header.baseOffset + cursor.offsetDelta)) continue
    recordCount++
    maxTimestamp = Math.max(maxTimestamp, timestampOf(header, cursor.timestampDelta))
    kept.add(cursor)
  }
  if (recordCount === 0) return { batch: emptyBatch(header), recordCount }
  const retained = await assembleBatchAsync(kept.chunks(), {
    ...header,
    hasDeleteHorizon,
    baseTimestamp,
    maxTimestamp: header.isLogAppendTime ? header.maxTimestamp : maxTimestamp,
    recordCount,
  })
  return { batch: retained, recordCount }
}

/** A header alone, as Kafka writes it: nothing to decompress, and no horizon to wait for. */
export function emptyBatch(header: BatchHeader): Buffer {
  return assembleBatch([], {
    ...header,
    compression: 'none',
    hasDeleteHorizon: false,
    baseTimestamp: header.maxTimestamp,
    recordCount: 0,
  })
}

/** Records that stay: where timestamps count from the same moment, stretches of the old bytes. */
class KeptBytes {
  readonly #records: Buffer
  readonly #shift: number
  readonly #stretches: Buffer[] = []
  readonly #anew = new Writer()
  #from = 0
  #end = 0

  constructor(records: Buffer, shift: number) {
    this.#records = records
    this.#shift = shift
  }

  add(cursor: RecordCursor): void {
    if (this.#shift !== 0) {
      const timestampDelta = cursor.timestampDelta + this.#shift
      copyRecord(this.#anew, this.#records, cursor, {
        timestampDelta,
        offsetDelta: cursor.offsetDelta,
      })
      return
    }
    if (cursor.start !== this.#end) this.#endStretch(cursor.start)
    this.#end = cursor.end
  }

  chunks(): readonly Buffer[] {
    if (this.#shift !== 0) return this.#anew.chunks()
    this.#endStretch(this.#end)
    return this.#stretches
  }

  #endStretch(next: number): void {
    if (this.#end > this.#from) this.#stretches.push(this.#records.subarray(this.#from, this.#end))
    this.#from = next
  }
}

/** Writes a record anew, with another place in its batch. */
export function copyRecord(
  target: Writer,
  records: Buffer,
  { bodyAt, contentAt, end }: RecordCursor,
  { timestampDelta, offsetDelta }: { timestampDelta: number; offsetDelta: number },
): void {
  target.varint(1 + varlongBytes(timestampDelta) + varlongBytes(offsetDelta) + end - contentAt)
  target.int8(records.readInt8(bodyAt))
  target.varlong(timestampDelta)
  target.varint(offsetDelta)
  target.bytes(records.subarray(contentAt, end))
}
