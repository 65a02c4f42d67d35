// Writes the protocol's primitive types into one growing buffer. Large byte fields (record batches)
// are not copied: they are kept beside it as slices, and `chunks()` gives all in order for one
// gathering write to the socket. Big-endian, as on the wire.

import { writeUuid } from './uuid.ts'

const INITIAL_BYTES = 256
/** Byte fields from this size on are referenced instead of copied. */
const REFERENCE_FROM_BYTES = 1024
/** ASCII strings up to this length are stored character by character. */
const SHORT_STRING_BYTES = 32

export class Writer {
  #buffer: Buffer
  #position = 0
  /** Where the part of `#buffer` begins that is not in `#done` yet. */
  #chunkStart = 0
  #done: Buffer[] = []
  #doneBytes = 0

  constructor(initialBytes = INITIAL_BYTES) {
    this.#buffer = Buffer.allocUnsafe(initialBytes)
  }

  /** Bytes written so far, referenced ones included. */
  get length(): number {
    return this.#doneBytes + this.#position - this.#chunkStart
  }

  int8(value: number): void {
    if (value !== (value << 24) >> 24) throw outOfRange('int8', value)
    this.#reserve(1)
    this.#buffer[this.#position++] = value
  }

  int16(value: number): void {
    if (value !== (value << 16) >> 16) throw outOfRange('int16', value)
    this.#short(value)
  }

  uint16(value: number): void {
    if (value !== (value & 0xffff)) throw outOfRange('uint16', value)
    this.#short(value)
  }

  int32(value: number): void {
    if (value !== (value | 0)) throw outOfRange('int32', value)
    this.#word(value)
  }

  uint32(value: number): void {
    if (value !== value >>> 0) throw outOfRange('uint32', value)
    this.#word(value)
  }

  /** @throws RangeError unless `value` is an integer within 2^53-1: a rounded offset is a wrong one */
  int64(value: number): void {
    if (!Number.isSafeInteger(value)) throw outOfRange('int64 within 2^53-1', value)
    const high = Math.floor(value / 0x1_0000_0000)
    this.#word(high)
    this.#word(value - high * 0x1_0000_0000)
  }

  /** The counterpart of Reader.saturatingInt64: 2^53-1 is written as the largest int64. */
  saturatingInt64(value: number): void {
    if (value < Number.MAX_SAFE_INTEGER) {
      this.int64(value)
      return
    }
    this.#word(0x7fff_ffff)
    this.#word(-1)
  }

  float64(value: number): void {
    this.#reserve(8)
    this.#position = this.#buffer.writeDoubleBE(value, this.#position)
  }

  boolean(value: boolean): void {
    this.int8(value ? 1 : 0)
  }

  uuid(value: string): void {
    this.#reserve(16)
    writeUuid(this.#buffer, value, this.#position)
    this.#position += 16
  }

  /** @param value 0..2^53-1 */
  uvarint(value: number): void {
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.#buffer[this.#position++] = (rest % 0x80) + 0x80
      rest = Math.floor(rest / 0x80)
    }
    this.#buffer[this.#position++] = rest
  }

  varint(value: number): void {
    this.uvarint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  /** Zig-zag int64. Beyond 2^52 the doubled value leaves the safe integers, so BigInt takes over. */
  varlong(value: number): void {
    if (Math.abs(value) < 2 ** 52) {
      this.uvarint(value < 0 ? -value * 2 - 1 : value * 2)
      return
    }
    this.#reserve(10)
    let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
    while (rest >= 0x80n) {
      this.#buffer[this.#position++] = Number(rest & 0x7fn) + 0x80
      rest >>= 7n
    }
    this.#buffer[this.#position++] = Number(rest)
  }

  /** UTF-8, without its length. @param length in bytes, `Buffer.byteLength(text)` */
  utf8(text: string, length: number): void {
    this.#reserve(length)
    if (length > SHORT_STRING_BYTES || length !== text.length) {
      this.#position += this.#buffer.write(text, this.#position, length, 'utf8')
      return
    }
    // As many bytes as characters: ASCII, and short enough to beat the call into Buffer.
    for (let index = 0; index < length; index++) {
      this.#buffer[this.#position++] = text.charCodeAt(index)
    }
  }

  /** Copied when small, else referenced: the caller must not change them before they are sent. */
  bytes(value: Buffer): void {
    if (value.length < REFERENCE_FROM_BYTES) {
      this.#reserve(value.length)
      value.copy(this.#buffer, this.#position)
      this.#position += value.length
      return
    }
    this.#closeChunk()
    this.#done.push(value)
    this.#doneBytes += value.length
  }

  /** All that was written, in order. The writer must not be used afterwards. */
  chunks(): Buffer[] {
    this.#closeChunk()
    return this.#done
  }

  /** All that was written as one buffer: no copy unless something was referenced. */
  toBuffer(): Buffer {
    const chunks = this.chunks()
    return chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)
  }

  #closeChunk(): void {
    if (this.#position === this.#chunkStart) return
    this.#done.push(this.#buffer.subarray(this.#chunkStart, this.#position))
    this.#doneBytes += this.#position - this.#chunkStart
    this.#chunkStart = this.#position
  }

  #short(value: number): void {
    this.#reserve(2)
    this.#buffer[this.#position++] = value >> 8
    this.#buffer[this.#position++] = value
  }

  /** Stored byte by byte: half the cost of Buffer's checked writeInt32BE. */
  #word(value: number): void {
    this.#reserve(4)
    const at = this.#position
    const buffer = this.#buffer
    buffer[at] = value >>> 24
    buffer[at + 1] = value >>> 16
    buffer[at + 2] = value >>> 8
    buffer[at + 3] = value
    this.#position = at + 4
  }

  #reserve(length: number): void {
    if (this.#position + length <= this.#buffer.length) return
    // A closed chunk stays where it is: only the open part moves to the new buffer.
    const open = this.#position - this.#chunkStart
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, open + length))
    this.#buffer.copy(grown, 0, this.#chunkStart, this.#position)
    this.#buffer = grown
    this.#chunkStart = 0
    this.#position = open
  }
}

function outOfRange(type: string, value: unknown): RangeError {
  return new RangeError(`${value} is no ${type}`)
}
