// What was refused to whom, for the log. A client that is refused asks again and again, so the same
// refusal is written once per interval, with how often it happened since; and how many different ones
// are remembered is bounded. Source: Kafka's authorizer log, which writes every one of them.

import type { Clock } from '../../../host/clock.ts'
import type { JsonLog } from '../json-log.ts'

export interface Denial {
  readonly principal: string
  readonly host: string
  /** `READ` on `TOPIC` `orders`. */
  readonly operation: string
  readonly resourceType: string
  readonly resourceName: string
  readonly api: string
}

const SAME_EVERY_MS = 10_000
const MAX_REMEMBERED = 1_000

export class DenialLog {
  readonly #log: JsonLog
  readonly #clock: Clock
  /** In the order in which they were written. */
  readonly #written = new Map<string, { atMs: number; since: number }>()

  constructor(log: JsonLog, clock: Clock) {
    this.#log = log
    this.#clock = clock
  }

  note(denial: Denial): void {
    const nowMs = this.#clock.monotonicMs()
    const { principal, host, operation, resourceType, resourceName, api } = denial
    const same = JSON.stringify([principal, host, operation, resourceType, resourceName])
    const last = this.#written.get(same)
    if (last !== undefined && nowMs - last.atMs < SAME_EVERY_MS) {
      last.since++
      return
    }
    this.#written.delete(same)
    this.#written.set(same, { atMs: nowMs, since: 0 })
    const oldest = this.#written.keys().next()
    if (this.#written.size > MAX_REMEMBERED && !oldest.done) this.#written.delete(oldest.value)
    const resource = `${resourceType}:${resourceName}`
    const repeated = last === undefined || last.since === 0 ? undefined : last.since
    this.#log.info('access-denied', { principal, host, operation, resource, api, repeated })
  }
}
