// How much of the work on batches that takes long (decompressing them, compressing them anew) is under
// way at once, for all partitions together: the threads are the disk's too, and what a few bytes
// become may be large. Work begins in the order in which the batches came.
// Invariant: the oldest work that still holds anything may always go on, beyond the limits if it must.
// So whoever waits for older batches of a partition never keeps these from getting ready.

export interface WorkLimits {
  /** Of what is being made and of what was made, until it is let go. */
  readonly maxBytes: number
  readonly maxAtOnce: number
}

export const DEFAULT_WORK_LIMITS: WorkLimits = { maxBytes: 128 * 1024 * 1024, maxAtOnce: 2 }

export class WorkBudget {
  readonly #limits: WorkLimits
  /** Not let go yet, the oldest first. */
  readonly #held = new Set<Work>()
  #heldBytes = 0
  #runningCount = 0

  constructor(limits: WorkLimits = DEFAULT_WORK_LIMITS) {
    this.#limits = limits
  }

  get heldBytes(): number {
    return this.#heldBytes
  }

  get runningCount(): number {
    return this.#runningCount
  }

  begin(): Work {
    const work = new Work((change) => this.#changed(work, change))
    this.#held.add(work)
    return work
  }

  #changed(work: Work, { bytes, running, isOver }: WorkChange): void {
    this.#heldBytes += bytes
    this.#runningCount += running
    if (isOver) this.#held.delete(work)
    let isOldest = true
    for (const next of this.#held) {
      const { wantedBytes } = next
      if (wantedBytes !== undefined) {
        if (!isOldest && !this.#hasRoom(wantedBytes)) return
        this.#heldBytes += wantedBytes
        this.#runningCount += 1
        next.start()
      }
      isOldest = false
    }
  }

  #hasRoom(bytes: number): boolean {
    const { maxBytes, maxAtOnce } = this.#limits
    return this.#runningCount < maxAtOnce && this.#heldBytes + bytes <= maxBytes
  }
}

interface WorkChange {
  readonly bytes: number
  readonly running: number
  readonly isOver: boolean
}

/** One batch's share of the budget. */
export class Work {
  readonly #changed: (change: WorkChange) => void
  #bytes = 0
  #isRunning = false
  #wanted: { readonly bytes: number; readonly start: () => void } | undefined

  constructor(changed: (change: WorkChange) => void) {
    this.#changed = changed
  }

  /** While it waits for that. */
  get wantedBytes(): number | undefined {
    return this.#wanted?.bytes
  }

  /** Resolves when it may run and take so much memory, instead of what it had. */
  run(bytes: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#wanted = { bytes, start: resolve }
    this.#keep(0)
    return promise
  }

  /** It runs no longer and keeps so much, until `release`. */
  ready(bytes: number): void {
    this.#keep(bytes)
  }

  release(): void {
    this.#keep(0, { isOver: true })
  }

  /** Called by the budget, which has counted it. */
  start(): void {
    const { bytes, start } = this.#wanted!
    this.#wanted = undefined
    this.#bytes = bytes
    this.#isRunning = true
    start()
  }

  #keep(bytes: number, { isOver = false } = {}): void {
    const change = { bytes: bytes - this.#bytes, running: this.#isRunning ? -1 : 0, isOver }
    this.#bytes = bytes
    this.#isRunning = false
    this.#changed(change)
  }
}
