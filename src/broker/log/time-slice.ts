// Long work gives way: after so long the event loop goes round once.

import type { Clock, Timers } from '../../host/clock.ts'

const SLICE_MS = 5

export class TimeSlice {
  readonly #clock: Clock
  readonly #timers: Timers
  #beganMs: number

  constructor({ clock, timers }: { clock: Clock; timers: Timers }) {
    this.#clock = clock
    this.#timers = timers
    this.#beganMs = clock.monotonicMs()
  }

  /** undefined while there is time left. */
  pause(): Promise<void> | undefined {
    if (this.#clock.monotonicMs() - this.#beganMs < SLICE_MS) return undefined
    return this.#timers.yield().then(() => {
      this.#beganMs = this.#clock.monotonicMs()
    })
  }
}
