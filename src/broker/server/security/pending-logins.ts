// Connections of all listeners that are in the middle of a TLS handshake or a login. They have only
// so much time, and when there are too many the oldest makes room: an honest client is through in a
// moment, so it is hardly ever the oldest.

import type { Timer, Timers } from '../../../host/clock.ts'

export interface PendingLogin {
  close(reason: string): void
}

export class PendingLogins {
  readonly #timers: Timers
  readonly #timeoutMs: number
  readonly #maxCount: number
  /** In the order in which they came. */
  readonly #pending = new Map<PendingLogin, Timer>()

  constructor(options: { timers: Timers; timeoutMs: number; maxCount: number }) {
    this.#timers = options.timers
    this.#timeoutMs = options.timeoutMs
    this.#maxCount = options.maxCount
  }

  get count(): number {
    return this.#pending.size
  }

  add(login: PendingLogin): void {
    const timer = this.#timers.after(this.#timeoutMs, () => {
      this.remove(login)
      login.close('it did not log in within millrace.login.timeout.ms')
    })
    this.#pending.set(login, timer)
    if (this.#pending.size <= this.#maxCount) return
    const [oldest] = this.#pending.keys()
    this.remove(oldest!)
    oldest!.close('more than millrace.max.pending.logins connections log in')
  }

  /** It is through, or gone. */
  remove(login: PendingLogin): void {
    this.#pending.get(login)?.cancel()
    this.#pending.delete(login)
  }
}
