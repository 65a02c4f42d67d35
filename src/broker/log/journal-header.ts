// What stands before the batches of an entry in the shared journal.
//
//   at  bytes  entry
//    0    4    magic 'MRJ1'
//    4    4    length of the batches
//    8    4    CRC-32C of bytes 12..67; the batches carry their own
//   12    8    generation      of the file's current filling; the later filling has the higher one
//   20    8    nonce           random per filling, so that no record can pass for an entry
//   28    4    sequence        consecutive within a filling
//   32    4    synced          entries of the filling below this one were durable when it was written
//   36   16    topic id
//   52    4    partition
//   56    4    leader epoch
//   60    8    base offset     of the first batch
//   68    n    whole batches, as in the partition's file

import { writeInt64 } from '../batch/header.ts'
import { crc32c } from '../bytes/crc32c.ts'
import { formatUuid, writeUuid } from '../bytes/uuid.ts'

export const HEADER_BYTES = 68
export const NONCE_BYTES = 8
export const MAGIC = Buffer.from('MRJ1')
const CRC_FROM = 12
const TOPIC_ID_AT = 36
const UUID_BYTES = 16

export interface JournalHeader {
  /** Of the batches. */
  readonly length: number
  readonly generation: number
  readonly nonce: string
  readonly sequence: number
  readonly syncedSequence: number
  readonly topicId: string
  readonly partition: number
  readonly leaderEpoch: number
  readonly baseOffset: number
}

/** Where in which filling an entry is written. */
interface FillingPlace {
  readonly generation: number
  readonly nonce: Buffer
  readonly sequence: number
  /** Exclusive. */
  readonly syncedSequence: number
}

/** What the header says of its batches. */
export interface HeadedEntry {
  readonly topicId: string
  readonly partition: number
  readonly leaderEpoch: number
  readonly baseOffset: number
  /** Of the batches together. */
  readonly sizeBytes: number
}

export function writeHeader(
  target: Buffer,
  at: number,
  entry: HeadedEntry,
  place: FillingPlace,
): void {
  MAGIC.copy(target, at)
  target.writeInt32BE(entry.sizeBytes, at + 4)
  writeInt64(target, at + 12, place.generation)
  place.nonce.copy(target, at + 20)
  target.writeUInt32BE(place.sequence, at + 28)
  target.writeUInt32BE(place.syncedSequence, at + 32)
  writeUuid(target, entry.topicId, at + 36)
  target.writeInt32BE(entry.partition, at + 52)
  target.writeInt32BE(entry.leaderEpoch, at + 56)
  writeInt64(target, at + 60, entry.baseOffset)
  target.writeUInt32BE(crc32c(target.subarray(at + CRC_FROM, at + HEADER_BYTES)), at + 8)
}

/** @returns undefined when there is none, or it is damaged */
export function readHeader(content: Buffer, at: number): JournalHeader | undefined {
  if (at + HEADER_BYTES > content.length) return undefined
  if (content.compare(MAGIC, 0, MAGIC.length, at, at + MAGIC.length) !== 0) return undefined
  const crc = crc32c(content.subarray(at + CRC_FROM, at + HEADER_BYTES))
  if (crc !== content.readUInt32BE(at + 8)) return undefined
  return {
    length: content.readInt32BE(at + 4),
    generation: Number(content.readBigInt64BE(at + 12)),
    nonce: content.toString('latin1', at + 20, at + 28),
    sequence: content.readUInt32BE(at + 28),
    syncedSequence: content.readUInt32BE(at + 32),
    topicId: formatUuid(content, at + 36),
    partition: content.readInt32BE(at + 52),
    leaderEpoch: content.readInt32BE(at + 56),
    baseOffset: Number(content.readBigInt64BE(at + 60)),
  }
}

/** Changes a header where it stands: its batches end after so many bytes, or with 0 it is nobody's. */
export function shortenHeader(header: Buffer, length: number): void {
  if (length === 0) header.fill(0, TOPIC_ID_AT, TOPIC_ID_AT + UUID_BYTES)
  else header.writeInt32BE(length, 4)
  header.writeUInt32BE(crc32c(header.subarray(CRC_FROM)), 8)
}
