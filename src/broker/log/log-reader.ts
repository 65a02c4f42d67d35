// Finds and reads batches by offset: whole ones, as stored, never beyond a bound. A reader that goes
// on where it left off needs no search: the last few places are remembered.
// Invariant: what is returned starts with the batch that contains the offset asked for (or, where
// compaction left a hole, the next one), and its header was checked.
// Source: KIP-74 (the first batch is returned whatever the limit).

import { batchOffsets, readBaseOffset, readBatchSize, readLastOffset } from '../batch/header.ts'
import { hasSaneHeader } from './intact-batch.ts'
import type { Segment } from './segment.ts'

/** A place in the log and the offset that begins there. */
export interface LogPosition {
  readonly segment: Segment
  readonly position: number
}

export interface ReadWindow {
  readonly fromOffset: number
  /** Exclusive. No batch that starts at or beyond it is returned. */
  readonly endOffset: number
  /** At or beyond the bytes of the last batch below `endOffset`. */
  readonly end: LogPosition
  readonly maxBytes: number
  readonly atLeastOneBatch: boolean
  /** Gives the memory that is read into. Default: new memory. */
  readonly allocate?: ((bytes: number) => Buffer) | undefined
}

/** The header that a read landed on is none: an index or the log is damaged. */
export class LandedOnDamage extends Error {
  readonly segment: Segment
  readonly position: number

  /** @param offset of the damage, where it is known */
  constructor(segment: Segment, position: number, offset?: number) {
    const what = offset === undefined ? 'no batch header' : `damaged at offset ${offset}`
    super(`${what} (${segment.file.path}, byte ${position})`)
    this.segment = segment
    this.position = position
  }
}

export const NO_BYTES = Buffer.alloc(0)
/** Recently written, so surely in the page cache: read without leaving the event loop's turn. */
const HOT_TAIL_BYTES = 8 * 1024 * 1024
const MAX_SYNC_READ_BYTES = 1024 * 1024
/** Read at least so much where the start is not known exactly and batches must be skipped. */
const SEARCH_BYTES = 16 * 1024
const REMEMBERED_PLACES = 16

/** What a window of bytes held. */
type Trimmed =
  | { readonly kind: 'found'; readonly bytes: Buffer }
  /** The first batch behind the offset lies beyond the bound. */
  | { readonly kind: 'beyond' }
  /** Read on from `position`; the batch there has `batchBytes`, 0 when even that is not known. */
  | { readonly kind: 'more'; readonly position: number; readonly batchBytes: number }

export class LogReader {
  readonly #segments: readonly Segment[]
  readonly #places = new Map<number, LogPosition>()

  constructor(segments: readonly Segment[]) {
    this.#segments = segments
  }

  /** Forget remembered places: positions have changed. */
  forgetPlaces(): void {
    this.#places.clear()
  }

  remember(offset: number, place: LogPosition): void {
    // Of a read that began before the segment was replaced.
    if (place.segment.isRetired) return
    this.#places.delete(offset)
    if (this.#places.size >= REMEMBERED_PLACES) {
      for (const oldest of this.#places.keys()) {
        this.#places.delete(oldest)
        break
      }
    }
    this.#places.set(offset, place)
  }

  /** A place at or before the offset's batch, without I/O: exact when it is remembered. */
  placeOf(offset: number): { place: LogPosition; isExact: boolean } | undefined {
    const known = this.#places.get(offset)
    if (known !== undefined) return { place: known, isExact: true }
    const segment = this.segmentOf(offset)
    if (segment === undefined) return undefined
    const position = segment.indexesNow?.offsets.positionFor(offset - segment.baseOffset) ?? 0
    return { place: { segment, position }, isExact: false }
  }

  /** The segment that holds an offset, or the first one behind it. */
  segmentOf(offset: number): Segment | undefined {
    const segments = this.#segments
    let low = 0
    let high = segments.length - 1
    while (low <= high) {
      const middle = (low + high) >> 1
      if (segments[middle]!.baseOffset <= offset) low = middle + 1
      else high = middle - 1
    }
    for (let i = Math.max(0, high); i < segments.length; i++) {
      if (segments[i]!.endOffset > offset) return segments[i]
    }
    return undefined
  }

  bytesBetween(from: LogPosition, to: LogPosition): number {
    if (from.segment === to.segment) return Math.max(0, to.position - from.position)
    let bytes = to.position - from.position
    let isBetween = false
    for (const segment of this.#segments) {
      if (segment === from.segment) isBetween = true
      if (segment === to.segment) return Math.max(0, bytes)
      if (isBetween) bytes += segment.sizeBytes
    }
    return 0
  }

  /** @throws LandedOnDamage (also as a rejection) */
  read(window: ReadWindow): Buffer | Promise<Buffer> {
    if (window.fromOffset >= window.endOffset) return NO_BYTES
    const found = this.placeOf(window.fromOffset)
    if (found === undefined) return NO_BYTES
    const { segment, position } = found.place
    if (!found.isExact && segment.indexesNow === undefined) return this.#readCold(window)
    const limit = this.#limit(segment, window)
    const wanted = found.isExact ? window.maxBytes : Math.max(window.maxBytes, SEARCH_BYTES)
    const length = Math.min(Math.max(wanted, batchOffsets.records), limit - position)
    const file = segment.openNow
    const isHot =
      length <= MAX_SYNC_READ_BYTES &&
      segment === this.#segments.at(-1) &&
      position >= segment.sizeBytes - HOT_TAIL_BYTES
    if (file === undefined || !isHot || length <= 0) return this.#readCold(window)
    const buffer = window.allocate?.(length) ?? Buffer.allocUnsafeSlow(length)
    const read = file.readSync(buffer, position)
    const trimmed = this.#trim(buffer.subarray(0, read), { segment, position }, window)
    return trimmed.kind === 'found' ? trimmed.bytes : this.#readCold(window)
  }

  /** Off the event loop, as often as it takes to get to the first batch. */
  async #readCold(window: ReadWindow): Promise<Buffer> {
    let segment: Segment | undefined = this.segmentOf(window.fromOffset)
    while (segment !== undefined && segment.baseOffset < window.endOffset) {
      const bytes = await this.#readUnlessGone(segment, window)
      if (bytes === 'gone') {
        segment = this.segmentOf(window.fromOffset)
        continue
      }
      if (bytes !== undefined) return bytes
      // By offset: the list may have changed meanwhile.
      segment = this.segmentOf(Math.max(window.fromOffset, segment.endOffset))
    }
    return NO_BYTES
  }

  async #readUnlessGone(
    segment: Segment,
    window: ReadWindow,
  ): Promise<Buffer | undefined | 'gone'> {
    try {
      return await this.#readSegment(segment, window)
    } catch (error) {
      // Replaced meanwhile, and its file has gone already: what is there now is asked.
      if (segment.isRetired) return 'gone'
      throw error
    }
  }

  /** @returns undefined when no batch at or behind the offset is in this segment */
  async #readSegment(segment: Segment, window: ReadWindow): Promise<Buffer | undefined> {
    const limit = this.#limit(segment, window)
    const known = this.#places.get(window.fromOffset)
    const isKnown = known !== undefined && known.segment === segment
    // One read finds the way in a small segment: thousands of them need no index files.
    const needsIndex = !isKnown && segment.sizeBytes > SEARCH_BYTES
    const indexes = needsIndex ? await segment.loadIndexes() : segment.indexesNow
    const relative = Math.max(0, window.fromOffset - segment.baseOffset)
    let position = isKnown ? known.position : (indexes?.offsets.positionFor(relative) ?? 0)
    let wanted = isKnown ? window.maxBytes : Math.max(window.maxBytes, SEARCH_BYTES)
    while (position < limit) {
      const length = Math.min(Math.max(wanted, batchOffsets.records), limit - position)
      const buffer = await segment.read(position, length, window.allocate)
      const trimmed = this.#trim(buffer, { segment, position }, window)
      if (trimmed.kind === 'found') return trimmed.bytes
      if (trimmed.kind === 'beyond') return NO_BYTES
      const { batchBytes } = trimmed
      if (batchBytes > window.maxBytes && !window.atLeastOneBatch) return NO_BYTES
      if (trimmed.position === position) {
        // Longer than what was read: all of it comes the next time, unless there is no more of it.
        const isCut = buffer.length < length || position + batchBytes > limit
        if (isCut || length >= batchBytes) throw new LandedOnDamage(segment, position)
      }
      position = trimmed.position
      wanted = Math.max(window.maxBytes, batchBytes)
    }
    return undefined
  }

  #limit(segment: Segment, { end }: ReadWindow): number {
    return segment === end.segment ? end.position : segment.sizeBytes
  }

  /** Skips batches before the offset and cuts behind the last whole one that is wanted. */
  #trim(buffer: Buffer, at: LogPosition, window: ReadWindow): Trimmed {
    const { segment, position } = at
    let start = 0
    while (start + batchOffsets.records <= buffer.length) {
      if (!hasSaneHeader(buffer, start)) throw new LandedOnDamage(segment, position + start)
      if (readLastOffset(buffer, start) >= window.fromOffset) break
      start += readBatchSize(buffer, start)
    }
    if (start + batchOffsets.records > buffer.length) {
      return { kind: 'more', position: position + start, batchBytes: 0 }
    }
    if (readBaseOffset(buffer, start) >= window.endOffset) return { kind: 'beyond' }
    let end = start
    let nextOffset = window.fromOffset
    while (end + batchOffsets.records <= buffer.length) {
      const size = readBatchSize(buffer, end)
      const isFirst = end === start
      const isOverLimit = end + size - start > window.maxBytes
      if (isOverLimit && !(isFirst && window.atLeastOneBatch)) break
      if (size < batchOffsets.records || end + size > buffer.length) break
      if (readBaseOffset(buffer, end) >= window.endOffset) break
      nextOffset = readLastOffset(buffer, end) + 1
      end += size
    }
    if (end === start) {
      const batchBytes = readBatchSize(buffer, start)
      return { kind: 'more', position: position + start, batchBytes }
    }
    this.remember(nextOffset, { segment, position: position + end })
    return { kind: 'found', bytes: buffer.subarray(start, end) }
  }
}
