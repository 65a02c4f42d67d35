// Where an event id stands, for long streams only: short ones are walked. A table of offsets by the low
// half of the id's hash; the links hold the whole hash, and say whether an entry is meant.
// Grows bucket by bucket. Offsets are kept relative to a base, in 32 bits.

import type { EventLinks } from './event-links.ts'
import { mostOf } from './stream-table.ts'

export const ID_BUCKETS = 256
const FIRST_BUCKET_SIZE = 16

export class EventIds {
  readonly #links: EventLinks
  readonly #buckets: Uint32Array[] = []
  readonly #counts = new Int32Array(ID_BUCKETS)
  #baseOffset = -1

  constructor(links: EventLinks) {
    this.#links = links
    for (let i = 0; i < ID_BUCKETS; i++) this.#buckets.push(new Uint32Array(FIRST_BUCKET_SIZE))
  }

  get sizeBytes(): number {
    return this.#buckets.reduce((sum, { byteLength }) => sum + byteLength, 0)
  }

  /** Nothing older will ever be added. */
  begin(offset: number): void {
    if (this.#baseOffset < 0) this.#baseOffset = offset
  }

  add(offset: number): void {
    const relative = offset - this.#baseOffset
    if (relative < 0 || relative >= 0xffff_ffff) return
    const low = this.#links.idLowOf(offset)
    const number = low >>> 24
    const count = ++this.#counts[number]!
    const bucket = this.#buckets[number]!
    if (count > mostOf(bucket.length, number)) this.#grow(number)
    place(this.#buckets[number]!, relative, low)
  }

  /** The newest event with this id, at or behind an offset; -1 when there is none. */
  find(idHigh: number, idLow: number, fromOffset: number): number {
    const bucket = this.#buckets[idLow >>> 24]!
    const mask = bucket.length - 1
    let newest = -1
    for (let at = idLow & mask; bucket[at]! > 0; at = (at + 1) & mask) {
      const offset = bucket[at]! - 1 + this.#baseOffset
      if (offset > newest && offset >= fromOffset && this.#links.hasId(offset, idHigh, idLow)) {
        newest = offset
      }
    }
    return newest
  }

  /**
   * For a checkpoint, to be copied later: entries may come until then, which do no harm. A bucket that
   * has to grow is replaced, and stays here as it was.
   */
  bucketsNow(): Buffer[] {
    return this.#buckets.map(({ buffer, byteOffset, byteLength }) => {
      return Buffer.from(buffer, byteOffset, byteLength)
    })
  }

  get baseOffset(): number {
    return this.#baseOffset
  }

  load(baseOffset: number, buckets: readonly Buffer[]): void {
    this.#baseOffset = baseOffset
    for (const [i, { buffer, byteOffset, length }] of buckets.entries()) {
      const bucket = new Uint32Array(buffer, byteOffset, length / 4)
      let count = 0
      for (const entry of bucket) if (entry > 0) count += 1
      this.#buckets[i] = bucket
      this.#counts[i] = count
    }
  }

  #grow(number: number): void {
    const old = this.#buckets[number]!
    const next = new Uint32Array(old.length * 2)
    let count = 0
    for (let at = 0; at < old.length; at++) {
      const relative = old[at]! - 1
      if (relative < 0) continue
      const low = this.#links.idLowOf(relative + this.#baseOffset)
      // Forgotten meanwhile.
      if (low >>> 24 !== number) continue
      place(next, relative, low)
      count += 1
    }
    this.#buckets[number] = next
    this.#counts[number] = count + 1
  }
}

function place(bucket: Uint32Array, relative: number, low: number): void {
  const mask = bucket.length - 1
  let at = low & mask
  while (bucket[at]! > 0) at = (at + 1) & mask
  bucket[at] = relative + 1
}
