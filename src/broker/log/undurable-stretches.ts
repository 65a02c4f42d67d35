// What stands in the files of a partition and no sync of them has covered: stretches, one for each
// batch, in offset order and without a gap. The journal may cover some of them first.

import type { LogPosition } from './log-reader.ts'
import type { Segment } from './segment.ts'

/** A stretch of a file that is not durable yet; below `journaledEndOffset` the journal will cover it. */
interface Undurable {
  readonly segment: Segment
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset: number
  readonly lastOffset: number
  /** Kept while nobody else may use them again; else read back from the file when needed. */
  bytes: Buffer | undefined
}

export class UndurableStretches {
  readonly #stretches: Undurable[] = []
  /** Of what a sync of the file has covered. */
  #durableEnd: LogPosition | undefined

  constructor(durableEnd: LogPosition | undefined) {
    this.#durableEnd = durableEnd
  }

  /** Where the first of them begins, or would begin. */
  get start(): LogPosition | undefined {
    return this.#durableEnd
  }

  add(stretch: Undurable): void {
    this.#stretches.push(stretch)
  }

  /** What was durable by the journal already was written up to there. */
  wroteDurable(end: LogPosition): void {
    this.#durableEnd = end
  }

  /** Everything below an offset has become durable. */
  cover(endOffset: number): void {
    let covered = 0
    for (const { lastOffset, segment, position, sizeBytes } of this.#stretches) {
      if (lastOffset >= endOffset) break
      this.#durableEnd = { segment, position: position + sizeBytes }
      covered += 1
    }
    this.#stretches.splice(0, covered)
  }

  /** Compaction wrote some neighbouring, durable segments anew, as one. */
  replaced(old: readonly Segment[], cleaned: Segment): void {
    // The end of what is durable is the end of an old one while nothing behind it is.
    if (this.#durableEnd !== undefined && old.includes(this.#durableEnd.segment)) {
      this.#durableEnd = { segment: cleaned, position: cleaned.sizeBytes }
    }
  }

  clear(): void {
    this.#stretches.length = 0
  }

  /** Segments with stretches from an offset on. */
  segmentsFrom(offset: number): Segment[] {
    const segments: Segment[] = []
    for (const { segment, baseOffset } of this.#stretches) {
      if (baseOffset < offset) continue
      if (segments.at(-1) !== segment) segments.push(segment)
    }
    return segments
  }

  /** From an offset on, all at hand: see `loadFrom`. */
  bytesFrom(offset: number): Buffer[] {
    const pieces: Buffer[] = []
    for (const { baseOffset, bytes } of this.#stretches) {
      if (baseOffset < offset) continue
      if (bytes === undefined) throw new Error('bytes to be journaled were not read back')
      pieces.push(bytes)
    }
    return pieces
  }

  hasBytesFrom(offset: number): boolean {
    return this.#stretches.every(
      ({ bytes, baseOffset }) => bytes !== undefined || baseOffset < offset,
    )
  }

  /** Reads back what is not at hand. @param offset looked at before each of them: it may move */
  async loadFrom(offset: () => number): Promise<void> {
    // A sync that ends meanwhile takes some of them away.
    for (const stretch of [...this.#stretches]) {
      if (stretch.bytes !== undefined || stretch.baseOffset < offset()) continue
      const { segment, position, sizeBytes } = stretch
      const bytes = await segment.read(position, sizeBytes)
      if (bytes.length < sizeBytes) throw new Error(`${segment.file.path}: lost what was written`)
      stretch.bytes = bytes
    }
  }
}
