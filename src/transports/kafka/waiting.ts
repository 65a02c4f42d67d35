// Waiting on the timers of the world, and being woken.

import type { Timers } from '../../host/clock.ts'

/** Resolves after `ms`, or as soon as `signal` is aborted. */
export function waitFor(timers: Timers, ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return Promise.resolve()
  return new Promise((resolve) => {
    const done = () => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = timers.after(ms, done)
    signal?.addEventListener('abort', done)
  })
}

/** Something that others wait for a change of. */
export class Bell {
  readonly #timers: Timers
  #waiting: (() => void)[] = []

  constructor(timers: Timers) {
    this.#timers = timers
  }

  ring(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  /** Until it is rung, `signal` is aborted, or `ms` are over. */
  heard(options: { ms?: number | undefined; signal?: AbortSignal } = {}): Promise<void> {
    if (options.signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        timer?.cancel()
        options.signal?.removeEventListener('abort', done)
        const at = this.#waiting.indexOf(done)
        if (at >= 0) this.#waiting.splice(at, 1)
        resolve()
      }
      const timer = options.ms === undefined ? undefined : this.#timers.after(options.ms, done)
      options.signal?.addEventListener('abort', done)
      this.#waiting.push(done)
    })
  }
}
