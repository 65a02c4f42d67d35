// Reads the protocol's primitive types from a slice of a buffer, in place and without allocating
// per field. Big-endian, as on the wire. Every read checks the end first and throws DecodeError:
// a hostile length never reaches an allocation.
// Source: the protocol guide's "Protocol Primitive Types"; zig-zag varints as in Protocol Buffers.

import { formatUuid } from './uuid.ts'

/** The bytes do not hold what the reader was asked for. `position` is where it noticed. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
  readonly position: number
  /** The field it was in, as far as whoever reads fields has filled it in: `topics[0].name`. */
  path = ''

  constructor(message: string, position: number) {
    super(message)
    this.position = position
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const MAX_VARINT_BYTES = 5
const MAX_VARLONG_BYTES = 10
/** Array elements that one reader yields at most: bounds what a small frame makes us allocate. */
const MAX_ELEMENTS = 1_000_000
/** Strings up to this length are first tried as ASCII, which is several times cheaper. */
const SHORT_STRING_BYTES = 64

export class Reader {
  readonly buffer: Buffer
  /** Absolute index in `buffer` of the next byte. */
  position: number
  /** Exclusive. */
  readonly end: number
  #elementsLeft = MAX_ELEMENTS

  constructor(buffer: Buffer, position = 0, end = buffer.length) {
    this.buffer = buffer
    this.position = position
    this.end = end
  }

  get remaining(): number {
    return this.end - this.position
  }

  int8(): number {
    return (this.buffer[this.#take(1)]! << 24) >> 24
  }

  int16(): number {
    return (this.uint16() << 16) >> 16
  }

  uint16(): number {
    const at = this.#take(2)
    return (this.buffer[at]! << 8) | this.buffer[at + 1]!
  }

  int32(): number {
    return this.#word(this.#take(4))
  }

  uint32(): number {
    return this.#word(this.#take(4)) >>> 0
  }

  /** int64 as a number; beyond 2^53-1 in magnitude is a DecodeError (decision: int64 as number). */
  int64(): number {
    const at = this.#take(8)
    const value = this.#int64At(at)
    if (!Number.isSafeInteger(value)) throw new DecodeError('int64 beyond 2^53-1', at)
    return value
  }

  /** int64 as a number; beyond 2^53-1 in magnitude it stays at 2^53-1, for values only compared. */
  saturatingInt64(): number {
    const value = this.#int64At(this.#take(8))
    return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(value, Number.MAX_SAFE_INTEGER))
  }

  float64(): number {
    return this.buffer.readDoubleBE(this.#take(8))
  }

  boolean(): boolean {
    return this.int8() !== 0
  }

  /** 16 bytes, as the 22 characters of base64url that Kafka's tools print. */
  uuid(): string {
    const at = this.#take(16)
    return formatUuid(this.buffer, at)
  }

  uvarint(): number {
    const start = this.position
    let value = 0
    let factor = 1
    for (let count = 0; count < MAX_VARINT_BYTES; count++) {
      const byte = this.#byte()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) {
        if (value > 0xffff_ffff) break
        return value
      }
      factor *= 0x80
    }
    throw new DecodeError('varint longer than 32 bits', start)
  }

  varint(): number {
    const raw = this.uvarint()
    return (raw >>> 1) ^ -(raw & 1)
  }

  /** Zig-zag int64 as a number; beyond 2^53-1 in magnitude is a DecodeError. */
  varlong(): number {
    const start = this.position
    let low = 0 // bits 0..27
    let high = 0 // bits 28 and up, as a number
    let factor = 1
    for (let count = 0; count < MAX_VARLONG_BYTES; count++) {
      const byte = this.#byte()
      if (count < 4) low += (byte & 0x7f) * 0x80 ** count
      else {
        high += (byte & 0x7f) * factor
        factor *= 0x80
      }
      if (byte < 0x80) return this.#unzigzag(low, high, start)
    }
    throw new DecodeError('varint longer than 64 bits', start)
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    if (length < 0) throw new DecodeError(`negative length ${length}`, this.position)
    const at = this.#take(length)
    return this.buffer.subarray(at, at + length)
  }

  /** `length` bytes of UTF-8; invalid UTF-8 is a DecodeError. */
  string(length: number): string {
    if (length < 0) throw new DecodeError(`negative length ${length}`, this.position)
    const at = this.#take(length)
    if (length <= SHORT_STRING_BYTES) {
      const ascii = this.#ascii(at, length)
      if (ascii !== undefined) return ascii
    }
    try {
      return utf8.decode(this.buffer.subarray(at, at + length))
    } catch {
      throw new DecodeError('invalid UTF-8', at)
    }
  }

  /**
   * To be called before `count` array elements are read, each at least `minBytes` long: a count
   * that the remaining bytes cannot hold is a DecodeError before anything is allocated.
   */
  claimElements(count: number, minBytes: number): void {
    if (count < 0) throw new DecodeError(`negative count ${count}`, this.position)
    if (count * minBytes > this.remaining) {
      const most = `${this.remaining} bytes are left`
      throw new DecodeError(`${count} elements announced, ${most}`, this.position)
    }
    this.#elementsLeft -= count
    if (this.#elementsLeft < 0) {
      throw new DecodeError(`more than ${MAX_ELEMENTS} array elements`, this.position)
    }
  }

  skip(length: number): void {
    if (length < 0) throw new DecodeError(`negative length ${length}`, this.position)
    this.#take(length)
  }

  #take(length: number): number {
    const at = this.position
    if (length > this.end - at) {
      throw new DecodeError(`needs ${length} bytes, ${this.end - at} are left`, at)
    }
    this.position = at + length
    return at
  }

  /** Four bytes as an int32. Byte by byte: half the cost of Buffer's checked readInt32BE. */
  #word(at: number): number {
    const { buffer } = this
    return (buffer[at]! << 24) | (buffer[at + 1]! << 16) | (buffer[at + 2]! << 8) | buffer[at + 3]!
  }

  #int64At(at: number): number {
    return this.#word(at) * 0x1_0000_0000 + (this.#word(at + 4) >>> 0)
  }

  #byte(): number {
    if (this.position >= this.end) throw new DecodeError('truncated varint', this.position)
    return this.buffer[this.position++]!
  }

  #ascii(at: number, length: number): string | undefined {
    for (let index = at; index < at + length; index++) {
      if (this.buffer[index]! >= 0x80) return undefined
    }
    return this.buffer.toString('latin1', at, at + length)
  }

  #unzigzag(low: number, high: number, start: number): number {
    // value = high * 2^28 + low, still zig-zagged; halve it without leaving the safe integers.
    const isNegative = (low & 1) === 1
    const half = high * 0x800_0000 + (low - (low & 1)) / 2
    const value = isNegative ? -half - 1 : half
    if (!Number.isSafeInteger(value)) throw new DecodeError('int64 beyond 2^53-1', start)
    return value
  }
}
