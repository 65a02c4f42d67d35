// Encodes the batch of an append made in this process, in one pass into one piece of memory: what
// batch/builder.ts does for everybody, without its pieces in between. An append is one batch, so this is
// most of what an append costs.

import {
  BATCH_OVERHEAD_BYTES,
  BATCH_PREFIX_BYTES,
  type BatchHeader,
  batchOffsets,
  CURRENT_MAGIC,
  NO_PRODUCER_EPOCH,
  NO_PRODUCER_ID,
  NO_SEQUENCE,
  writeBatchCrc,
  writeInt64,
} from '../batch/header.ts'
import { VERSION_HEADER } from './store-names.ts'

export interface VersionedEvent {
  readonly key: Uint8Array
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[]
  readonly timestampMs: number
  readonly version: number
}

const VERSION_NAME = Buffer.from(VERSION_HEADER)
/** More than all lengths, deltas and counts of a record need, its version included. */
const RECORD_ROOM = 64 + VERSION_NAME.length
/** More than the two lengths of a header need. */
const HEADER_ROOM = 10
const LENGTH_ROOM = 5

export function encodeBatch(events: readonly VersionedEvent[]): {
  bytes: Buffer
  header: BatchHeader
} {
  let room = BATCH_OVERHEAD_BYTES
  for (const { key, value, headers } of events) {
    room += RECORD_ROOM + key.length + (value?.length ?? 0)
    // No character takes more than three bytes for each of its UTF-16 units.
    for (const [name, bytes] of headers) {
      room += HEADER_ROOM + name.length * 3 + (bytes?.length ?? 0)
    }
  }
  const target = Buffer.allocUnsafe(room)
  const baseTimestamp = events[0]!.timestampMs
  let maxTimestamp = baseTimestamp
  let at = BATCH_OVERHEAD_BYTES
  for (let index = 0; index < events.length; index++) {
    const event = events[index]!
    maxTimestamp = Math.max(maxTimestamp, event.timestampMs)
    at = writeRecord(target, at, event, index, event.timestampMs - baseTimestamp)
  }
  const bytes = target.subarray(0, at)
  return { bytes, header: writeHeader(bytes, events.length, baseTimestamp, maxTimestamp) }
}

function writeRecord(
  target: Buffer,
  start: number,
  { key, value, headers, version }: VersionedEvent,
  index: number,
  timestampDelta: number,
): number {
  // The length comes first and is known last: the record is written behind the longest one.
  const bodyStart = start + LENGTH_ROOM
  let at = bodyStart
  target[at++] = 0
  at = writeVarlong(target, at, timestampDelta)
  at = writeVarlong(target, at, index)
  at = writeBytes(target, at, key)
  at = writeBytes(target, at, value)
  at = writeVarlong(target, at, headers.length + 1)
  for (let i = 0; i < headers.length; i++) {
    const [name, bytes] = headers[i]!
    at = writeText(target, at, name)
    at = writeBytes(target, at, bytes)
  }
  at = writeBytes(target, at, VERSION_NAME)
  const digits = String(version)
  at = writeText(target, at, digits)
  const end = writeVarlong(target, start, at - bodyStart)
  if (end === bodyStart) return at
  target.copyWithin(end, bodyStart, at)
  return at - (bodyStart - end)
}

function writeText(target: Buffer, start: number, text: string): number {
  // Names are short and ASCII, nearly always.
  let at = start + 1
  if (text.length < 0x40) {
    let i = 0
    for (; i < text.length; i++) {
      const code = text.charCodeAt(i)
      if (code >= 0x80) break
      target[at++] = code
    }
    if (i === text.length) {
      target[start] = text.length << 1
      return at
    }
  }
  const length = Buffer.byteLength(text)
  at = writeVarlong(target, start, length)
  return at + target.write(text, at, length, 'utf8')
}

function writeBytes(target: Buffer, start: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarlong(target, start, -1)
  const at = writeVarlong(target, start, bytes.length)
  target.set(bytes, at)
  return at + bytes.length
}

/** Zig-zag; exact within 2^52, as times and lengths are. */
export function writeVarlong(target: Buffer, start: number, value: number): number {
  let rest = value < 0 ? -value * 2 - 1 : value * 2
  let at = start
  while (rest >= 0x80) {
    target[at++] = (rest % 0x80) + 0x80
    rest = Math.floor(rest / 0x80)
  }
  target[at++] = rest
  return at
}

function writeHeader(
  bytes: Buffer,
  recordCount: number,
  baseTimestamp: number,
  maxTimestamp: number,
): BatchHeader {
  bytes.fill(0, 0, BATCH_OVERHEAD_BYTES)
  bytes.writeInt32BE(bytes.length - BATCH_PREFIX_BYTES, batchOffsets.batchLength)
  bytes.writeInt8(CURRENT_MAGIC, batchOffsets.magic)
  bytes.writeInt32BE(recordCount - 1, batchOffsets.lastOffsetDelta)
  writeInt64(bytes, batchOffsets.baseTimestamp, baseTimestamp)
  writeInt64(bytes, batchOffsets.maxTimestamp, maxTimestamp)
  writeInt64(bytes, batchOffsets.producerId, NO_PRODUCER_ID)
  bytes.writeInt16BE(NO_PRODUCER_EPOCH, batchOffsets.producerEpoch)
  bytes.writeInt32BE(NO_SEQUENCE, batchOffsets.baseSequence)
  bytes.writeInt32BE(recordCount, batchOffsets.recordCount)
  writeBatchCrc(bytes, 0)
  return {
    baseOffset: 0,
    sizeBytes: bytes.length,
    partitionLeaderEpoch: 0,
    magic: CURRENT_MAGIC,
    crc: bytes.readUInt32BE(batchOffsets.crc),
    attributes: 0,
    compression: 'none',
    isLogAppendTime: false,
    isTransactional: false,
    isControlBatch: false,
    hasDeleteHorizon: false,
    lastOffsetDelta: recordCount - 1,
    lastOffset: recordCount - 1,
    baseTimestamp,
    maxTimestamp,
    producerId: NO_PRODUCER_ID,
    producerEpoch: NO_PRODUCER_EPOCH,
    baseSequence: NO_SEQUENCE,
    lastSequence: NO_SEQUENCE,
    recordCount,
  }
}
