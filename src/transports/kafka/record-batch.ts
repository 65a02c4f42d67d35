// Record batches (format 2) as they travel: written for a producer, read for a reader of committed
// data. What is read was checked: a batch whose CRC is wrong is never handed on.
// Source: KIP-98 (batches, control batches, aborted transactions), KIP-82 (headers).
//
//   at  bytes  field                     at  bytes  field
//    0      8  base offset               27      8  base timestamp
//    8      4  length, from 12 on        35      8  max timestamp
//   12      4  partition leader epoch    43      8  producer id
//   16      1  magic, 2                  51      2  producer epoch
//   17      4  CRC-32C, from 21 on       53      4  base sequence
//   21      2  attributes                57      4  count of records
//   23      4  last offset delta         61         records, compressed as attributes say

import {
  compressionsAlgorithms,
  compressionsAlgorithmsByBitmask,
  crc32c,
} from '@platformatic/kafka'
import type { IncomingRecord, OutgoingRecord } from '../../sdk/events/record.ts'
import { KafkaError } from './errors.ts'
import { Cursor, FetchedRecord } from './fetched-record.ts'
import { encodeRecords } from './written-records.ts'

export type Compression = 'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'

const LENGTH_AT = 8
const LENGTH_COUNTS_FROM = 12
const MAGIC_AT = 16
const CRC_AT = 17
const ATTRIBUTES_AT = 21
const LAST_OFFSET_DELTA_AT = 23
const BASE_TIMESTAMP_AT = 27
const MAX_TIMESTAMP_AT = 35
const PRODUCER_ID_AT = 43
const PRODUCER_EPOCH_AT = 51
const BASE_SEQUENCE_AT = 53
const COUNT_AT = 57
const HEADER_BYTES = 61

const MAGIC = 2
const COMPRESSION_BITS = 0b111
const LOG_APPEND_TIME_BIT = 1 << 3
const TRANSACTIONAL_BIT = 1 << 4
const CONTROL_BIT = 1 << 5

/** Without its producer, who is stamped on when it is sent. */
export function encodeBatch(
  records: readonly OutgoingRecord[],
  options: { nowMs: number; compression: Compression },
): Buffer {
  const timestamps = records.map((record) => record.timestampMs ?? options.nowMs)
  const body = compressed(encodeRecords(records, timestamps), options.compression)
  const batch = Buffer.allocUnsafe(HEADER_BYTES + body.length)
  batch.fill(0, 0, HEADER_BYTES)
  batch.writeInt32BE(batch.length - LENGTH_COUNTS_FROM, LENGTH_AT)
  batch.writeInt32BE(-1, LENGTH_COUNTS_FROM)
  batch.writeInt8(MAGIC, MAGIC_AT)
  batch.writeInt16BE(compressionsAlgorithms[options.compression].bitmask, ATTRIBUTES_AT)
  batch.writeInt32BE(records.length - 1, LAST_OFFSET_DELTA_AT)
  batch.writeBigInt64BE(BigInt(timestamps[0]!), BASE_TIMESTAMP_AT)
  batch.writeBigInt64BE(BigInt(timestamps.reduce(later)), MAX_TIMESTAMP_AT)
  batch.writeInt32BE(records.length, COUNT_AT)
  body.copy(batch, HEADER_BYTES)
  return batch
}

const later = (one: number, other: number) => Math.max(one, other)

/** In place: who sends it, as which in its row. */
export function stampProducer(
  batch: Buffer,
  producer: {
    producerId: bigint
    producerEpoch: number
    sequence: number
    isTransactional: boolean
  },
): void {
  const others = batch.readInt16BE(ATTRIBUTES_AT) & ~TRANSACTIONAL_BIT
  batch.writeInt16BE(others | (producer.isTransactional ? TRANSACTIONAL_BIT : 0), ATTRIBUTES_AT)
  batch.writeBigInt64BE(producer.producerId, PRODUCER_ID_AT)
  batch.writeInt16BE(producer.producerEpoch, PRODUCER_EPOCH_AT)
  batch.writeInt32BE(producer.sequence, BASE_SEQUENCE_AT)
  batch.writeUInt32BE(crc32c(batch.subarray(ATTRIBUTES_AT)) >>> 0, CRC_AT)
}

export interface AbortedTransaction {
  readonly producerId: bigint
  readonly firstOffset: bigint
}

/**
 * The records of whole batches from `fromOffset` on, without those of aborted transactions. A batch
 * that is cut off at the end is left for the next fetch.
 * @throws KafkaError for a batch that is damaged or of a format that Kafka 3 gave up
 */
export function readCommitted(
  bytes: Buffer,
  place: { topic: string; partition: number; fromOffset: number },
  aborted: readonly AbortedTransaction[],
): { records: IncomingRecord[]; nextOffset: number } {
  const records: IncomingRecord[] = []
  const isAborted = abortedProducers(aborted)
  let nextOffset = place.fromOffset
  for (let at = 0; at + LENGTH_COUNTS_FROM <= bytes.length; ) {
    const end = at + LENGTH_COUNTS_FROM + bytes.readInt32BE(at + LENGTH_AT)
    if (end > bytes.length) break
    const batch = checked(bytes.subarray(at, end), place)
    const baseOffset = Number(batch.readBigInt64BE(0))
    if (!isAborted(batch, baseOffset)) readRecords(batch, baseOffset, place, records)
    nextOffset = Math.max(nextOffset, baseOffset + batch.readInt32BE(LAST_OFFSET_DELTA_AT) + 1)
    at = end
  }
  return { records, nextOffset }
}

/** The list is in ascending order of offset, and each entry holds until its producer's marker. */
function abortedProducers(aborted: readonly AbortedTransaction[]) {
  const open = new Set<bigint>()
  let next = 0
  return (batch: Buffer, baseOffset: number): boolean => {
    const lastOffset = baseOffset + batch.readInt32BE(LAST_OFFSET_DELTA_AT)
    while (next < aborted.length && Number(aborted[next]!.firstOffset) <= lastOffset) {
      open.add(aborted[next]!.producerId)
      next += 1
    }
    const attributes = batch.readInt16BE(ATTRIBUTES_AT)
    const producerId = batch.readBigInt64BE(PRODUCER_ID_AT)
    if ((attributes & CONTROL_BIT) !== 0) {
      open.delete(producerId)
      return true
    }
    return (attributes & TRANSACTIONAL_BIT) !== 0 && open.has(producerId)
  }
}

function checked(batch: Buffer, place: { topic: string; partition: number }): Buffer {
  const where = `The batch at offset ${batch.readBigInt64BE(0)} of ${place.topic}-${place.partition}`
  if (batch.length < HEADER_BYTES || batch.readInt8(MAGIC_AT) !== MAGIC) {
    throw new KafkaError(`${where} is of a format that Kafka 3 gave up: rewrite the topic.`)
  }
  if (crc32c(batch.subarray(ATTRIBUTES_AT)) >>> 0 !== batch.readUInt32BE(CRC_AT)) {
    throw new KafkaError(`${where} is damaged (wrong CRC): it is not handed on, and not skipped.`)
  }
  return batch
}

function readRecords(
  batch: Buffer,
  baseOffset: number,
  place: { topic: string; partition: number; fromOffset: number },
  into: IncomingRecord[],
): void {
  const attributes = batch.readInt16BE(ATTRIBUTES_AT)
  const baseTimestamp = Number(batch.readBigInt64BE(BASE_TIMESTAMP_AT))
  const appendTime =
    (attributes & LOG_APPEND_TIME_BIT) === 0
      ? undefined
      : Number(batch.readBigInt64BE(MAX_TIMESTAMP_AT))
  const cursor = new Cursor(decompressed(batch.subarray(HEADER_BYTES), attributes))
  for (let left = batch.readInt32BE(COUNT_AT); left > 0; left -= 1) {
    const end = cursor.varint() + cursor.at
    cursor.at += 1 // attributes, unused
    const timestampMs = baseTimestamp + cursor.varint()
    const offset = baseOffset + cursor.varint()
    if (offset >= place.fromOffset) {
      const stamp = { offset, timestampMs: appendTime ?? timestampMs }
      into.push(new FetchedRecord(cursor, place, stamp))
    }
    cursor.at = end
  }
}

function compressed(body: Buffer, compression: Compression): Buffer {
  return compression === 'none' ? body : compressionsAlgorithms[compression].compressSync(body)
}

function decompressed(body: Buffer, attributes: number): Buffer {
  const bits = attributes & COMPRESSION_BITS
  if (bits === 0) return body
  const algorithm = compressionsAlgorithmsByBitmask[bits]
  if (algorithm === undefined) {
    throw new KafkaError(`A batch is compressed with codec ${bits}, which is not known.`)
  }
  return algorithm.decompressSync(body)
}
