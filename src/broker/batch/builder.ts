// Builds a record batch: what a producer sends and what the broker writes itself.

import { type Codec, compressSync } from '../../host/codec.ts'
import { Writer } from '../bytes/writer.ts'
import {
  BATCH_OVERHEAD_BYTES,
  BATCH_PREFIX_BYTES,
  batchOffsets,
  CONTROL_FLAG,
  CURRENT_MAGIC,
  codecByCode,
  LOG_APPEND_TIME_FLAG,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  TRANSACTIONAL_FLAG,
  writeBaseOffset,
  writeBatchCrc,
  writeInt64,
  writePartitionLeaderEpoch,
} from './header.ts'
import type { RecordHeader } from './records.ts'

export interface NewRecord {
  /** Milliseconds since 1970. */
  readonly timestamp: number
  readonly key: Buffer | null
  readonly value: Buffer | null
  readonly headers?: readonly RecordHeader[]
}

export interface NewBatch {
  /** At least one. */
  readonly records: readonly NewRecord[]
  readonly compression?: Codec
  readonly baseOffset?: number
  readonly partitionLeaderEpoch?: number
  readonly producerId?: number
  readonly producerEpoch?: number
  readonly baseSequence?: number
  readonly isTransactional?: boolean
  readonly isControlBatch?: boolean
  /** Stamps the batch as the broker does: every record then has this time. */
  readonly logAppendTimeMs?: number
}

/** @throws RangeError no records */
export function buildBatch(batch: NewBatch): Buffer {
  const { records, compression = 'none' } = batch
  const first = records[0]
  if (first === undefined) throw new RangeError('A batch holds at least one record.')
  const baseTimestamp = first.timestamp
  const body = compressSync(compression, encodeRecords(records, baseTimestamp))
  const bytes = Buffer.allocUnsafe(BATCH_OVERHEAD_BYTES + body.length)
  body.copy(bytes, batchOffsets.records)

  writeBaseOffset(bytes, 0, batch.baseOffset ?? 0)
  bytes.writeInt32BE(bytes.length - BATCH_PREFIX_BYTES, batchOffsets.batchLength)
  writePartitionLeaderEpoch(bytes, 0, batch.partitionLeaderEpoch ?? -1)
  bytes.writeInt8(CURRENT_MAGIC, batchOffsets.magic)
  bytes.writeUInt16BE(attributesOf(batch), batchOffsets.attributes)
  bytes.writeInt32BE(records.length - 1, batchOffsets.lastOffsetDelta)
  writeInt64(bytes, batchOffsets.baseTimestamp, baseTimestamp)
  writeInt64(bytes, batchOffsets.maxTimestamp, batch.logAppendTimeMs ?? latest(records))
  writeInt64(bytes, batchOffsets.producerId, batch.producerId ?? NO_PRODUCER_ID)
  bytes.writeInt16BE(batch.producerEpoch ?? NO_PRODUCER_EPOCH, batchOffsets.producerEpoch)
  bytes.writeInt32BE(batch.baseSequence ?? NO_SEQUENCE, batchOffsets.baseSequence)
  bytes.writeInt32BE(records.length, batchOffsets.recordCount)
  writeBatchCrc(bytes, 0)
  return bytes
}

function attributesOf(batch: NewBatch): number {
  return (
    codecByCode.indexOf(batch.compression ?? 'none') |
    (batch.logAppendTimeMs === undefined ? 0 : LOG_APPEND_TIME_FLAG) |
    (batch.isTransactional === true ? TRANSACTIONAL_FLAG : 0) |
    (batch.isControlBatch === true ? CONTROL_FLAG : 0)
  )
}

function latest(records: readonly NewRecord[]): number {
  return records.reduce((most, { timestamp }) => Math.max(most, timestamp), -1)
}

function encodeRecords(records: readonly NewRecord[], baseTimestamp: number): Buffer {
  const chunks: Buffer[] = []
  for (const [index, record] of records.entries()) {
    const body = encodeRecord(record, record.timestamp - baseTimestamp, index)
    const length = new Writer(8)
    length.varint(body.length)
    chunks.push(length.toBuffer(), body)
  }
  return Buffer.concat(chunks)
}

function encodeRecord(record: NewRecord, timestampDelta: number, offsetDelta: number): Buffer {
  const writer = new Writer()
  writer.int8(0)
  writer.varlong(timestampDelta)
  writer.varint(offsetDelta)
  writeNullable(writer, record.key)
  writeNullable(writer, record.value)
  const headers = record.headers ?? []
  writer.varint(headers.length)
  for (const [name, value] of headers) {
    writeNullable(writer, Buffer.from(name))
    writeNullable(writer, value)
  }
  return writer.toBuffer()
}

function writeNullable(writer: Writer, bytes: Buffer | null): void {
  writer.varint(bytes === null ? -1 : bytes.length)
  if (bytes !== null) writer.bytes(bytes)
}
