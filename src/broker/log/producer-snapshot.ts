// The `.snapshot` file: what a partition knows of its producers at the offset in the file's name.
// First Kafka's own table, which has one batch for each producer; then, where Kafka stops reading,
// the older ones of the last five, so that a batch resent across a restart is known again.
//
//   at  bytes  field
//    0    2    version (1)
//    2    4    CRC-32C of all that follows
//    6    4    count
//   10   46n   producerId 8, epoch 2, lastSequence 4, lastOffset 8, offsetDelta 4, timestamp 8,
//              coordinatorEpoch 4, currentTxnFirstOffset 8
//    .    4    'MRPS', then for each producer in the same order: count 1, and for each older batch
//              baseSequence 4, lastSequence 4, baseOffset 8, lastOffset 8, timestamp 8
//
// Invariant: a file that does not match its checksum is not used; the log knows it all as well.

import { writeInt64 } from '../batch/header.ts'
import { crc32c } from '../bytes/crc32c.ts'
import { DecodeError, Reader } from '../bytes/reader.ts'
import { lastSequenceOf, type ProducerEntry, type RecentBatch } from './producer-state.ts'

const VERSION = 1
const CRC_FROM = 6
const HEADER_BYTES = 10
const ENTRY_BYTES = 46
const TRAILER_MAGIC = Buffer.from('MRPS')
const OLDER_BYTES = 32
const MAX_SEQUENCE = 0x7fff_ffff

export function encodeSnapshot(entries: readonly ProducerEntry[]): Buffer {
  let older = 0
  for (const entry of entries) older += Math.max(0, entry.recentBatches.length - 1)
  const trailerAt = HEADER_BYTES + entries.length * ENTRY_BYTES
  const size = trailerAt + TRAILER_MAGIC.length + entries.length + older * OLDER_BYTES
  const bytes = Buffer.alloc(size)
  bytes.writeInt16BE(VERSION, 0)
  bytes.writeInt32BE(entries.length, CRC_FROM)
  entries.forEach((entry, i) => {
    writeEntry(bytes, HEADER_BYTES + i * ENTRY_BYTES, entry)
  })
  TRAILER_MAGIC.copy(bytes, trailerAt)
  let at = trailerAt + TRAILER_MAGIC.length
  for (const entry of entries) at = writeOlder(bytes, at, entry.recentBatches.slice(0, -1))
  bytes.writeUInt32BE(crc32c(bytes.subarray(CRC_FROM)), 2)
  return bytes
}

/** @returns undefined when the bytes are no snapshot, or a damaged one */
export function decodeSnapshot(bytes: Buffer): ProducerEntry[] | undefined {
  if (bytes.length < HEADER_BYTES || bytes.readInt16BE(0) !== VERSION) return undefined
  if (crc32c(bytes.subarray(CRC_FROM)) !== bytes.readUInt32BE(2)) return undefined
  const reader = new Reader(bytes, CRC_FROM)
  try {
    const count = reader.int32()
    if (count < 0 || count * ENTRY_BYTES > reader.remaining) return undefined
    const entries = Array.from({ length: count }, () => readEntry(reader))
    if (reader.remaining === 0) return entries
    if (!reader.bytes(TRAILER_MAGIC.length).equals(TRAILER_MAGIC)) return undefined
    return entries.map((entry) => ({
      ...entry,
      recentBatches: [...readOlder(reader), ...entry.recentBatches],
    }))
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function writeEntry(bytes: Buffer, at: number, entry: ProducerEntry): void {
  const last = entry.recentBatches.at(-1)
  writeInt64(bytes, at, entry.producerId)
  bytes.writeInt16BE(entry.producerEpoch, at + 8)
  bytes.writeInt32BE(lastSequenceOf(entry), at + 10)
  writeInt64(bytes, at + 14, last?.lastOffset ?? -1)
  bytes.writeInt32BE(last === undefined ? 0 : last.lastOffset - last.baseOffset, at + 22)
  writeInt64(bytes, at + 26, entry.lastTimestamp)
  bytes.writeInt32BE(entry.coordinatorEpoch, at + 34)
  writeInt64(bytes, at + 38, entry.currentTxnFirstOffset)
}

function readEntry(reader: Reader): ProducerEntry {
  const producerId = reader.int64()
  const producerEpoch = reader.int16()
  const lastSequence = reader.int32()
  const lastOffset = reader.int64()
  const offsetDelta = reader.int32()
  const lastTimestamp = reader.int64()
  const coordinatorEpoch = reader.int32()
  const currentTxnFirstOffset = reader.int64()
  const last: RecentBatch = {
    baseSequence: sequenceBefore(lastSequence, offsetDelta),
    lastSequence,
    baseOffset: lastOffset - offsetDelta,
    lastOffset,
    timestamp: lastTimestamp,
  }
  const recentBatches = lastOffset < 0 ? [] : [last]
  return {
    producerId,
    producerEpoch,
    coordinatorEpoch,
    lastTimestamp,
    currentTxnFirstOffset,
    recentBatches,
  }
}

/** Sequences wrap at 2^31-1; -1 is none. */
function sequenceBefore(lastSequence: number, delta: number): number {
  if (lastSequence < 0) return lastSequence
  const sequence = lastSequence - delta
  return sequence < 0 ? sequence + MAX_SEQUENCE + 1 : sequence
}

function writeOlder(bytes: Buffer, start: number, older: readonly RecentBatch[]): number {
  bytes.writeInt8(older.length, start)
  let at = start + 1
  for (const batch of older) {
    bytes.writeInt32BE(batch.baseSequence, at)
    bytes.writeInt32BE(batch.lastSequence, at + 4)
    writeInt64(bytes, at + 8, batch.baseOffset)
    writeInt64(bytes, at + 16, batch.lastOffset)
    writeInt64(bytes, at + 24, batch.timestamp)
    at += OLDER_BYTES
  }
  return at
}

function readOlder(reader: Reader): RecentBatch[] {
  return Array.from({ length: reader.int8() }, () => ({
    baseSequence: reader.int32(),
    lastSequence: reader.int32(),
    baseOffset: reader.int64(),
    lastOffset: reader.int64(),
    timestamp: reader.int64(),
  }))
}
