// The sparse index of a segment from time to offset, in memory and in Kafka's file format:
//
//   at  bytes  entry
//    0    8    timestamp        the greatest so far
//    8    4    relativeOffset   last offset of the batch that had it, less the segment's base offset
//
// Invariant: both columns grow strictly, so whatever is later than an entry's timestamp lies behind
// its offset. Kafka reserves the active segment's file in full, so its tail may be zeros.

import { writeInt64 } from '../batch/header.ts'

const ENTRY_BYTES = 12
const FIRST_CAPACITY = 64

export interface TimeIndexEntry {
  readonly timestamp: number
  readonly relativeOffset: number
}

export class TimeIndex {
  #timestamps = new Float64Array(FIRST_CAPACITY)
  #offsets = new Int32Array(FIRST_CAPACITY)
  #count = 0

  get entryCount(): number {
    return this.#count
  }

  get sizeBytes(): number {
    return this.#count * ENTRY_BYTES
  }

  last(): TimeIndexEntry | undefined {
    return this.#count === 0 ? undefined : this.#entry(this.#count - 1)
  }

  /** An entry that is not later than the last one says nothing new and is left out. */
  append(timestamp: number, relativeOffset: number): void {
    const last = this.last()
    if (last === undefined ? timestamp < 0 : timestamp <= last.timestamp) return
    if (last !== undefined && relativeOffset <= last.relativeOffset) return
    if (this.#count === this.#offsets.length) this.#grow()
    this.#timestamps[this.#count] = timestamp
    this.#offsets[this.#count] = relativeOffset
    this.#count += 1
  }

  /** The relative offset from which to look for the first record at or after `timestamp`. */
  offsetFor(timestamp: number): number {
    let low = 0
    let high = this.#count - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      if (this.#timestamps[middle]! < timestamp) low = middle + 1
      else high = middle - 1
    }
    return high < 0 ? 0 : this.#offsets[high]!
  }

  /** Forgets the entries of offsets at or beyond `relativeOffset`. */
  truncateToOffset(relativeOffset: number): void {
    while (this.#count > 0 && this.#offsets[this.#count - 1]! >= relativeOffset) this.#count -= 1
  }

  /** The file's bytes from one entry on. */
  encode(fromEntry = 0): Buffer {
    const bytes = Buffer.allocUnsafe((this.#count - fromEntry) * ENTRY_BYTES)
    for (let i = fromEntry; i < this.#count; i++) {
      const at = (i - fromEntry) * ENTRY_BYTES
      writeInt64(bytes, at, this.#timestamps[i]!)
      bytes.writeInt32BE(this.#offsets[i]!, at + 8)
    }
    return bytes
  }

  /** @returns undefined when the bytes are no time index */
  static decode(bytes: Buffer): TimeIndex | undefined {
    const index = new TimeIndex()
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      const timestamp = Number(bytes.readBigInt64BE(at))
      const relativeOffset = bytes.readInt32BE(at + 8)
      if (timestamp === 0 && relativeOffset === 0) break
      const before = index.#count
      index.append(timestamp, relativeOffset)
      if (index.#count === before) return undefined
    }
    return index
  }

  #entry(index: number): TimeIndexEntry {
    return { timestamp: this.#timestamps[index]!, relativeOffset: this.#offsets[index]! }
  }

  #grow(): void {
    const timestamps = new Float64Array(this.#timestamps.length * 2)
    timestamps.set(this.#timestamps)
    this.#timestamps = timestamps
    const offsets = new Int32Array(this.#offsets.length * 2)
    offsets.set(this.#offsets)
    this.#offsets = offsets
  }
}
