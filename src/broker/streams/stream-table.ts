// The streams of one partition of a store: names to numbers (slots), and what is known of each. Arrays
// of numbers in pages and names as bytes, no object for a stream; grows page by page and bucket by
// bucket, so that no append ever waits for all of it to be copied.
// Invariant: a slot, once given, stays; names are never removed.

import { hashBytes } from './byte-hash.ts'
import type { StreamLife } from './expected-version.ts'

export const STREAMS_PER_PAGE = 1 << 14
const SLOT_MASK = STREAMS_PER_PAGE - 1
const PAGE_SHIFT = 14
export const NAME_CHUNK_BYTES = 1 << 20
const BUCKETS = 256
const BUCKET_SHIFT = 24
const FIRST_BUCKET_SIZE = 64
const LIVES: readonly StreamLife[] = ['live', 'deleted', 'tombstoned']
/** Bytes of a page: 8 for the offset, five times 4, 2 for the name's length, 1 for the life. */
export const STREAM_PAGE_BYTES = STREAMS_PER_PAGE * 31

/** All that an append changes. Versions are kept plus 1, so that 0 is none. */
export interface StreamFields {
  readonly headVersion: number
  /** Of its newest event; -1 when there is none. */
  readonly headOffset: number
  /** Events below it are gone for readers. */
  readonly firstVersion: number
  /** Its first version after it was last deleted: where `none` begins. */
  readonly bornVersion: number
  readonly life: StreamLife
}

/** What a stream was before the record at an offset. */
export interface FieldsBefore extends StreamFields {
  readonly slot: number
  readonly offset: number
}

interface Page {
  readonly bytes: Buffer
  readonly headOffsets: Float64Array
  readonly hashes: Int32Array
  readonly names: Uint32Array
  readonly heads: Uint32Array
  readonly firsts: Uint32Array
  readonly borns: Uint32Array
  readonly nameLengths: Uint16Array
  readonly lives: Uint8Array
}

interface Snapshot {
  /** Streams that come later are no part of it. */
  readonly count: number
  takenPages: number
  /** For each page that was not taken yet: what its streams were that have changed. */
  readonly before: (Map<number, StreamFields> | undefined)[]
}

export class StreamTable {
  readonly seed: number
  readonly #pages: Page[] = []
  readonly #chunks: Buffer[] = []
  #namesEnd = 0
  #count = 0
  readonly #buckets: Int32Array[] = []
  readonly #bucketCounts = new Int32Array(BUCKETS)
  #snapshot: Snapshot | undefined

  constructor(seed: number) {
    this.seed = seed
    for (let i = 0; i < BUCKETS; i++) this.#buckets.push(new Int32Array(FIRST_BUCKET_SIZE))
  }

  /** Slots are 0 to `count` - 1. */
  get count(): number {
    return this.#count
  }

  /** Of names, with what is left free at the ends of chunks. */
  get nameBytes(): number {
    return this.#namesEnd
  }

  get sizeBytes(): number {
    let bytes = this.#pages.length * STREAM_PAGE_BYTES + this.#chunks.length * NAME_CHUNK_BYTES
    for (const bucket of this.#buckets) bytes += bucket.byteLength
    return bytes
  }

  /** @returns the slot, -1 when there is no such stream */
  find(name: Uint8Array, start: number, end: number): number {
    return this.#find(hashBytes(name, start, end, this.seed), name, start, end)
  }

  /** The slot of a stream, which is new when nobody knew it. */
  ensure(name: Uint8Array, start: number, end: number): number {
    const hash = hashBytes(name, start, end, this.seed)
    const found = this.#find(hash, name, start, end)
    if (found >= 0) return found
    const slot = this.#count++
    if (slot >> PAGE_SHIFT === this.#pages.length) this.#pages.push(pageOver(newPageBytes()))
    const page = this.#pages[slot >> PAGE_SHIFT]!
    const index = slot & SLOT_MASK
    page.hashes[index] = hash
    page.names[index] = this.#keepName(name, start, end)
    page.nameLengths[index] = end - start
    page.headOffsets[index] = -1
    this.#enter(slot, hash)
    return slot
  }

  nameOf(slot: number): string {
    const page = this.#pages[slot >> PAGE_SHIFT]!
    const index = slot & SLOT_MASK
    const at = page.names[index]! % NAME_CHUNK_BYTES
    const chunk = this.#chunks[Math.floor(page.names[index]! / NAME_CHUNK_BYTES)]!
    return chunk.toString('utf8', at, at + page.nameLengths[index]!)
  }

  hashOf(slot: number): number {
    return this.#pages[slot >> PAGE_SHIFT]!.hashes[slot & SLOT_MASK]!
  }

  headVersion(slot: number): number {
    return this.#pages[slot >> PAGE_SHIFT]!.heads[slot & SLOT_MASK]! - 1
  }

  headOffset(slot: number): number {
    return this.#pages[slot >> PAGE_SHIFT]!.headOffsets[slot & SLOT_MASK]!
  }

  life(slot: number): StreamLife {
    return LIVES[this.#pages[slot >> PAGE_SHIFT]!.lives[slot & SLOT_MASK]!]!
  }

  fields(slot: number): StreamFields {
    const page = this.#pages[slot >> PAGE_SHIFT]!
    const index = slot & SLOT_MASK
    return {
      headVersion: page.heads[index]! - 1,
      headOffset: page.headOffsets[index]!,
      firstVersion: page.firsts[index]!,
      bornVersion: page.borns[index]!,
      life: LIVES[page.lives[index]!]!,
    }
  }

  /** As they are right before the record at an offset is learnt: in one object, for every append. */
  fieldsBefore(slot: number, offset: number): FieldsBefore {
    const page = this.#pages[slot >> PAGE_SHIFT]!
    const index = slot & SLOT_MASK
    return {
      slot,
      offset,
      headVersion: page.heads[index]! - 1,
      headOffset: page.headOffsets[index]!,
      firstVersion: page.firsts[index]!,
      bornVersion: page.borns[index]!,
      life: LIVES[page.lives[index]!]!,
    }
  }

  /** An event was appended: the stream lives. */
  advance(slot: number, version: number, offset: number): void {
    const page = this.#toWrite(slot)
    const index = slot & SLOT_MASK
    page.heads[index] = version + 1
    page.headOffsets[index] = offset
    if (page.lives[index] === 1) page.lives[index] = 0
  }

  set(slot: number, fields: StreamFields): void {
    write(this.#toWrite(slot), slot & SLOT_MASK, fields)
  }

  get pageCount(): number {
    return this.#pages.length
  }

  /**
   * From now on `takePage` gives pages as they are at this moment, while others go on.
   * @param before what some streams are taken to be instead
   */
  beginSnapshot(before: ReadonlyMap<number, StreamFields>): void {
    const snapshot: Snapshot = { count: this.#count, takenPages: 0, before: [] }
    for (const [slot, fields] of before) keep(snapshot, slot, fields)
    this.#snapshot = snapshot
  }

  /** Of all pages, in order: a copy. Names and hashes of a slot never change. */
  takePage(number: number): Buffer {
    const snapshot = this.#snapshot
    if (snapshot === undefined) throw new Error('no snapshot has begun')
    const bytes = newPageBytes()
    bytes.set(this.#pages[number]!.bytes)
    const page = pageOver(bytes)
    for (const [slot, fields] of snapshot.before[number] ?? [])
      write(page, slot & SLOT_MASK, fields)
    snapshot.before[number] = undefined
    snapshot.takenPages = number + 1
    return bytes
  }

  endSnapshot(): void {
    this.#snapshot = undefined
  }

  nameChunks(): readonly Buffer[] {
    return this.#chunks
  }

  /** What a checkpoint held takes the place of an empty table; `enterRange` makes it findable. */
  load(loaded: {
    pages: readonly Buffer[]
    chunks: readonly Buffer[]
    namesEnd: number
    count: number
  }): void {
    for (const bytes of loaded.pages) this.#pages.push(pageOver(bytes))
    for (const chunk of loaded.chunks) this.#chunks.push(chunk)
    this.#namesEnd = loaded.namesEnd
    this.#count = loaded.count
    // Hashes fall evenly: none of these will have to grow soon.
    let size = FIRST_BUCKET_SIZE
    while (size * BUCKETS < loaded.count * 2) size *= 2
    for (let i = 0; i < BUCKETS; i++) this.#buckets[i] = new Int32Array(size)
  }

  /** Enters loaded slots into the buckets, from one to another (exclusive). */
  enterRange(from: number, to: number): void {
    for (let slot = from; slot < to; slot++) this.#enter(slot, this.hashOf(slot))
  }

  #toWrite(slot: number): Page {
    const snapshot = this.#snapshot
    if (snapshot !== undefined && !isKept(snapshot, slot)) keep(snapshot, slot, this.fields(slot))
    return this.#pages[slot >> PAGE_SHIFT]!
  }

  #find(hash: number, name: Uint8Array, start: number, end: number): number {
    const bucket = this.#buckets[hash >>> BUCKET_SHIFT]!
    const mask = bucket.length - 1
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const slot = bucket[at]! - 1
      if (slot < 0) return -1
      const page = this.#pages[slot >> PAGE_SHIFT]!
      const index = slot & SLOT_MASK
      if (page.hashes[index] === hash && this.#isNamed(page, index, name, start, end)) return slot
    }
  }

  #isNamed(page: Page, index: number, name: Uint8Array, start: number, end: number): boolean {
    if (page.nameLengths[index] !== end - start) return false
    const place = page.names[index]!
    const chunk = this.#chunks[Math.floor(place / NAME_CHUNK_BYTES)]!
    let at = place % NAME_CHUNK_BYTES
    for (let i = start; i < end; i++) if (chunk[at++] !== name[i]) return false
    return true
  }

  #keepName(name: Uint8Array, start: number, end: number): number {
    const length = end - start
    const left = this.#chunks.length * NAME_CHUNK_BYTES - this.#namesEnd
    if (left < length) {
      this.#namesEnd += left
      this.#chunks.push(Buffer.alloc(NAME_CHUNK_BYTES))
    }
    const place = this.#namesEnd
    const at = place % NAME_CHUNK_BYTES
    const chunk = this.#chunks.at(-1)!
    for (let i = 0; i < length; i++) chunk[at + i] = name[start + i]!
    this.#namesEnd += length
    return place
  }

  #enter(slot: number, hash: number): void {
    const number = hash >>> BUCKET_SHIFT
    const count = ++this.#bucketCounts[number]!
    let bucket = this.#buckets[number]!
    if (count > mostOf(bucket.length, number)) {
      bucket = this.#grown(bucket)
      this.#buckets[number] = bucket
    }
    place(bucket, slot, hash)
  }

  #grown(bucket: Int32Array): Int32Array {
    const next = new Int32Array(bucket.length * 2)
    for (let at = 0; at < bucket.length; at++) {
      const slot = bucket[at]! - 1
      if (slot >= 0) place(next, slot, this.hashOf(slot))
    }
    return next
  }
}

function isKept({ count, takenPages, before }: Snapshot, slot: number): boolean {
  const number = slot >> PAGE_SHIFT
  return slot >= count || number < takenPages || before[number]?.has(slot) === true
}

function keep({ before }: Snapshot, slot: number, fields: StreamFields): void {
  const number = slot >> PAGE_SHIFT
  const page = before[number] ?? new Map<number, StreamFields>()
  before[number] = page
  page.set(slot, fields)
}

/**
 * As many entries as a bucket takes before it grows, 0.59 to 0.83 of its size. Buckets fill evenly: with
 * one measure for all of them, they would all have to grow within the same few events.
 */
export function mostOf(size: number, bucketNumber: number): number {
  return (size * (150 + ((bucketNumber * 37) & 63))) >> 8
}

function place(bucket: Int32Array, slot: number, hash: number): void {
  const mask = bucket.length - 1
  let at = hash & mask
  while (bucket[at]! > 0) at = (at + 1) & mask
  bucket[at] = slot + 1
}

function write(page: Page, index: number, fields: StreamFields): void {
  page.heads[index] = fields.headVersion + 1
  page.headOffsets[index] = fields.headOffset
  page.firsts[index] = fields.firstVersion
  page.borns[index] = fields.bornVersion
  page.lives[index] = LIVES.indexOf(fields.life)
}

/** Memory of its own, so that typed arrays can begin at its first byte. */
function newPageBytes(): Buffer {
  return Buffer.from(new ArrayBuffer(STREAM_PAGE_BYTES))
}

function pageOver(given: Buffer): Page {
  const bytes = given.byteOffset % 8 === 0 ? given : Buffer.from(new Uint8Array(given).buffer)
  const { buffer, byteOffset: start } = bytes
  const n = STREAMS_PER_PAGE
  return {
    bytes,
    headOffsets: new Float64Array(buffer, start, n),
    hashes: new Int32Array(buffer, start + n * 8, n),
    names: new Uint32Array(buffer, start + n * 12, n),
    heads: new Uint32Array(buffer, start + n * 16, n),
    firsts: new Uint32Array(buffer, start + n * 20, n),
    borns: new Uint32Array(buffer, start + n * 24, n),
    nameLengths: new Uint16Array(buffer, start + n * 28, n),
    lives: new Uint8Array(buffer, start + n * 30, n),
  }
}
