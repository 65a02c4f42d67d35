// The records of a batch as bytes; `fetched-record.ts` shows their layout. Each is measured first, so
// that all are written once, into the place where they stay. A record has a dozen short pieces: those are
// copied by hand, which costs less than a call that would do it.

import type { OutgoingRecord } from '../../sdk/events/record.ts'

/** Up to so many bytes a loop is faster than `TypedArray.set`. */
const SHORT_BYTES = 48
const LAST_ASCII = 0x7f

/** @param timestamps of the records, in milliseconds */
export function encodeRecords(
  records: readonly OutgoingRecord[],
  timestamps: readonly number[],
): Buffer {
  const base = timestamps[0] ?? 0
  const sizes = records.map((record, index) => bodySize(record, index, timestamps[index]! - base))
  const total = sizes.reduce((sum, size) => sum + varintSize(size) + size, 0)
  const bytes = Buffer.allocUnsafe(total)
  const pen = new Pen(bytes)
  for (let index = 0; index < records.length; index++) {
    const { key, value, headers } = records[index]!
    pen.varint(sizes[index]!)
    pen.byte(0)
    pen.varint(timestamps[index]! - base)
    pen.varint(index)
    pen.bytes(key)
    pen.bytes(value)
    pen.varint(headers.length)
    for (const [name, content] of headers) {
      pen.text(name)
      pen.bytes(content)
    }
  }
  return bytes
}

/** Without the length that stands before it. */
function bodySize(record: OutgoingRecord, index: number, timeDelta: number): number {
  const { key, value, headers } = record
  let size = 1 + varintSize(timeDelta) + varintSize(index) + varintSize(headers.length)
  size += bytesSize(key) + bytesSize(value)
  for (const [name, content] of headers) {
    const length = isAscii(name) ? name.length : Buffer.byteLength(name)
    size += varintSize(length) + length + bytesSize(content)
  }
  return size
}

function bytesSize(value: Uint8Array | null): number {
  return value === null ? 1 : varintSize(value.length) + value.length
}

/** Zigzag. */
function varintSize(value: number): number {
  let size = 1
  for (let rest = zigzag(value); rest >= 0x80; rest = Math.floor(rest / 0x80)) size++
  return size
}

/** Beyond 32 bits too: a delta of time may be any. */
function zigzag(value: number): number {
  return value < 0 ? -value * 2 - 1 : value * 2
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > LAST_ASCII) return false
  }
  return true
}

class Pen {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  byte(value: number): void {
    this.#bytes[this.#at++] = value
  }

  varint(value: number): void {
    let rest = zigzag(value)
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) + 0x80)
    this.byte(rest)
  }

  bytes(value: Uint8Array | null): void {
    this.varint(value === null ? -1 : value.length)
    if (value === null) return
    if (value.length > SHORT_BYTES) this.#bytes.set(value, this.#at)
    else for (let at = 0; at < value.length; at++) this.#bytes[this.#at + at] = value[at]!
    this.#at += value.length
  }

  text(text: string): void {
    if (isAscii(text)) {
      this.varint(text.length)
      for (let at = 0; at < text.length; at++) this.byte(text.charCodeAt(at))
    } else this.bytes(Buffer.from(text))
  }
}
