// Builds record batches: for the broker's own topics, for clients, and for compaction, which keeps
// offsets, sequences and timestamps of what it leaves.

import { type Codec, compress, compressSync } from '../../host/codec.ts'
import { gather } from '../../host/gather.ts'
import { Writer } from '../bytes/writer.ts'
import {
  BATCH_OVERHEAD_BYTES,
  BATCH_PREFIX_BYTES,
  CONTROL_FLAG,
  CURRENT_MAGIC,
  codecByCode,
  DELETE_HORIZON_FLAG,
  LOG_APPEND_TIME_FLAG,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  NO_TIMESTAMP,
  TRANSACTIONAL_FLAG,
  writeBatchCrc,
  writeBatchCrcInTurns,
} from './header.ts'
import type { RecordHeader } from './records.ts'

const MAX_VARINT_BYTES = 5

/** What a record holds, beside its place in a batch. */
export interface NewRecord {
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: readonly RecordHeader[]
}

export interface NewBatch extends BatchFields {
  /** At least one. */
  readonly records: readonly NewRecord[]
  /** Stamps the batch as the broker does: every record then has this time. */
  readonly logAppendTimeMs?: number
}

export interface BatchFields {
  readonly compression?: Codec | undefined
  readonly baseOffset?: number
  readonly partitionLeaderEpoch?: number
  /** -1 = not idempotent, which is the default. */
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
  readonly isControlBatch?: boolean
}

/** The fields that `assembleBatch` does not work out from records. */
export interface AssembledFields extends BatchFields {
  readonly lastOffsetDelta: number
  readonly baseTimestamp: number
  readonly maxTimestamp: number
  readonly recordCount: number
  readonly isLogAppendTime?: boolean
  /** `baseTimestamp` is the delete horizon (KIP-534). */
  readonly hasDeleteHorizon?: boolean
}

/**
 * One batch, at least one record, with offset deltas 0, 1, 2 ... and timestamps relative to the
 * first. Base offset 0 and leader epoch -1 unless told otherwise: the log patches both.
 */
export function buildBatch(batch: NewBatch): Buffer {
  const { records } = batch
  if (records.length === 0) throw new RangeError('a batch needs at least one record')
  const baseTimestamp = records[0]!.timestamp
  let maxTimestamp = NO_TIMESTAMP
  const sizes = records.map((record, index) => {
    maxTimestamp = Math.max(maxTimestamp, record.timestamp)
    return bodyBytes(record, record.timestamp - baseTimestamp, index)
  })
  const writer = new Writer(sizes.reduce((sum, size) => sum + size + MAX_VARINT_BYTES, 0))
  for (const [index, record] of records.entries()) {
    writer.varint(sizes[index]!)
    writeBody(writer, record, record.timestamp - baseTimestamp, index)
  }
  return assembleBatch(writer.chunks(), {
    ...batch,
    lastOffsetDelta: records.length - 1,
    baseTimestamp,
    maxTimestamp: batch.logAppendTimeMs ?? maxTimestamp,
    isLogAppendTime: batch.logAppendTimeMs !== undefined,
    recordCount: records.length,
  })
}

/** Puts the header before records that are encoded already, and compresses them. */
export function assembleBatch(records: readonly Buffer[], fields: AssembledFields): Buffer {
  const codec = fields.compression ?? 'none'
  const isPlain = codec === 'none'
  return frame(isPlain ? records : [compressSync(codec, Buffer.concat(records))], fields)
}

/** As `assembleBatch`, off the event loop or in turns. @param level see `compress` */
export async function assembleBatchAsync(
  records: readonly Buffer[],
  fields: AssembledFields,
  level?: number,
): Promise<Buffer> {
  const codec = fields.compression ?? 'none'
  const isPlain = codec === 'none'
  const body = isPlain ? records : [await compress(codec, await gather(records), level)]
  const batch = await gather([headerOf(body, fields), ...body])
  await writeBatchCrcInTurns(batch)
  return batch
}

function frame(body: readonly Buffer[], fields: AssembledFields): Buffer {
  const batch = Buffer.concat([headerOf(body, fields), ...body])
  writeBatchCrc(batch, 0)
  return batch
}

/** Without its CRC. */
function headerOf(body: readonly Buffer[], fields: AssembledFields): Buffer {
  const codec = fields.compression ?? 'none'
  const header = new Writer(BATCH_OVERHEAD_BYTES)
  const bodyBytes = body.reduce((sum, part) => sum + part.length, 0)
  header.int64(fields.baseOffset ?? 0)
  header.int32(BATCH_OVERHEAD_BYTES - BATCH_PREFIX_BYTES + bodyBytes)
  header.int32(fields.partitionLeaderEpoch ?? -1)
  header.int8(CURRENT_MAGIC)
  header.uint32(0) // the CRC
  header.uint16(attributesOf(fields, codec))
  header.int32(fields.lastOffsetDelta)
  header.int64(fields.baseTimestamp)
  header.int64(fields.maxTimestamp)
  header.int64(fields.producerId ?? NO_PRODUCER_ID)
  header.int16(fields.producerEpoch ?? NO_PRODUCER_EPOCH)
  header.int32(fields.baseSequence ?? NO_SEQUENCE)
  header.int32(fields.recordCount)
  return header.toBuffer()
}

function attributesOf(fields: AssembledFields, codec: Codec): number {
  let attributes = codecByCode.indexOf(codec)
  if (fields.isLogAppendTime === true) attributes |= LOG_APPEND_TIME_FLAG
  if (fields.isTransactional === true) attributes |= TRANSACTIONAL_FLAG
  if (fields.isControlBatch === true) attributes |= CONTROL_FLAG
  if (fields.hasDeleteHorizon === true) attributes |= DELETE_HORIZON_FLAG
  return attributes
}

/** The length that goes before a record, so that it can be written in one pass. */
function bodyBytes(record: NewRecord, timestampDelta: number, offsetDelta: number): number {
  const headers = record.headers ?? []
  let bytes = 1 + varlongBytes(timestampDelta) + varlongBytes(offsetDelta)
  bytes += nullableBytes(record.key) + nullableBytes(record.value) + varlongBytes(headers.length)
  for (const [name, value] of headers) {
    const nameBytes = Buffer.byteLength(name)
    bytes += varlongBytes(nameBytes) + nameBytes + nullableBytes(value)
  }
  return bytes
}

function writeBody(
  writer: Writer,
  record: NewRecord,
  timestampDelta: number,
  offsetDelta: number,
): void {
  writer.int8(0)
  writer.varlong(timestampDelta)
  writer.varint(offsetDelta)
  writeNullable(writer, record.key)
  writeNullable(writer, record.value)
  const headers = record.headers ?? []
  writer.varint(headers.length)
  for (const [name, value] of headers) {
    const nameBytes = Buffer.byteLength(name)
    writer.varint(nameBytes)
    writer.utf8(name, nameBytes)
    writeNullable(writer, value)
  }
}

function writeNullable(writer: Writer, bytes: Buffer | null): void {
  writer.varint(bytes === null ? -1 : bytes.length)
  if (bytes !== null) writer.bytes(bytes)
}

function nullableBytes(bytes: Buffer | null): number {
  return bytes === null ? 1 : varlongBytes(bytes.length) + bytes.length
}

/** How long a zig-zag varint of this value is. */
export function varlongBytes(value: number): number {
  // Zig-zag doubles the value: from 64 on it takes a second byte, and one more for each factor 128.
  let rest = value < 0 ? -(value + 1) : value
  let bytes = 1
  for (; rest >= 0x40; rest = Math.floor(rest / 0x80)) bytes++
  return bytes
}
