// The records inside a batch. Each is, after its length as a varint:
//
//   int8     attributes, unused
//   varlong  timestamp, counted from the batch's base timestamp
//   varint   offset, counted from the batch's base offset
//   varint   key length, -1 = null      bytes  key
//   varint   value length, -1 = null    bytes  value
//   varint   header count, then each: varint name length, UTF-8, varint value length or -1, bytes
//
// Source: the protocol guide's "Record", KIP-98. When the batch says so, all of it is compressed.

import { decompressSync } from '../../host/codec.ts'
import { DecodeError, Reader } from '../bytes/reader.ts'
import { batchOffsets, readBatchHeader } from './header.ts'

export interface BatchRecord {
  readonly offset: number
  /** Milliseconds since 1970; the batch's append time when the broker stamped it. */
  readonly timestamp: number
  readonly key: Buffer | null
  /** null is a tombstone. */
  readonly value: Buffer | null
  readonly headers: readonly RecordHeader[]
}

export type RecordHeader = readonly [name: string, value: Buffer | null]

/** What one batch may grow to when it is decompressed, unless told otherwise. */
export const MAX_DECOMPRESSED_BYTES = 256 * 1024 * 1024
/** Length, attributes, timestamp, offset, key and value length, header count: a byte each at least. */
const SMALLEST_RECORD_BYTES = 7

/**
 * The records of one batch, in order; keys and values are views where the batch is not compressed.
 * @param batch exactly one batch, header included
 * @throws DecodeError it does not hold what its header says; CodecError it cannot be decompressed
 */
export function* readRecords(
  batch: Buffer,
  { maxBytes = MAX_DECOMPRESSED_BYTES }: { maxBytes?: number } = {},
): Generator<BatchRecord, void, undefined> {
  const header = readBatchHeader(batch, 0)
  const reader = new Reader(recordBytes(batch, maxBytes))
  checkCount(header.recordCount, reader.remaining)
  for (let index = 0; index < header.recordCount; index++) {
    const length = reader.varint()
    const end = reader.position + length
    if (length < 0 || length > reader.remaining) {
      throw new DecodeError(`record ${index} claims ${length} bytes`, reader.position)
    }
    reader.skip(1)
    const timestampDelta = reader.varlong()
    const offset = header.baseOffset + reader.varint()
    const key = nullableBytes(reader)
    const value = nullableBytes(reader)
    const headers = readHeaders(reader)
    if (reader.position !== end) {
      throw new DecodeError(`record ${index} is not as long as it says`, reader.position)
    }
    const timestamp = header.isLogAppendTime
      ? header.maxTimestamp
      : header.baseTimestamp + timestampDelta
    yield { offset, timestamp, key, value, headers }
  }
  if (reader.remaining > 0) throw new DecodeError('bytes behind the last record', reader.position)
}

/**
 * Walks the lengths of uncompressed records without looking into them: about 4 ns each.
 * @returns undefined when `count` records fill the bytes exactly, else what is wrong
 */
export function walkRecords(
  bytes: Buffer,
  start: number,
  end: number,
  count: number,
): string | undefined {
  let at = start
  for (let index = 0; index < count; index++) {
    let raw = 0
    let shift = 0
    for (;;) {
      if (at >= end || shift > 28) return `record ${index} has no length`
      const byte = bytes[at++]!
      raw |= (byte & 0x7f) << shift
      if (byte < 0x80) break
      shift += 7
    }
    const length = (raw >>> 1) ^ -(raw & 1)
    if (length < SMALLEST_RECORD_BYTES - 1 || length > end - at) {
      return `record ${index} claims ${length} bytes, ${end - at} are left`
    }
    at += length
  }
  return at === end ? undefined : `${end - at} bytes behind the last of ${count} records`
}

/** The records section of a batch, decompressed. @throws CodecError */
export function recordBytes(batch: Buffer, maxBytes = MAX_DECOMPRESSED_BYTES): Buffer {
  const { compression, sizeBytes } = readBatchHeader(batch, 0)
  const stored = batch.subarray(batchOffsets.records, sizeBytes)
  return compression === 'none' ? stored : decompressSync(compression, stored, { maxBytes })
}

function checkCount(count: number, bytes: number): void {
  if (count < 0 || count * SMALLEST_RECORD_BYTES > bytes) {
    throw new DecodeError(
      `${count} records do not fit into ${bytes} bytes`,
      batchOffsets.recordCount,
    )
  }
}

function nullableBytes(reader: Reader): Buffer | null {
  const length = reader.varint()
  return length === -1 ? null : reader.bytes(length)
}

function readHeaders(reader: Reader): RecordHeader[] {
  const count = reader.varint()
  if (count < 0 || count * 2 > reader.remaining) {
    throw new DecodeError(`${count} record headers do not fit`, reader.position)
  }
  const headers: RecordHeader[] = []
  for (let index = 0; index < count; index++) {
    const name = reader.string(reader.varint())
    headers.push([name, nullableBytes(reader)])
  }
  return headers
}
