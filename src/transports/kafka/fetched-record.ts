// A record as it stands in a batch that was fetched. Only what somebody asks for is taken out of the
// bytes: there are a dozen headers to an event, and most handlers look at its data and nothing else.
//
//   varint  length of what follows      bytes  key
//   int8    attributes, unused          bytes  value
//   varint  time since the batch's      varint count of headers, then for each:
//   varint  offset since the batch's           bytes name, bytes value
//   bytes: a varint of the length, -1 for null, and then as many. All varints are zigzag.

import type { Header, IncomingRecord } from '../../sdk/events/record.ts'
import { KafkaError } from './errors.ts'

interface Place {
  readonly topic: string
  readonly partition: number
}

export class FetchedRecord implements IncomingRecord {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly timestampMs: number
  readonly #bytes: Buffer
  readonly #keyAt: number
  readonly #keyLength: number
  readonly #valueAt: number
  readonly #valueLength: number
  #key: Buffer | null | undefined
  #value: Buffer | null | undefined
  #headers: readonly Header[] | undefined

  /** @param cursor stands at the key; what is left of the record is not looked at */
  constructor(cursor: Cursor, place: Place, { offset, timestampMs }: Stamp) {
    this.topic = place.topic
    this.partition = place.partition
    this.offset = offset
    this.timestampMs = timestampMs
    this.#bytes = cursor.buffer
    this.#keyLength = cursor.varint()
    this.#keyAt = cursor.at
    cursor.at += Math.max(0, this.#keyLength)
    this.#valueLength = cursor.varint()
    this.#valueAt = cursor.at
  }

  get key(): Buffer | null {
    this.#key ??= cut(this.#bytes, this.#keyAt, this.#keyLength)
    return this.#key
  }

  get value(): Buffer | null {
    this.#value ??= cut(this.#bytes, this.#valueAt, this.#valueLength)
    return this.#value
  }

  get headers(): readonly Header[] {
    this.#headers ??= readHeaders(this.#atHeaders())
    return this.#headers
  }

  /** Of key and value. */
  get sizeBytes(): number {
    return Math.max(0, this.#keyLength) + Math.max(0, this.#valueLength)
  }

  header(name: string): Buffer | null | undefined {
    const cursor = this.#atHeaders()
    let at = 0
    let length: number | undefined
    for (let left = cursor.varint(); left > 0; left--) {
      const isWanted = cursor.isText(name)
      const valueLength = cursor.varint()
      if (isWanted) {
        at = cursor.at
        length = valueLength
      }
      cursor.at += Math.max(0, valueLength)
    }
    return length === undefined ? undefined : cut(this.#bytes, at, length)
  }

  #atHeaders(): Cursor {
    return new Cursor(this.#bytes, this.#valueAt + Math.max(0, this.#valueLength))
  }
}

interface Stamp {
  readonly offset: number
  readonly timestampMs: number
}

export class Cursor {
  readonly buffer: Buffer
  at: number

  constructor(buffer: Buffer, at = 0) {
    this.buffer = buffer
    this.at = at
  }

  /** @throws KafkaError when the bytes end within it */
  varint(): number {
    const first = this.buffer[this.at]
    if (first === undefined || first >= 0x80) return this.#longVarint()
    this.at += 1
    return (first >>> 1) ^ -(first & 1)
  }

  bytes(): Buffer | null {
    const length = this.varint()
    const at = this.at
    this.at += Math.max(0, length)
    return cut(this.buffer, at, length)
  }

  /** Passes over bytes. @returns whether they are `text`, which is ASCII */
  isText(text: string): boolean {
    const length = Math.max(0, this.varint())
    const at = this.at
    this.at += length
    if (length !== text.length) return false
    // From the end: many names begin alike.
    for (let index = length - 1; index >= 0; index--) {
      if (this.buffer[at + index] !== text.charCodeAt(index)) return false
    }
    return true
  }

  /** Beyond 32 bits too: a delta of time may be any. */
  #longVarint(): number {
    let value = 0
    for (let weight = 1; ; weight *= 128) {
      const byte = this.buffer[this.at]
      if (byte === undefined)
        throw new KafkaError('A record says that it is longer than its batch.')
      this.at += 1
      value += (byte & 0x7f) * weight
      if (byte < 0x80) return value % 2 === 0 ? value / 2 : -(value + 1) / 2
    }
  }
}

function readHeaders(cursor: Cursor): readonly Header[] {
  const headers: Header[] = []
  for (let left = cursor.varint(); left > 0; left--) {
    headers.push([cursor.bytes()?.toString() ?? '', cursor.bytes()])
  }
  return headers
}

function cut(bytes: Buffer, at: number, length: number): Buffer | null {
  return length < 0 ? null : bytes.subarray(at, at + length)
}
