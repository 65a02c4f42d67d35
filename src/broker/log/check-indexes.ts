// Holds a segment's index files against its batches while these are gone through, one after the other.
// An entry is right when a reader who follows it finds what it promises: a batch at its position that
// is not behind its offset; a time that nothing before it exceeds. Bounded: only the entries, which
// are sparse, stand in memory.

import type { Disk } from '../../host/disk.ts'
import type { BatchHeader } from '../batch/header.ts'
import { segmentPath } from './segment.ts'

const OFFSET_ENTRY_BYTES = 8
const TIME_ENTRY_BYTES = 12

/** What is wrong with a file, where in it, and from which offset on. */
export interface IndexFault {
  readonly file: string
  readonly position: number
  readonly what: string
}

export class IndexCheck {
  readonly #baseOffset: number
  readonly #offsets: IndexCursor
  readonly #times: IndexCursor
  #maxTimestamp = -1
  readonly faults: IndexFault[] = []

  private constructor(baseOffset: number, offsets: IndexCursor, times: IndexCursor) {
    this.#baseOffset = baseOffset
    this.#offsets = offsets
    this.#times = times
  }

  /** A file that is missing has nothing wrong: it is made again when it is needed. */
  static async open(disk: Disk, folder: string, baseOffset: number): Promise<IndexCheck> {
    const cursor = async (extension: string, entryBytes: number) => {
      const path = segmentPath(folder, baseOffset, extension)
      const bytes = (await disk.readFile(path)) ?? Buffer.alloc(0)
      return new IndexCursor(path, usedPart(bytes, entryBytes), entryBytes)
    }
    const offsets = await cursor('index', OFFSET_ENTRY_BYTES)
    return new IndexCheck(baseOffset, offsets, await cursor('timeindex', TIME_ENTRY_BYTES))
  }

  /** The next batch of the segment. */
  batch(header: BatchHeader, position: number): void {
    const offsets = this.#offsets
    while (!offsets.isDone && offsets.int32(4) <= position) {
      const isHere = offsets.int32(4) === position
      const relative = offsets.int32(0)
      if (!isHere) this.#fault(offsets, `no batch begins at byte ${offsets.int32(4)}`)
      else if (header.baseOffset - this.#baseOffset > relative) {
        this.#fault(
          offsets,
          `the batch at byte ${position} begins behind offset ${this.#at(relative)}`,
        )
      }
      if (!offsets.next(0)) this.#fault(offsets, 'offsets do not rise')
    }
    this.#maxTimestamp = Math.max(this.#maxTimestamp, header.maxTimestamp)
    const times = this.#times
    while (!times.isDone && this.#at(times.int32(8)) <= header.lastOffset) {
      const timestamp = times.int64()
      if (timestamp !== this.#maxTimestamp) {
        const offset = this.#at(times.int32(8))
        this.#fault(
          times,
          `says ${timestamp} up to offset ${offset}, where it is ${this.#maxTimestamp}`,
        )
      }
      if (!times.next(8)) this.#fault(times, 'offsets do not rise')
    }
  }

  /** The segment's last batch was the one before. */
  end(): void {
    for (const cursor of [this.#offsets, this.#times]) {
      if (!cursor.isDone) this.#fault(cursor, 'goes on behind the last batch')
    }
  }

  #at(relativeOffset: number): number {
    return this.#baseOffset + relativeOffset
  }

  /** One fault of a file is enough: it is made anew as a whole. */
  #fault(cursor: IndexCursor, what: string): void {
    this.faults.push({ file: cursor.path, position: cursor.position, what })
    cursor.stop()
  }
}

/** The entries of one file, one after the other. */
class IndexCursor {
  readonly path: string
  readonly #bytes: Buffer
  readonly #entryBytes: number
  position = 0
  #isStopped = false

  constructor(path: string, bytes: Buffer, entryBytes: number) {
    this.path = path
    this.#bytes = bytes
    this.#entryBytes = entryBytes
  }

  get isDone(): boolean {
    return this.#isStopped || this.position + this.#entryBytes > this.#bytes.length
  }

  int32(at: number): number {
    return this.#bytes.readInt32BE(this.position + at)
  }

  int64(): number {
    return Number(this.#bytes.readBigInt64BE(this.position))
  }

  /** Goes on to the next entry. @returns whether the column at `at` has grown, where there is one */
  next(at: number): boolean {
    if (this.#isStopped) return true
    const before = this.int32(at)
    this.position += this.#entryBytes
    return this.isDone || this.int32(at) > before
  }

  stop(): void {
    this.#isStopped = true
  }
}

/** Kafka reserves the file of a segment that is written in full: what is not used yet is zeros. */
function usedPart(bytes: Buffer, entryBytes: number): Buffer {
  let end = bytes.length - (bytes.length % entryBytes)
  const isZero = (from: number) =>
    bytes.subarray(from, from + entryBytes).every((byte) => byte === 0)
  if (end > 0 && isZero(end - entryBytes)) {
    while (end > entryBytes && isZero(end - entryBytes)) end -= entryBytes
    // A first entry of zeros is one only when others follow it.
    if (end === entryBytes && isZero(0)) end = 0
  }
  return bytes.subarray(0, end)
}
