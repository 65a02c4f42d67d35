// The timers of one group, by name, on the monotonic clock. A session that is renewed by every
// heartbeat only moves its deadline: the timer underneath runs on and looks again when it fires.
// Invariant: an expiry is reported once, and never because the broker itself stood still: members
// could not be heard meanwhile, so a timer that fires much too late begins again.

import type { Clock, Timer, Timers } from '../../host/clock.ts'

/** Later than this, the process was stopped or overloaded. */
const STALL_MS = 1_000

interface Deadline {
  readonly afterMs: number
  dueMs: number
  /** When the timer underneath fires. */
  firesMs: number
  timer: Timer
}

export class GroupTimers {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #deadlines = new Map<string, Deadline>()
  readonly #onExpiry: (name: string) => void

  constructor(host: { clock: Clock; timers: Timers }, onExpiry: (name: string) => void) {
    this.#clock = host.clock
    this.#timers = host.timers
    this.#onExpiry = onExpiry
  }

  start(name: string, afterMs: number): void {
    const dueMs = this.#clock.monotonicMs() + afterMs
    const running = this.#deadlines.get(name)
    if (running !== undefined && running.firesMs <= dueMs && running.afterMs === afterMs) {
      running.dueMs = dueMs
      return
    }
    running?.timer.cancel()
    this.#arm(name, afterMs, dueMs)
  }

  cancel(name: string): void {
    this.#deadlines.get(name)?.timer.cancel()
    this.#deadlines.delete(name)
  }

  cancelAll(): void {
    for (const { timer } of this.#deadlines.values()) timer.cancel()
    this.#deadlines.clear()
  }

  #arm(name: string, afterMs: number, dueMs: number): void {
    const waitMs = Math.max(dueMs - this.#clock.monotonicMs(), 0)
    const timer = this.#timers.after(waitMs, () => this.#fired(name))
    this.#deadlines.set(name, { afterMs, dueMs, firesMs: dueMs, timer })
  }

  #fired(name: string): void {
    const deadline = this.#deadlines.get(name)
    if (deadline === undefined) return
    const nowMs = this.#clock.monotonicMs()
    if (nowMs < deadline.dueMs) this.#arm(name, deadline.afterMs, deadline.dueMs)
    else if (nowMs - deadline.firesMs > STALL_MS)
      this.#arm(name, deadline.afterMs, nowMs + deadline.afterMs)
    else {
      this.#deadlines.delete(name)
      this.#onExpiry(name)
    }
  }
}
