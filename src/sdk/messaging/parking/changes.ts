// Waiting for something to change, without a promise that lives longer than the wait.

import type { Timers } from '../../../host/clock.ts'

export class Changes {
  readonly #waiting = new Set<() => void>()

  happened(): void {
    for (const done of [...this.#waiting]) done()
  }

  /** Resolves with the next change, or when the time is over. */
  next(timers: Timers, withinMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        timer.cancel()
        this.#waiting.delete(done)
        resolve()
      }
      const timer = timers.after(withinMs, done)
      this.#waiting.add(done)
    })
  }
}
