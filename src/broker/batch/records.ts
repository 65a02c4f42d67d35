// The records inside a batch: counted for the broker, which looks no further unless a topic asks for
// more, and read in full for those who need keys, values and headers.

import type { Codec } from '../../host/codec.ts'
import { decompress, decompressSync } from '../../host/codec.ts'
import { DecodeError } from '../bytes/reader.ts'
import { type BatchHeader, batchOffsets, readBatchHeader } from './header.ts'
import { RecordCursor, SMALLEST_RECORD_BYTES } from './record-cursor.ts'

/** What a batch may decompress to where nobody set a lower bound. */
export const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024

export interface BatchRecord {
  readonly offset: number
  /** Milliseconds since 1970; -1 = none. The batch's own for all, when the broker stamped it. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

export type RecordHeader = readonly [name: string, value: Buffer | null]

/** What a look at every record finds; see `inspectRecords`. */
export interface RecordsSummary {
  /** Index of the first record without a key; undefined when all have one. */
  readonly firstWithoutKey: number | undefined
  /** Smallest and largest timestamp delta, and the index of the first that has it. 0 and -1 if none. */
  readonly minTimestampDelta: number
  readonly minTimestampAt: number
  readonly maxTimestampDelta: number
  readonly maxTimestampAt: number
}

/**
 * Do exactly `count` records fill the bytes from `start` to `end`? Looks at lengths only, a few
 * nanoseconds each.
 * @param bytes decompressed
 * @returns undefined when they do, else what is wrong
 */
export function walkRecords(
  bytes: Buffer,
  start: number,
  end: number,
  count: number,
): string | undefined {
  let at = start
  for (let index = 0; index < count; index++) {
    if (at >= end) return `record ${index} is missing`
    let length = bytes[at++]! // still zig-zagged: the lowest bit is the sign
    if (length >= 0x80) {
      length &= 0x7f
      let shift = 7
      let byte = 0x80
      while (byte >= 0x80) {
        if (at >= end || shift > 28) return `record ${index} has no length`
        byte = bytes[at++]!
        length |= (byte & 0x7f) << shift
        shift += 7
      }
    }
    length = (length >>> 1) ^ -(length & 1)
    if (length < SMALLEST_RECORD_BYTES - 1 || length > end - at) {
      return `record ${index} claims ${length} bytes, ${end - at} are left`
    }
    at += length
  }
  return at === end ? undefined : `${end - at} bytes after the last of ${count} records`
}

/**
 * Looks at every field of every record, makes nothing for each: for topics that ask for it.
 * @param records decompressed
 * @throws DecodeError also when the offset deltas are not 0, 1, 2 ... as a producer's must be
 */
export function inspectRecords(records: Buffer, count: number): RecordsSummary {
  const cursor = new RecordCursor(records, count)
  let firstWithoutKey: number | undefined
  let minTimestampDelta = 0
  let minTimestampAt = -1
  let maxTimestampDelta = 0
  let maxTimestampAt = -1
  for (let index = 0; cursor.next(); index++) {
    if (cursor.offsetDelta !== index) {
      throw new DecodeError(`record ${index} has offset delta ${cursor.offsetDelta}`, cursor.start)
    }
    cursor.checkHeaders()
    if (cursor.keyLength === -1) firstWithoutKey ??= index
    if (minTimestampAt === -1 || cursor.timestampDelta < minTimestampDelta) {
      minTimestampDelta = cursor.timestampDelta
      minTimestampAt = index
    }
    if (maxTimestampAt === -1 || cursor.timestampDelta > maxTimestampDelta) {
      maxTimestampDelta = cursor.timestampDelta
      maxTimestampAt = index
    }
  }
  return { firstWithoutKey, minTimestampDelta, minTimestampAt, maxTimestampDelta, maxTimestampAt }
}

/**
 * The bytes of a batch's records, decompressed; a view when they are not compressed.
 * @param batch one whole batch, from its first byte
 * @throws DecodeError | CodecError
 */
export function recordBytes(batch: Buffer, maxBytes = MAX_DECOMPRESSED_BYTES): Buffer {
  const { compression, stored } = storedRecords(batch)
  return decompressSync(compression, stored, { maxBytes })
}

/** As `recordBytes`, decompressing off the event loop. */
export function recordBytesAsync(
  batch: Buffer,
  maxBytes = MAX_DECOMPRESSED_BYTES,
): Promise<Buffer> {
  const { compression, stored } = storedRecords(batch)
  return decompress(compression, stored, { maxBytes })
}

/**
 * Every record of a batch in full, keys and values as views. Control batches too: their records are
 * read by `control-marker.ts`.
 * @param batch one whole batch, from its first byte
 * @throws DecodeError | CodecError while iterating
 */
export function* readRecords(
  batch: Buffer,
  { maxBytes = MAX_DECOMPRESSED_BYTES }: { maxBytes?: number } = {},
): Generator<BatchRecord, void, undefined> {
  const header = readBatchHeader(batch, 0)
  const cursor = new RecordCursor(recordBytes(batch, maxBytes), header.recordCount)
  while (cursor.next()) {
    yield {
      offset: header.baseOffset + cursor.offsetDelta,
      timestamp: timestampOf(header, cursor.timestampDelta),
      key: cursor.key,
      value: cursor.value,
      headers: cursor.headers(),
    }
  }
}

/** A batch that the broker stamped has one timestamp for all records (KIP-32). */
export function timestampOf(header: BatchHeader, timestampDelta: number): number {
  return header.isLogAppendTime ? header.maxTimestamp : header.baseTimestamp + timestampDelta
}

function storedRecords(batch: Buffer): { compression: Codec; stored: Buffer } {
  const { compression, sizeBytes } = readBatchHeader(batch, 0)
  if (batch.length < sizeBytes) {
    throw new DecodeError(`${batch.length} bytes of a batch of ${sizeBytes}`, batch.length)
  }
  return { compression, stored: batch.subarray(batchOffsets.records, sizeBytes) }
}
