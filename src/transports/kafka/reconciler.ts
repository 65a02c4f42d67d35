// Brings what a member holds to what it is to hold: first it gives up, then it takes. One step at a
// time, whatever is heard meanwhile; after each step the protocol is told.

import { UnknownTopicError } from '../../sdk/transport/errors.ts'
import type { TopicPartition } from '../../sdk/transport/group-member.ts'
import { KafkaError } from './errors.ts'
import { keyOf } from './holdings.ts'
import type { Host } from './membership.ts'

export type Step = 'gave-up' | 'took'

export class Reconciler {
  readonly #host: Host
  readonly #isOver: () => boolean
  readonly #onStep: (step: Step) => void
  #target: ReadonlyMap<string, TopicPartition> = new Map()
  /** Counts the times that everything was lost: what was begun before is of no use any more. */
  #stays = 0
  #running: Promise<void> | undefined

  constructor(
    host: Host,
    options: { readonly isOver: () => boolean; readonly onStep: (step: Step) => void },
  ) {
    this.#host = host
    this.#isOver = options.isOver
    this.#onStep = options.onStep
  }

  want(partitions: readonly TopicPartition[]): void {
    this.#target = new Map(partitions.map((each) => [keyOf(each), each]))
  }

  /** Nothing is held any more, and nothing is to be held. */
  forget(): void {
    this.#stays += 1
    this.#target = new Map()
    this.#host.loseAll()
  }

  run(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
  }

  /** Resolves when no step is under way. */
  async settled(): Promise<void> {
    await this.#running
  }

  async #run(): Promise<void> {
    try {
      for (;;) {
        const step = this.#isOver() ? undefined : await this.#step()
        if (step === undefined) return
        this.#onStep(step)
      }
    } catch (error) {
      if (this.#isOver()) return
      if (error instanceof UnknownTopicError) {
        // Deleted meanwhile, and the coordinator will say so; else it is tried at the next heartbeat.
        this.#host.warn('A topic was given to a member and is not there.', error)
      } else {
        this.#host.fail(error instanceof Error ? error : new KafkaError(String(error)))
      }
    }
  }

  async #step(): Promise<Step | undefined> {
    const stay = this.#stays
    const revoked = this.#host.held.filter((each) => !this.#target.has(keyOf(each)))
    if (revoked.length > 0) {
      await this.#host.revoke(revoked)
      return 'gave-up'
    }
    const held = new Set(this.#host.held.map(keyOf))
    const assigned = [...this.#target].flatMap(([key, each]) => (held.has(key) ? [] : [each]))
    if (assigned.length === 0) return undefined
    const isWanted = () =>
      this.#stays === stay && assigned.every((each) => this.#target.has(keyOf(each)))
    return (await this.#host.assign(assigned, isWanted)) ? 'took' : undefined
  }
}
