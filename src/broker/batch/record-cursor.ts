// Steps over the records of a batch, decompressed, without making an object for each.
// Source: the protocol guide's "Record". Lengths and deltas are zig-zag varints:
//
//   length          of all that follows
//   attributes      1 byte, unused
//   timestampDelta  from the batch's baseTimestamp (64-bit)
//   offsetDelta     from the batch's baseOffset
//   keyLength       -1 = null, then the key
//   valueLength     -1 = null, then the value
//   headersCount    then for each: keyLength, key (UTF-8), valueLength (-1 = null), value

import { DecodeError, Reader } from '../bytes/reader.ts'

/** Seven fields of at least a byte each, its length among them. */
export const SMALLEST_RECORD_BYTES = 7

export class RecordCursor {
  readonly #reader: Reader
  #left: number
  /** Where the current record starts, its length included, and ends (exclusive). */
  start = 0
  end = 0
  /** Where its attributes start, behind the length. */
  bodyAt = 0
  timestampDelta = 0
  offsetDelta = 0
  /** Where the key's length starts: from here to `end` nothing depends on the batch. */
  contentAt = 0
  keyAt = 0
  /** -1 = null. */
  keyLength = 0
  valueAt = 0
  /** -1 = null. */
  valueLength = 0
  headersAt = 0

  /**
   * @param records what follows the header of a batch, decompressed
   * @param count as the header says
   * @throws DecodeError when the count is impossible
   */
  constructor(records: Buffer, count: number) {
    if (count < 0 || count * SMALLEST_RECORD_BYTES > records.length) {
      throw new DecodeError(`${records.length} bytes cannot hold ${count} records`, 0)
    }
    this.#reader = new Reader(records)
    this.#left = count
  }

  /**
   * Goes to the next record; false after the last.
   * @throws DecodeError when a length does not fit, or bytes are left behind the last record
   */
  next(): boolean {
    const reader = this.#reader
    reader.position = this.end
    if (this.#left === 0) {
      if (reader.remaining > 0) throw new DecodeError('bytes after the last record', this.end)
      return false
    }
    this.#left--
    this.start = this.end
    const length = reader.varint()
    if (length < 0) throw new DecodeError(`negative record length ${length}`, this.start)
    this.bodyAt = reader.position
    reader.skip(length)
    this.end = reader.position
    reader.position = this.bodyAt
    reader.int8()
    this.timestampDelta = reader.varlong()
    this.offsetDelta = reader.varint()
    this.contentAt = reader.position
    this.keyLength = reader.varint()
    this.keyAt = this.#skipBytes(this.keyLength)
    this.valueLength = reader.varint()
    this.valueAt = this.#skipBytes(this.valueLength)
    this.headersAt = reader.position
    if (reader.position > this.end) throw new DecodeError('a field leaves its record', this.start)
    return true
  }

  get key(): Buffer | null {
    return this.#slice(this.keyAt, this.keyLength)
  }

  get value(): Buffer | null {
    return this.#slice(this.valueAt, this.valueLength)
  }

  /**
   * The headers, decoded. A name that is no UTF-8 gets replacement characters, as in Kafka's client.
   * @throws DecodeError when they do not end with the record
   */
  headers(): [string, Buffer | null][] {
    const reader = new Reader(this.#reader.buffer, this.headersAt, this.end)
    const count = reader.varint()
    // Two bytes are the least that a header takes: a lying count reserves nothing.
    if (count < 0 || count > reader.remaining / 2) {
      throw new DecodeError(`a record claims ${count} headers`, this.headersAt)
    }
    const headers: [string, Buffer | null][] = []
    for (let index = 0; index < count; index++) {
      const name = reader.bytes(reader.varint()).toString('utf8')
      const length = reader.varint()
      headers.push([name, length === -1 ? null : reader.bytes(length)])
    }
    if (reader.remaining > 0) throw new DecodeError('bytes after the last header', reader.position)
    return headers
  }

  /** As `headers`, without making anything: do they end with the record? @throws DecodeError */
  checkHeaders(): void {
    const reader = this.#reader
    reader.position = this.headersAt
    const count = reader.varint()
    if (count < 0 || count > (this.end - reader.position) / 2) {
      throw new DecodeError(`a record claims ${count} headers`, this.headersAt)
    }
    for (let index = 0; index < count; index++) {
      reader.skip(reader.varint())
      this.#skipBytes(reader.varint())
    }
    if (reader.position !== this.end) {
      throw new DecodeError('the headers do not end with their record', this.headersAt)
    }
  }

  #skipBytes(length: number): number {
    const at = this.#reader.position
    if (length !== -1) this.#reader.skip(length)
    return at
  }

  #slice(at: number, length: number): Buffer | null {
    return length === -1 ? null : this.#reader.buffer.subarray(at, at + length)
  }
}
