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
