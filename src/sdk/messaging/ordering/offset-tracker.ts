// Which offsets of one partition are finished, while events finish in any order. Pure.
// Invariant: `watermark` is the lowest unfinished offset; everything before it is finished. Offsets
// may have holes (compaction, transaction markers): only offsets that were received are waited for.

/** Finished offsets: from `start`, inclusive, to `end`, exclusive. */
export interface DoneSpan {
  readonly start: number
  readonly end: number
}

const COMPACT_AFTER = 1024

export class OffsetTracker {
  #offsets: number[] = []
  #finished: boolean[] = []
  /** Entries before it are finished. */
  #head = 0
  /** Ticket of the entry at index 0. */
  #firstTicket = 0
  #nextOffset: number
  #unfinished = 0
  /** Finished by an earlier owner and not received again yet; ascending. */
  #ahead: readonly DoneSpan[]

  /** @param done what an earlier owner had finished above `offset` */
  constructor(offset: number, done: readonly DoneSpan[] = []) {
    this.#nextOffset = offset
    this.#ahead = done
    this.advanceTo(offset)
  }

  /** The offset to commit: the lowest that is not finished. */
  get watermark(): number {
    return this.#offsets[this.#head] ?? this.#nextOffset
  }

  /** How many were received and are not finished. */
  get unfinished(): number {
    return this.#unfinished
  }

  /** How many of those received at `offset` and above are finished. */
  finishedFrom(offset: number): number {
    let count = 0
    for (let at = this.#offsets.length - 1; at >= this.#head; at--) {
      if ((this.#offsets[at] as number) < offset) break
      if (this.#finished[at]) count++
    }
    return count
  }

  /**
   * @param offset above every one that was received before
   * @returns a ticket for `finish`; undefined when an earlier owner has finished it already
   */
  receive(offset: number): number | undefined {
    if (offset < this.#nextOffset) {
      throw new Error(
        `offset ${offset} after ${this.#nextOffset} was reached: the reader went back`,
      )
    }
    const isFinished = this.#isAhead(offset)
    this.#offsets.push(offset)
    this.#finished.push(isFinished)
    this.#nextOffset = offset + 1
    if (isFinished) {
      this.#moveHead()
      return undefined
    }
    this.#unfinished++
    return this.#firstTicket + this.#offsets.length - 1
  }

  /** Nothing more will come below `nextOffset`. */
  advanceTo(nextOffset: number): void {
    this.#nextOffset = Math.max(this.#nextOffset, nextOffset)
    while (this.#ahead[0] !== undefined && this.#ahead[0].end <= this.#nextOffset) {
      this.#ahead = this.#ahead.slice(1)
    }
  }

  finish(ticket: number): void {
    this.#finished[ticket - this.#firstTicket] = true
    this.#unfinished--
    this.#moveHead()
  }

  /** What is finished above the watermark, ascending and apart. Holes between finished ones count. */
  spans(): DoneSpan[] {
    const spans: DoneSpan[] = []
    let start: number | undefined
    for (let at = this.#head; at < this.#offsets.length; at++) {
      const offset = this.#offsets[at] as number
      if (this.#finished[at]) start ??= offset
      else if (start !== undefined) {
        spans.push({ start, end: offset })
        start = undefined
      }
    }
    if (start !== undefined) spans.push({ start, end: this.#nextOffset })
    for (const { start, end } of this.#ahead) {
      const from = Math.max(start, this.#nextOffset)
      const last = spans.at(-1)
      if (last?.end === from) spans[spans.length - 1] = { start: last.start, end }
      else spans.push({ start: from, end })
    }
    return spans
  }

  #isAhead(offset: number): boolean {
    this.advanceTo(offset)
    const first = this.#ahead[0]
    return first !== undefined && first.start <= offset
  }

  #moveHead(): void {
    while (this.#finished[this.#head]) this.#head++
    if (this.#head < COMPACT_AFTER || this.#head * 2 < this.#offsets.length) return
    this.#offsets = this.#offsets.slice(this.#head)
    this.#finished = this.#finished.slice(this.#head)
    this.#firstTicket += this.#head
    this.#head = 0
  }
}
