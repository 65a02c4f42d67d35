// Goes through the records of a batch as a store sees them: key, and among the headers those that mean
// something here. Makes nothing for each record; positions are those of the last `next`.
// Source: the protocol guide's "Record" (lengths are zig-zag varints, -1 is null).

import { DecodeError } from '../bytes/reader.ts'
import {
  EXPECTED_VERSION_HEADER,
  ID_HEADER,
  kindOfType,
  type RecordKind,
  TYPE_HEADER,
  VERSION_HEADER,
} from './store-names.ts'

const MAX_VARINT_SHIFT = 28
const ID = Buffer.from(ID_HEADER)
const TYPE = Buffer.from(TYPE_HEADER)
const VERSION = Buffer.from(VERSION_HEADER)
const EXPECTED = Buffer.from(EXPECTED_VERSION_HEADER)
const NOTICE_PREFIX = Buffer.from('millrace.stream.')

export class RecordScan {
  bytes: Buffer
  #at = 0
  #left: number
  /** Where its attributes start, behind the length. */
  bodyAt = 0
  end = 0
  /** Where the key's length starts: nothing from here on depends on the batch. */
  contentAt = 0
  timestampDelta = 0
  offsetDelta = 0
  keyAt = 0
  /** -1 = null. */
  keyLength = 0
  valueAt = 0
  /** -1 = null. */
  valueLength = 0
  /** Where the count of headers starts. */
  headersAt = 0
  headerCount = 0
  firstHeaderAt = 0
  /** -1 in each length: there is no such header, or it is null. */
  idAt = 0
  idLength = -1
  typeAt = 0
  typeLength = -1
  versionAt = 0
  versionLength = -1
  expectedAt = 0
  expectedLength = -1
  /** The whole header, name and lengths included; no bytes when there is none. */
  expectedStart = 0
  expectedEnd = 0
  hasVersion = false
  expectedCount = 0

  /** @param bytes what follows the header of a batch, decompressed */
  constructor(bytes: Buffer, count: number) {
    this.bytes = bytes
    this.#left = count
  }

  /** Begins with other records: for who goes through many batches. */
  restart(bytes: Buffer, count: number, start = 0): void {
    this.bytes = bytes
    this.#left = count
    this.#at = start
    this.end = start
  }

  /** @throws DecodeError when a field leaves its record */
  next(): boolean {
    if (this.#left === 0) return false
    this.#left -= 1
    this.#at = this.end
    const length = this.#varint()
    this.bodyAt = this.#at
    this.end = this.#at + length
    if (length < 6 || this.end > this.bytes.length)
      throw new DecodeError('bad record length', this.bodyAt)
    this.#at += 1
    this.timestampDelta = this.#varlong()
    this.offsetDelta = this.#varint()
    this.contentAt = this.#at
    this.keyLength = this.#varint()
    this.keyAt = this.#skip(this.keyLength)
    this.valueLength = this.#varint()
    this.valueAt = this.#skip(this.valueLength)
    this.headersAt = this.#at
    this.#scanHeaders()
    if (this.#at !== this.end) throw new DecodeError('a record ends elsewhere', this.bodyAt)
    return true
  }

  /** Passes over so many records by their lengths alone: in a store they are numbered 0, 1, 2 ... */
  skip(count: number): void {
    for (let i = 0; i < count && this.#left > 0; i++) {
      this.#left -= 1
      this.#at = this.end
      const length = this.#varint()
      this.end = this.#at + Math.max(0, length)
    }
  }

  get kind(): RecordKind {
    if (this.typeLength < NOTICE_PREFIX.length) return 'event'
    if (!isAt(this.bytes, this.typeAt, NOTICE_PREFIX)) return 'event'
    return kindOfType(this.text(this.typeAt, this.typeLength))
  }

  /** undefined without a version that can be read. */
  get version(): number | undefined {
    if (this.versionLength <= 0 || this.versionLength > 10) return undefined
    let version = 0
    for (let i = 0; i < this.versionLength; i++) {
      const digit = this.bytes[this.versionAt + i]! - 0x30
      if (digit < 0 || digit > 9) return undefined
      version = version * 10 + digit
    }
    return version
  }

  get id(): Buffer | undefined {
    if (this.idLength <= 0) return undefined
    return this.bytes.subarray(this.idAt, this.idAt + this.idLength)
  }

  get value(): Buffer | null {
    if (this.valueLength < 0) return null
    return this.bytes.subarray(this.valueAt, this.valueAt + this.valueLength)
  }

  get type(): string | undefined {
    return this.typeLength < 0 ? undefined : this.text(this.typeAt, this.typeLength)
  }

  get key(): string {
    return this.text(this.keyAt, this.keyLength)
  }

  /** All of them, made anew. */
  headers(): (readonly [name: string, value: Buffer | null])[] {
    const headers: (readonly [string, Buffer | null])[] = []
    const at = this.#at
    this.#at = this.firstHeaderAt
    for (let i = 0; i < this.headerCount; i++) {
      const nameLength = this.#varint()
      const nameAt = this.#skip(nameLength)
      const length = this.#varint()
      const valueAt = this.#skip(length)
      const value = length < 0 ? null : this.bytes.subarray(valueAt, valueAt + length)
      headers.push([this.text(nameAt, nameLength), value])
    }
    this.#at = at
    return headers
  }

  text(at: number, length: number): string {
    return this.bytes.toString('utf8', at, at + Math.max(0, length))
  }

  #scanHeaders(): void {
    this.idLength = -1
    this.typeLength = -1
    this.versionLength = -1
    this.expectedLength = -1
    this.hasVersion = false
    this.expectedCount = 0
    this.expectedStart = 0
    this.expectedEnd = 0
    this.headerCount = this.#varint()
    this.firstHeaderAt = this.#at
    if (this.headerCount < 0) throw new DecodeError('negative number of headers', this.headersAt)
    for (let i = 0; i < this.headerCount; i++) {
      const start = this.#at
      const nameLength = this.#varint()
      if (nameLength < 0) throw new DecodeError('a header has no name', start)
      const nameAt = this.#skip(nameLength)
      const length = this.#varint()
      const at = this.#skip(length)
      if (nameLength === ID.length) {
        if (isAt(this.bytes, nameAt, ID)) {
          this.idAt = at
          this.idLength = length
        }
      } else if (nameLength === TYPE.length) {
        if (isAt(this.bytes, nameAt, TYPE)) {
          this.typeAt = at
          this.typeLength = length
        }
      } else if (nameLength === VERSION.length) {
        if (isAt(this.bytes, nameAt, VERSION)) {
          this.versionAt = at
          this.versionLength = length
          this.hasVersion = true
        }
      } else if (nameLength === EXPECTED.length && isAt(this.bytes, nameAt, EXPECTED)) {
        this.expectedAt = at
        this.expectedLength = length
        this.expectedStart = start
        this.expectedEnd = this.#at
        this.expectedCount += 1
      }
    }
  }

  #skip(length: number): number {
    const at = this.#at
    if (length < -1 || length > this.end - at)
      throw new DecodeError('a field leaves its record', at)
    if (length > 0) this.#at += length
    return at
  }

  /** Nearly all have one byte. */
  #varint(): number {
    const byte = this.bytes[this.#at]!
    if (byte < 0x80) {
      this.#at += 1
      return (byte >>> 1) ^ -(byte & 1)
    }
    return this.#longVarint()
  }

  #longVarint(): number {
    const { bytes } = this
    let raw = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[this.#at++]
      if (byte === undefined) throw new DecodeError('the batch ends within a record', this.#at)
      if (shift > MAX_VARINT_SHIFT) throw new DecodeError('bad varint', this.#at)
      raw |= (byte & 0x7f) << shift
      if (byte < 0x80) return (raw >>> 1) ^ -(raw & 1)
    }
  }

  #varlong(): number {
    const { bytes } = this
    let raw = 0
    let factor = 1
    for (let i = 0; ; i++) {
      const byte = bytes[this.#at++]
      if (byte === undefined || i === 10) throw new DecodeError('bad varlong', this.#at)
      raw += (byte & 0x7f) * factor
      if (byte < 0x80) break
      factor *= 0x80
    }
    // Exact below 2^53, which the batch's own times are held to.
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
  }
}

function isAt(bytes: Buffer, at: number, wanted: Buffer): boolean {
  for (let i = wanted.length - 1; i >= 0; i--) if (bytes[at + i] !== wanted[i]) return false
  return true
}
