// Which attempts take too long. All have the same time, so the oldest is the next to run out of it: one
// timer serves any number of them.

import type { Clock, Timer, Timers } from '../../../host/clock.ts'
import type { Attempt } from './attempt.ts'

export class Deadlines {
  readonly #timers: Timers
  readonly #clock: Clock
  readonly #limitMs: number
  readonly #graceMs: number
  readonly #onTimeout: (attempt: Attempt) => void
  readonly #onHung: (attempt: Attempt) => void
  /** In the order in which they began. */
  readonly #waiting = new Set<Attempt>()
  #timer: Timer | undefined
  readonly #graces = new Map<Attempt, Timer>()

  /**
   * @param options.onTimeout it has used up its time; `onHung` when it still runs `graceMs` later
   */
  constructor(options: {
    world: { timers: Timers; clock: Clock }
    limitMs: number
    graceMs: number
    onTimeout: (attempt: Attempt) => void
    onHung: (attempt: Attempt) => void
  }) {
    this.#timers = options.world.timers
    this.#clock = options.world.clock
    this.#limitMs = options.limitMs
    this.#graceMs = options.graceMs
    this.#onTimeout = options.onTimeout
    this.#onHung = options.onHung
  }

  /** Those that were added and not removed. */
  get waiting(): ReadonlySet<Attempt> {
    return this.#waiting
  }

  add(attempt: Attempt): void {
    this.#waiting.add(attempt)
    this.#timer ??= this.#timers.after(this.#limitMs, this.#check)
  }

  remove(attempt: Attempt): void {
    this.#waiting.delete(attempt)
    if (attempt.abortReason === undefined) return
    this.#graces.get(attempt)?.cancel()
    this.#graces.delete(attempt)
  }

  /** It was aborted, for whatever reason: it has `graceMs` to stop. */
  aborted(attempt: Attempt): void {
    if (this.#graces.has(attempt)) return
    const timer = this.#timers.after(this.#graceMs, () => {
      this.#graces.delete(attempt)
      this.#onHung(attempt)
    })
    this.#graces.set(attempt, timer)
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const timer of this.#graces.values()) timer.cancel()
    this.#graces.clear()
    this.#waiting.clear()
  }

  readonly #check = (): void => {
    const nowMs = this.#clock.monotonicMs()
    this.#timer = undefined
    for (const attempt of this.#waiting) {
      if (attempt.abortReason !== undefined) continue
      const leftMs = attempt.startedMs + this.#limitMs - nowMs
      if (leftMs > 0) {
        this.#timer = this.#timers.after(leftMs, this.#check)
        return
      }
      this.#onTimeout(attempt)
      this.aborted(attempt)
    }
  }
}
