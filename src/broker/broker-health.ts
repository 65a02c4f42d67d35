// Whether a running broker still keeps its promises, and whether its stop may be called clean.

import { describeError, type JsonLog } from './server/json-log.ts'

/** What goes wrong is said once. */
export class Health {
  readonly #log: JsonLog
  readonly #failure = Promise.withResolvers<Error>()
  hasFailed = false
  /** Everything was opened: a stop may call itself clean. */
  isStarted = false
  /** Something could not be closed as it should. */
  isUnclean = false

  constructor(log: JsonLog) {
    this.#log = log
  }

  get failed(): Promise<Error> {
    return this.#failure.promise
  }

  fail(reason: unknown): void {
    if (this.hasFailed) return
    this.hasFailed = true
    this.#log.error('fatal', { reason: describeError(reason) })
    this.#failure.resolve(reason instanceof Error ? reason : new Error(String(reason)))
  }
}
