// What stands between an application and the memory broker: every request passes here, so this is
// where answers are late or lost, where a process dies, and where a closed transport says so.

import { MillraceError } from '../../events/errors.ts'
import { TransportClosedError } from '../../transport/errors.ts'
import type { Faults } from '../faults.ts'
import type { MemoryBroker } from './broker.ts'

/** The request may have been carried out or not; asking again is harmless. */
export class NoAnswerError extends MillraceError {
  readonly code = 'no-answer'
  readonly retriable = true

  constructor(what: string) {
    super(`${what} was not answered: ask again.`)
  }
}

export interface RequestOptions {
  /** Progress of a group is written by it: a crash is drawn before and after. */
  readonly commits?: boolean
  /** What is thrown when the answer is lost; undefined: this one's answer never is. */
  lost?(): Error
}

export class Connection {
  readonly broker: MemoryBroker
  readonly faults: Faults | undefined
  readonly #service: string
  readonly #onDeath = new Set<() => void>()
  #state: 'open' | 'closed' | 'dead' = 'open'

  constructor(broker: MemoryBroker, service: string, faults: Faults | undefined) {
    this.broker = broker
    this.faults = faults
    this.#service = service
  }

  get isDead(): boolean {
    return this.#state === 'dead'
  }

  /** Does the work at once, in the order of the calls; only the answer may take longer. */
  async request<T>(work: () => T, options: RequestOptions = {}): Promise<T> {
    if (this.#state === 'closed') throw new TransportClosedError()
    if (this.#state === 'dead') return neverAnswered()
    if (options.commits && this.faults?.fires('crash-before-commit')) return this.#crash()
    const result = work()
    if (options.commits && this.faults?.fires('crash-after-commit')) return this.#crash()
    if (this.faults?.fires('slow')) {
      await new Promise<void>((resolve) => {
        this.broker.world.timers.after(this.faults!.slowMs(), resolve)
      })
      if (this.isDead) return neverAnswered()
    }
    if (options.lost !== undefined && this.faults?.fires('lost-answer')) throw options.lost()
    return result
  }

  /** The process is gone: it is heard of no more, and what it asks is never answered. */
  kill(): void {
    if (this.#state !== 'open') return
    this.#state = 'dead'
    for (const died of this.#onDeath) died()
  }

  close(): void {
    if (this.#state === 'open') this.#state = 'closed'
  }

  onDeath(died: () => void): void {
    this.#onDeath.add(died)
  }

  #crash(): Promise<never> {
    this.kill()
    this.faults?.crashed(this.#service)
    return neverAnswered()
  }
}

export function neverAnswered(): Promise<never> {
  return new Promise(() => undefined)
}
