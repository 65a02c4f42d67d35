// A connection that is not read from for a while, because its client is above a quota (KIP-219).
// Invariant: a later end counts, an earlier one changes nothing; there is at most one timer.

import type { Clock, Timer, Timers } from '../../../host/clock.ts'

export class Mute {
  readonly #clock: Clock
  readonly #timers: Timers
  readonly #onEnd: () => void
  #untilMs = 0
  #timer: Timer | undefined

  /** @param onEnd the connection may be read from again */
  constructor({ clock, timers, onEnd }: { clock: Clock; timers: Timers; onEnd: () => void }) {
    this.#clock = clock
    this.#timers = timers
    this.#onEnd = onEnd
  }

  get isMuted(): boolean {
    return this.#timer !== undefined
  }

  /** From now on, for so long. */
  extend(delayMs: number): void {
    this.#untilMs = Math.max(this.#untilMs, this.#clock.monotonicMs() + delayMs)
    if (this.#timer === undefined) this.#wait()
  }

  /** For good: the connection is gone. */
  cancel(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }

  #wait(): void {
    const leftMs = Math.max(0, this.#untilMs - this.#clock.monotonicMs())
    this.#timer = this.#timers.after(leftMs, () => {
      this.#timer = undefined
      if (this.#clock.monotonicMs() < this.#untilMs) this.#wait()
      else this.#onEnd()
    })
  }
}
