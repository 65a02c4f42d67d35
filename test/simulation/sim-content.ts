// One file of the simulated disk: what programs see, what has reached the medium, and what lies
// between. When the power goes, every sector of 512 bytes that was written since the last sync shows
// what it held at some moment since: nothing of it, some of the writes to it, or all of them. So
// writes are lost, torn and reordered as far as the contract of a disk allows, and no further.
// Truncations reach the medium in their order, as the metadata of journaling file systems does.
import type { SeededRandom } from './seeded-random.ts'

export const SECTOR_BYTES = 512

type Operation =
  | { readonly kind: 'write'; readonly id: number; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly id: number; readonly size: number }

/** Whether a write's part in one sector is on the medium. Truncations: `isKept(operation, -1)`. */
type Kept = (index: number, sector: number) => boolean

/** What a power cut did to a file, for the counters. */
export interface CrashReport {
  readonly lost: number
  readonly torn: number
  readonly reordered: number
}

export class SimContent {
  readonly kind = 'file'
  /** What programs see. */
  readonly #now = new Bytes()
  readonly #durable = new Bytes()
  #pending: Operation[] = []
  readonly #lostSectors = new Set<number>()
  #nextId = 1
  modifiedMs = 0

  get size(): number {
    return this.#now.size
  }

  /** Synced operations are those up to this one. */
  get lastOperation(): number {
    return this.#nextId - 1
  }

  read(target: Buffer, position: number): number {
    return this.#now.read(target, position)
  }

  write(bytes: Buffer, at: number): void {
    if (bytes.length === 0) return
    this.#now.write(bytes, at)
    const from = this.#writesAlong(at) ? at - (at % SECTOR_BYTES) : at
    const whole = Buffer.alloc(at - from + bytes.length)
    this.#now.read(whole, from)
    this.#pending.push({ kind: 'write', id: this.#nextId++, at: from, bytes: whole })
  }

  resize(size: number): void {
    this.#now.resize(size)
    this.#pending.push({ kind: 'truncate', id: this.#nextId++, size })
  }

  /** A sync that was asked for when `operation` was the last one has succeeded. */
  syncUpTo(operation: number): void {
    const done = this.#pending.filter(({ id }) => id <= operation)
    this.#pending = this.#pending.filter(({ id }) => id > operation)
    replay(this.#durable, done, () => true)
  }

  /**
   * A sync has failed: the kernel takes the pages for clean. Programs still see them, but no later
   * sync writes them again. Truncations are metadata, and stay to be written.
   */
  loseUpTo(operation: number): void {
    for (const lost of this.#pending) {
      if (lost.kind !== 'write' || lost.id > operation) continue
      for (const [sector] of sectorsOf(lost)) this.#lostSectors.add(sector)
    }
    this.#pending = this.#pending.filter(({ id, kind }) => id > operation || kind === 'truncate')
  }

  /** A sector is written back as a whole: with what was lost of it, when a new write touches it. */
  #writesAlong(at: number): boolean {
    return this.#lostSectors.delete(Math.floor(at / SECTOR_BYTES))
  }

  crash(random: SeededRandom): CrashReport {
    const operations = this.#pending
    const kept = chooseKept(operations, random)
    replay(this.#durable, operations, kept)
    this.#pending = []
    this.#lostSectors.clear()
    this.#now.copyFrom(this.#durable)
    return report(operations, kept)
  }
}

/** A buffer that grows; what was never written is zero. */
class Bytes {
  #buffer: Buffer = Buffer.alloc(0)
  size = 0

  read(target: Buffer, position: number): number {
    if (position >= this.size) return 0
    return this.#buffer.copy(target, 0, position, this.size)
  }

  write(bytes: Buffer, at: number): void {
    if (at + bytes.length > this.size) this.resize(at + bytes.length)
    bytes.copy(this.#buffer, at)
  }

  resize(size: number): void {
    if (size > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(size, 2 * this.#buffer.length))
      this.#buffer.copy(grown, 0, 0, this.size)
      this.#buffer = grown
    }
    if (size < this.size) this.#buffer.fill(0, size, this.size)
    this.size = size
  }

  copyFrom(other: Bytes): void {
    this.#buffer = Buffer.from(other.#buffer.subarray(0, other.size))
    this.size = other.size
  }
}

function replay(target: Bytes, operations: readonly Operation[], isKept: Kept): void {
  for (const [index, operation] of operations.entries()) {
    if (operation.kind === 'truncate') {
      if (isKept(index, -1)) target.resize(operation.size)
      continue
    }
    for (const [sector, from, to] of sectorsOf(operation)) {
      if (!isKept(index, sector)) continue
      target.write(operation.bytes.subarray(from - operation.at, to - operation.at), from)
    }
  }
}

/** The sectors that a write touches, and which of its bytes lie in each. */
function* sectorsOf(write: {
  at: number
  bytes: Buffer
}): Generator<[sector: number, from: number, to: number]> {
  const end = write.at + write.bytes.length
  for (let sector = Math.floor(write.at / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) {
    const from = Math.max(write.at, sector * SECTOR_BYTES)
    yield [sector, from, Math.min(end, (sector + 1) * SECTOR_BYTES)]
  }
}

function chooseKept(operations: readonly Operation[], random: SeededRandom): Kept {
  const how = random.below(4)
  if (how === 0) return () => false
  if (how === 1) return () => true
  if (how === 2) return keepUntil(operations, random)
  return keepSectors(operations, random)
}

/** In the order of writing, up to somewhere in the middle of a write. */
function keepUntil(operations: readonly Operation[], random: SeededRandom): Kept {
  const last = random.below(operations.length + 1)
  const torn = operations[last]
  if (torn?.kind !== 'write') return (index) => index < last
  const sectors = [...sectorsOf(torn)].map(([sector]) => sector)
  const firstLost = random.pick(sectors)
  return (index, sector) => index < last || (index === last && sector < firstLost)
}

/** Each sector on its own, except that none shows a write behind a truncation that was lost. */
function keepSectors(operations: readonly Operation[], random: SeededRandom): Kept {
  const truncations = operations.flatMap(({ kind }, index) => (kind === 'truncate' ? [index] : []))
  const firstLost = truncations[random.below(truncations.length + 1)] ?? operations.length
  const lastOf = new Map<number, number>()
  const howMany = random.fraction()
  return (index, sector) => {
    if (index >= firstLost || sector < 0) return index < firstLost
    let last = lastOf.get(sector)
    if (last === undefined) {
      // Up to which operation this sector was written back: often all or nothing of it.
      last = random.chance(howMany) ? random.below(firstLost + 1) + firstLost * random.below(2) : 0
      lastOf.set(sector, last)
    }
    return index < last
  }
}

function report(operations: readonly Operation[], isKept: Kept): CrashReport {
  let lost = 0
  let torn = 0
  let reordered = 0
  for (const [index, operation] of operations.entries()) {
    if (operation.kind === 'truncate') continue
    const parts = [...sectorsOf(operation)].map(([sector]) => isKept(index, sector))
    const isWhole = parts.every((isThere) => isThere)
    const isGone = !parts.some((isThere) => isThere)
    if (isGone) lost++
    if (!isWhole && !isGone) torn++
    if (!isGone && lost > 0) reordered++
  }
  return { lost, torn, reordered }
}
