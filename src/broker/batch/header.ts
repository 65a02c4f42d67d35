// The header of a record batch (message format v2), read and patched in place.
// Source: the protocol guide's "Record Batch"; KIP-98 (producer fields), KIP-32 (timestamps),
// KIP-534 (delete horizon). Big-endian; `at` is where the batch starts in the buffer:
//
//   at  bytes  field                  in the CRC
//    0    8    baseOffset             no   patched by the broker
//    8    4    batchLength            no   bytes that follow this field: size - 12
//   12    4    partitionLeaderEpoch   no   patched by the broker
//   16    1    magic (2)              no
//   17    4    crc                    no   CRC-32C of everything from byte 21 to the end
//   21    2    attributes             yes  bits 0-2 compression, 3 log append time,
//                                          4 transactional, 5 control, 6 delete horizon
//   23    4    lastOffsetDelta        yes
//   27    8    baseTimestamp          yes  the delete horizon instead, when bit 6 is set
//   35    8    maxTimestamp           yes
//   43    8    producerId             yes  -1 = none
//   51    2    producerEpoch          yes
//   53    4    baseSequence           yes  -1 = none
//   57    4    recordCount            yes
//   61         records                yes  compressed as a whole when bits 0-2 say so

import type { Codec } from '../../host/codec.ts'
import { inTurns } from '../../host/gather.ts'
import { crc32c } from '../bytes/crc32c.ts'
import { DecodeError } from '../bytes/reader.ts'

export const BATCH_OVERHEAD_BYTES = 61
/** baseOffset and batchLength: what must be read to know how long a batch is. */
export const BATCH_PREFIX_BYTES = 12
export const CURRENT_MAGIC = 2

/** Where each field starts, counted from the start of the batch. */
export const batchOffsets = {
  baseOffset: 0,
  batchLength: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
  records: 61,
} as const

export const COMPRESSION_MASK = 0x07
export const LOG_APPEND_TIME_FLAG = 0x08
export const TRANSACTIONAL_FLAG = 0x10
export const CONTROL_FLAG = 0x20
export const DELETE_HORIZON_FLAG = 0x40

/** The codec at index n has the code n in the attributes. */
export const codecByCode: readonly Codec[] = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

export const NO_TIMESTAMP = -1
export const NO_PRODUCER_ID = -1
export const NO_PRODUCER_EPOCH = -1
export const NO_SEQUENCE = -1
export const MAX_SEQUENCE = 0x7fff_ffff

export interface BatchHeader {
  readonly baseOffset: number
  /** The whole batch, header included. */
  readonly sizeBytes: number
  readonly partitionLeaderEpoch: number
  readonly magic: number
  /** As stored, unsigned; see `batchCrc` for what it should be. */
  readonly crc: number
  readonly attributes: number
  readonly compression: Codec
  readonly isLogAppendTime: boolean
  readonly isTransactional: boolean
  readonly isControlBatch: boolean
  /** When true, `baseTimestamp` holds the delete horizon (KIP-534); deltas are counted from it. */
  readonly hasDeleteHorizon: boolean
  readonly lastOffsetDelta: number
  /** Inclusive: baseOffset + lastOffsetDelta. Compaction keeps it, whatever records are left. */
  readonly lastOffset: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  /** -1 when the producer is not idempotent. */
  readonly producerId: number
  readonly producerEpoch: number
  /** -1 when the producer is not idempotent. */
  readonly baseSequence: number
  /** Inclusive, wrapped past 2^31-1 to 0; -1 when baseSequence is. */
  readonly lastSequence: number
  readonly recordCount: number
}

/**
 * Reads the header of the batch that starts at `at`; its records need not be in the buffer.
 * Says nothing of the CRC, nor whether the fields make sense together.
 * @throws DecodeError fewer than 61 bytes, a length below that, another magic than 2, a codec that
 *   does not exist, a 64-bit field beyond 2^53-1, an offset that runs beyond it
 */
export function readBatchHeader(buffer: Buffer, at: number): BatchHeader {
  if (at + BATCH_OVERHEAD_BYTES > buffer.length) {
    throw new DecodeError(`a batch header needs 61 bytes, ${buffer.length - at} are left`, at)
  }
  const sizeBytes = readBatchSize(buffer, at)
  if (sizeBytes < BATCH_OVERHEAD_BYTES) {
    throw new DecodeError(
      `batch length ${sizeBytes - BATCH_PREFIX_BYTES} is below the header's`,
      at,
    )
  }
  const magic = readMagic(buffer, at)
  if (magic !== CURRENT_MAGIC) throw new DecodeError(`batch magic is ${magic}, not 2`, at)

  const attributes = readAttributes(buffer, at)
  const baseOffset = safe(buffer, at, 'base offset')
  const lastOffsetDelta = readLastOffsetDelta(buffer, at)
  const lastOffset = baseOffset + lastOffsetDelta
  if (!Number.isSafeInteger(lastOffset)) throw new DecodeError('last offset beyond 2^53-1', at)
  const baseSequence = readBaseSequence(buffer, at)
  return {
    baseOffset,
    sizeBytes,
    partitionLeaderEpoch: readPartitionLeaderEpoch(buffer, at),
    magic,
    crc: readCrc(buffer, at),
    attributes,
    compression: codecOf(attributes, at),
    isLogAppendTime: (attributes & LOG_APPEND_TIME_FLAG) !== 0,
    isTransactional: (attributes & TRANSACTIONAL_FLAG) !== 0,
    isControlBatch: (attributes & CONTROL_FLAG) !== 0,
    hasDeleteHorizon: (attributes & DELETE_HORIZON_FLAG) !== 0,
    lastOffsetDelta,
    lastOffset,
    baseTimestamp: safe(buffer, at + batchOffsets.baseTimestamp, 'base timestamp'),
    maxTimestamp: safe(buffer, at + batchOffsets.maxTimestamp, 'max timestamp'),
    producerId: safe(buffer, at + batchOffsets.producerId, 'producer id'),
    producerEpoch: readProducerEpoch(buffer, at),
    baseSequence,
    lastSequence: lastSequence(baseSequence, lastOffsetDelta),
    recordCount: readRecordCount(buffer, at),
  }
}

// Single fields, for hot paths that need one or two of them. They check nothing: the caller has
// seen `BATCH_OVERHEAD_BYTES` bytes from `at` on, or the few that the field needs.

/** The whole batch in bytes; needs the first 12. */
export function readBatchSize(buffer: Buffer, at: number): number {
  return BATCH_PREFIX_BYTES + buffer.readInt32BE(at + batchOffsets.batchLength)
}

/** Beyond 2^53-1 the result is rounded: only for batches that `readBatchHeader` has let in. */
export function readBaseOffset(buffer: Buffer, at: number): number {
  return int64(buffer, at)
}

/** Inclusive. */
export function readLastOffset(buffer: Buffer, at: number): number {
  return int64(buffer, at) + buffer.readInt32BE(at + batchOffsets.lastOffsetDelta)
}

export function readPartitionLeaderEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + batchOffsets.partitionLeaderEpoch)
}

/** Signed; stands at the same place in the older formats 0 and 1. */
export function readMagic(buffer: Buffer, at: number): number {
  return buffer.readInt8(at + batchOffsets.magic)
}

export function readCrc(buffer: Buffer, at: number): number {
  return buffer.readUInt32BE(at + batchOffsets.crc)
}

export function readAttributes(buffer: Buffer, at: number): number {
  return buffer.readUInt16BE(at + batchOffsets.attributes)
}

export function readLastOffsetDelta(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + batchOffsets.lastOffsetDelta)
}

export function readBaseTimestamp(buffer: Buffer, at: number): number {
  return int64(buffer, at + batchOffsets.baseTimestamp)
}

export function readMaxTimestamp(buffer: Buffer, at: number): number {
  return int64(buffer, at + batchOffsets.maxTimestamp)
}

/** Of the records that are there: -1 in a batch that compaction has emptied, which keeps its time. */
export function recordsMaxTimestamp(buffer: Buffer, at: number): number {
  return readRecordCount(buffer, at) === 0 ? NO_TIMESTAMP : readMaxTimestamp(buffer, at)
}

export function readProducerId(buffer: Buffer, at: number): number {
  return int64(buffer, at + batchOffsets.producerId)
}

export function readProducerEpoch(buffer: Buffer, at: number): number {
  return buffer.readInt16BE(at + batchOffsets.producerEpoch)
}

export function readBaseSequence(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + batchOffsets.baseSequence)
}

export function readRecordCount(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at + batchOffsets.recordCount)
}

/** @param sizeBytes of the whole batch, which must be in the buffer. Unsigned. */
export function batchCrc(buffer: Buffer, at: number, sizeBytes: number): number {
  return crc32c(buffer.subarray(at + batchOffsets.attributes, at + sizeBytes))
}

/** Outside the CRC. @param offset 0..2^53-1 */
export function writeBaseOffset(buffer: Buffer, at: number, offset: number): void {
  writeInt64(buffer, at, offset)
}

/** Outside the CRC. */
export function writePartitionLeaderEpoch(buffer: Buffer, at: number, epoch: number): void {
  buffer.writeInt32BE(epoch, at + batchOffsets.partitionLeaderEpoch)
}

/**
 * Marks the batch as stamped by the broker and computes its CRC anew. The records' own timestamps
 * stay as they are: readers of such a batch take `maxTimestamp` for all of them (KIP-32).
 * @param timestamp milliseconds since 1970
 */
export function writeLogAppendTime(buffer: Buffer, at: number, timestamp: number): void {
  const attributes = readAttributes(buffer, at) | LOG_APPEND_TIME_FLAG
  buffer.writeUInt16BE(attributes, at + batchOffsets.attributes)
  writeInt64(buffer, at + batchOffsets.maxTimestamp, timestamp)
  writeBatchCrc(buffer, at)
}

/** Stores the CRC that the batch's bytes call for, after a field inside it was changed. */
export function writeBatchCrc(buffer: Buffer, at: number): void {
  const crc = batchCrc(buffer, at, readBatchSize(buffer, at))
  buffer.writeUInt32BE(crc, at + batchOffsets.crc)
}

/** As `writeBatchCrc`, of a buffer that holds one batch: some milliseconds at a time. */
export async function writeBatchCrcInTurns(batch: Buffer): Promise<void> {
  let crc = 0
  await inTurns(batch.subarray(batchOffsets.attributes), (slice) => {
    crc = crc32c(slice, crc)
  })
  batch.writeUInt32BE(crc, batchOffsets.crc)
}

/** `baseSequence` plus `delta`, wrapped past 2^31-1 to 0; no sequence stays no sequence. */
export function lastSequence(baseSequence: number, delta: number): number {
  if (baseSequence < 0) return NO_SEQUENCE
  const sum = baseSequence + delta
  return sum > MAX_SEQUENCE ? sum - MAX_SEQUENCE - 1 : sum
}

export function writeInt64(buffer: Buffer, at: number, value: number): void {
  const high = Math.floor(value / 0x1_0000_0000)
  buffer.writeInt32BE(high, at)
  buffer.writeUInt32BE(value - high * 0x1_0000_0000, at + 4)
}

function int64(buffer: Buffer, at: number): number {
  return buffer.readInt32BE(at) * 0x1_0000_0000 + buffer.readUInt32BE(at + 4)
}

function safe(buffer: Buffer, at: number, name: string): number {
  const value = int64(buffer, at)
  if (!Number.isSafeInteger(value)) throw new DecodeError(`${name} beyond 2^53-1`, at)
  return value
}

function codecOf(attributes: number, at: number): Codec {
  const codec = codecByCode[attributes & COMPRESSION_MASK]
  if (codec !== undefined) return codec
  throw new DecodeError(`unknown compression code ${attributes & COMPRESSION_MASK}`, at)
}
