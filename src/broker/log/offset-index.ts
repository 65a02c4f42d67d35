// The sparse index of a segment from offset to position, in memory and in Kafka's file format:
//
//   at  bytes  entry
//    0    4    relativeOffset   last offset of a batch, less the segment's base offset
//    4    4    position         where that batch starts in the .log file
//
// Invariant: both columns grow strictly. An index only hastens: every lookup may be answered from
// the log, so a file that fails its check is dropped and rebuilt.
// Kafka reserves the active segment's file in full, so its tail may be zeros.

const ENTRY_BYTES = 8
const FIRST_CAPACITY = 64

export interface OffsetIndexEntry {
  readonly relativeOffset: number
  readonly position: number
}

export class OffsetIndex {
  /** Pairs: relative offset, position. */
  #pairs = new Int32Array(FIRST_CAPACITY * 2)
  #count = 0

  get entryCount(): number {
    return this.#count
  }

  get sizeBytes(): number {
    return this.#count * ENTRY_BYTES
  }

  append(relativeOffset: number, position: number): void {
    const at = this.#count * 2
    if (at === this.#pairs.length) this.#grow()
    this.#pairs[at] = relativeOffset
    this.#pairs[at + 1] = position
    this.#count += 1
  }

  /** Where to begin looking for an offset: the start of some batch at or before it; 0 when unknown. */
  positionFor(relativeOffset: number): number {
    const index = this.#lastWhere(0, relativeOffset)
    return index < 0 ? 0 : this.#pairs[index * 2 + 1]!
  }

  /** The last entry at or before an offset. */
  entryFor(relativeOffset: number): OffsetIndexEntry | undefined {
    const index = this.#lastWhere(0, relativeOffset)
    if (index < 0) return undefined
    return { relativeOffset: this.#pairs[index * 2]!, position: this.#pairs[index * 2 + 1]! }
  }

  /** Forgets the entries of batches that start at or after `position`. */
  truncateToPosition(position: number): void {
    this.#count = this.#lastWhere(1, position - 1) + 1
  }

  /** The file's bytes from one entry on. */
  encode(fromEntry = 0): Buffer {
    const bytes = Buffer.allocUnsafe((this.#count - fromEntry) * ENTRY_BYTES)
    for (let i = fromEntry * 2; i < this.#count * 2; i++) {
      bytes.writeInt32BE(this.#pairs[i]!, (i - fromEntry * 2) * 4)
    }
    return bytes
  }

  /** @returns undefined when the bytes are no index of a log file of that size */
  static decode(bytes: Buffer, logSizeBytes: number): OffsetIndex | undefined {
    const index = new OffsetIndex()
    let lastOffset = -1
    let lastPosition = -1
    for (let at = 0; at + ENTRY_BYTES <= bytes.length; at += ENTRY_BYTES) {
      const offset = bytes.readInt32BE(at)
      const position = bytes.readInt32BE(at + 4)
      if (at > 0 && offset === 0 && position === 0) break
      if (offset <= lastOffset || position <= lastPosition || position >= logSizeBytes) {
        // An index of a file that has nothing yet is zeros from its first entry on.
        return at === 0 && offset === 0 && position === 0 ? index : undefined
      }
      index.append(offset, position)
      lastOffset = offset
      lastPosition = position
    }
    return index
  }

  /** The last entry whose column is at most `value`; -1 when there is none. */
  #lastWhere(column: 0 | 1, value: number): number {
    let low = 0
    let high = this.#count - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      if (this.#pairs[middle * 2 + column]! <= value) low = middle + 1
      else high = middle - 1
    }
    return high
  }

  #grow(): void {
    const larger = new Int32Array(this.#pairs.length * 2)
    larger.set(this.#pairs)
    this.#pairs = larger
  }
}
