// Time that stands still until a test moves it. Timers run in the order they fall due, those of one
// moment in the order they were made, and between two of them everything that can go on without time
// passing does go on: promises settle, and work that stepped aside (`yield`) comes back.
//
// Invariant: while no test moves it, `nowMs` and `monotonicMs` give the same answer for ever.

import type { Clock, Timer, Timers } from '../../host/clock.ts'
import { nodeTimers } from '../../host/node-host.ts'

interface Pending {
  readonly dueMs: number
  readonly callback: () => void
}

const DEFAULT_START_MS = Date.UTC(2026, 0, 1)

export class VirtualTime implements Clock, Timers {
  readonly #startMs: number
  #elapsedMs = 0
  #yields = 0
  /** Sorted by dueMs; equal ones in the order they were made. */
  readonly #pending: Pending[] = []

  /** @param startMs what the calendar shows first, milliseconds since 1970 */
  constructor(startMs = DEFAULT_START_MS) {
    this.#startMs = startMs
  }

  nowMs(): number {
    return Math.floor(this.#startMs + this.#elapsedMs)
  }

  monotonicMs(): number {
    return this.#elapsedMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const pending = { dueMs: this.#elapsedMs + Math.max(0, delayMs), callback }
    const later = this.#pending.findIndex((other) => other.dueMs > pending.dueMs)
    this.#pending.splice(later < 0 ? this.#pending.length : later, 0, pending)
    return {
      cancel: () => {
        const index = this.#pending.indexOf(pending)
        if (index >= 0) this.#pending.splice(index, 1)
      },
    }
  }

  async yield(): Promise<void> {
    this.#yields++
    await nodeTimers.yield()
    this.#yields--
  }

  /** Lets everything go on that needs no time to pass. */
  async settle(): Promise<void> {
    do await nodeTimers.yield()
    while (this.#yields > 0)
  }

  /** Moves time on, through all timers that fall due on the way, those included that are made meanwhile. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#elapsedMs + durationMs
    await this.settle()
    while (this.#pending.length > 0 && this.#pending[0]!.dueMs <= untilMs) {
      const next = this.#pending.shift()!
      this.#elapsedMs = Math.max(this.#elapsedMs, next.dueMs)
      next.callback()
      await this.settle()
    }
    this.#elapsedMs = Math.max(this.#elapsedMs, untilMs)
  }

  /**
   * Moves time from timer to timer until the condition holds.
   * @throws Error when it doesn't within `withinMs`, or nothing is left that could make it true
   */
  async until(condition: () => boolean, withinMs = 3_600_000): Promise<void> {
    const deadlineMs = this.#elapsedMs + withinMs
    await this.settle()
    while (!condition()) {
      const next = this.#pending[0]
      if (next === undefined) throw new Error('What was waited for cannot come: no timer is left.')
      if (next.dueMs > deadlineMs) {
        throw new Error(`What was waited for did not come within ${withinMs} ms of virtual time.`)
      }
      await this.advance(next.dueMs - this.#elapsedMs)
    }
  }
}
