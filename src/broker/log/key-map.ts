// The last offset of each key of a stretch of log, in bounded memory: what compaction goes by. Keys
// are known by 16 bytes of their SHA-256 alone, so two of them would have to be made to collide.
//
//   slot: 16 bytes hash, 8 bytes offset + 1 (0 = free); open addressing, linear probing
//
// Invariant: tables grow with their keys, and together never beyond `maxBytes`. They are many and
// small, so that growing one never holds the event loop.

import { hash } from 'node:crypto'

const SLOT_BYTES = 24
const FIRST_SLOTS = 16
/** A larger map is split into more tables, at most so many. */
const MAX_TABLES = 256
const SLOTS_PER_TABLE = 4096
const GROW_AT = 0.7
const MAX_LOAD_FACTOR = 0.95

export interface KeyMapOptions {
  readonly maxBytes: number
  /** The share of slots that may be taken, above 0 and at most 1. */
  readonly loadFactor: number
}

interface Table {
  slots: number
  hashes: Int32Array
  offsets: Float64Array
  count: number
}

export class KeyMap {
  readonly #tables: Table[]
  readonly #maxSlots: number
  readonly #maxCount: number
  /** Of the key that was hashed last. */
  readonly #words = new Int32Array(4)

  constructor({ maxBytes, loadFactor }: KeyMapOptions) {
    const slots = Math.max(FIRST_SLOTS, Math.floor(maxBytes / SLOT_BYTES))
    const tables = Math.min(MAX_TABLES, Math.max(1, Math.floor(slots / SLOTS_PER_TABLE)))
    this.#maxSlots = Math.floor(slots / tables)
    const factor = Math.min(loadFactor, MAX_LOAD_FACTOR)
    this.#maxCount = Math.max(1, Math.floor(this.#maxSlots * factor))
    this.#tables = Array.from({ length: tables }, () => newTable(FIRST_SLOTS))
  }

  get size(): number {
    return this.#tables.reduce((sum, { count }) => sum + count, 0)
  }

  get sizeBytes(): number {
    return this.#tables.reduce((sum, { slots }) => sum + slots * SLOT_BYTES, 0)
  }

  /** @returns false when the key is new and there is no room for it */
  put(key: Buffer, offset: number): boolean {
    const table = this.#tableOf(key)
    const slot = find(table, this.#words)
    if (table.offsets[slot] === 0) {
      if (table.count >= this.#maxCount) return false
      table.count += 1
      this.#words.forEach((word, i) => {
        table.hashes[slot * 4 + i] = word
      })
    }
    table.offsets[slot] = offset + 1
    if (table.count > table.slots * GROW_AT && table.slots < this.#maxSlots) {
      grow(table, Math.min(table.slots * 2, this.#maxSlots))
    }
    return true
  }

  /** @returns -1 when the key is not there */
  get(key: Buffer): number {
    const table = this.#tableOf(key)
    return table.offsets[find(table, this.#words)]! - 1
  }

  #tableOf(key: Buffer): Table {
    // As text: making a Buffer for each key would take three times as long.
    const digest = hash('sha256', key, 'binary')
    for (let i = 0; i < 4; i++) {
      const at = i * 4
      this.#words[i] =
        digest.charCodeAt(at) |
        (digest.charCodeAt(at + 1) << 8) |
        (digest.charCodeAt(at + 2) << 16) |
        (digest.charCodeAt(at + 3) << 24)
    }
    return this.#tables[(this.#words[3]! >>> 0) % this.#tables.length]!
  }
}

function newTable(slots: number): Table {
  return {
    slots,
    hashes: new Int32Array(slots * 4),
    offsets: new Float64Array(slots),
    count: 0,
  }
}

/** The slot that has the hash, or the free one where it would go. A table is never full. */
function find({ slots, hashes, offsets }: Table, words: Int32Array): number {
  let slot = (words[0]! >>> 0) % slots
  while (offsets[slot] !== 0) {
    const at = slot * 4
    if (
      hashes[at] === words[0] &&
      hashes[at + 1] === words[1] &&
      hashes[at + 2] === words[2] &&
      hashes[at + 3] === words[3]
    ) {
      return slot
    }
    slot = slot + 1 === slots ? 0 : slot + 1
  }
  return slot
}

function grow(table: Table, slots: number): void {
  const larger = newTable(slots)
  for (let slot = 0; slot < table.slots; slot++) {
    if (table.offsets[slot] === 0) continue
    const words = table.hashes.subarray(slot * 4, slot * 4 + 4)
    const target = find(larger, words)
    larger.hashes.set(words, target * 4)
    larger.offsets[target] = table.offsets[slot]!
  }
  table.slots = slots
  table.hashes = larger.hashes
  table.offsets = larger.offsets
}
