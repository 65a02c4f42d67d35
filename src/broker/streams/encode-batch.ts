// Encodes the batch of appends made in this process, in one pass into one piece of memory: what
// batch/builder.ts does for everybody, without its pieces in between.

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

interface VersionedEvent {
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
/** Below it the length of a record takes at most two bytes, as nearly all do. */
const SHORT_RECORD_BYTES = 0x2000
/** Copying less by hand is faster than the call that copies it. */
const COPIED_BY_HAND = 40

/** As much as a record may take; less is usual. */
export function roomOf(
  keyBytes: number,
  { value, headers }: Pick<VersionedEvent, 'value' | 'headers'>,
): number {
  let room = RECORD_ROOM + keyBytes + (value?.length ?? 0)
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i]!
    // No character takes more than three bytes for each of its UTF-16 units.
    room += HEADER_ROOM + header[0].length * 3 + (header[1]?.length ?? 0)
  }
  return room
}

const NOTHING = Buffer.alloc(0)

/** @see roomOf for what is meant by room */
export class BatchEncoder {
  readonly #sharedBytes: number
  #target: Buffer = NOTHING
  #at = BATCH_OVERHEAD_BYTES
  #count = 0
  #baseTimestamp = 0
  #maxTimestamp = 0

  /** @param sharedBytes the batch gets no larger by more than what comes first */
  constructor(sharedBytes: number) {
    this.#sharedBytes = sharedBytes
  }

  fits(room: number): boolean {
    const end = this.#at + room
    return this.#count === 0 || (end <= this.#sharedBytes && end <= this.#target.length)
  }

  /** Before the first record. @param room of what comes first @param isAlone nothing else will come */
  begin(room: number, isAlone: boolean): void {
    const bytes = BATCH_OVERHEAD_BYTES + room
    this.#target = Buffer.allocUnsafe(isAlone ? bytes : Math.max(bytes, this.#sharedBytes))
  }

  /** Of records. */
  get count(): number {
    return this.#count
  }

  add(event: VersionedEvent): void {
    const { timestampMs } = event
    if (this.#count === 0) this.#baseTimestamp = timestampMs
    if (this.#count === 0 || timestampMs > this.#maxTimestamp) this.#maxTimestamp = timestampMs
    const delta = timestampMs - this.#baseTimestamp
    this.#at = writeRecord(this.#target, this.#at, event, this.#count, delta)
    this.#count += 1
  }

  finish(): { bytes: Buffer; header: BatchHeader } {
    const bytes = this.#target.subarray(0, this.#at)
    return {
      bytes,
      header: writeHeader(bytes, this.#count, this.#baseTimestamp, this.#maxTimestamp),
    }
  }
}

function writeRecord(
  target: Buffer,
  start: number,
  event: VersionedEvent,
  index: number,
  timestampDelta: number,
): number {
  const { key, value, headers } = event
  // The length comes first and is known last: room is left for what it takes most likely.
  const lengthRoom = roomOf(key.length, event) < SHORT_RECORD_BYTES ? 2 : 5
  const bodyStart = start + lengthRoom
  let at = bodyStart
  target[at++] = 0
  at = writeVarlong(target, at, timestampDelta)
  at = writeVarlong(target, at, index)
  at = writeBytes(target, at, key)
  at = writeBytes(target, at, value)
  at = writeVarlong(target, at, headers.length + 1)
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i]!
    at = writeText(target, at, header[0])
    at = writeBytes(target, at, header[1])
  }
  at = writeBytes(target, at, VERSION_NAME)
  at = writeText(target, at, String(event.version))
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
  const { length } = bytes
  let at = writeVarlong(target, start, length)
  if (length > COPIED_BY_HAND) {
    target.set(bytes, at)
    return at + length
  }
  for (let i = 0; i < length; i++) target[at++] = bytes[i]!
  return at
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
