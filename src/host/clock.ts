// The port to time. `nowMs` is the calendar (may jump); `monotonicMs` only moves forward and is what
// timeouts are measured with. Timers run on the monotonic clock.

export interface Clock {
  /** Milliseconds since 1970, a whole number. */
  nowMs(): number
  /** Milliseconds since some start, fractional, never going back. */
  monotonicMs(): number
}

export interface Timers {
  /** Calls once after `delayMs`; does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer
  /** Resolves on a later turn of the event loop: how long work lets others run. */
  yield(): Promise<void>
}

export interface Timer {
  cancel(): void
}
