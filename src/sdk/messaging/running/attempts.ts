// The handlers that run at this moment: each has its time, can be aborted, and ends exactly once, with
// its own outcome or by being given up.

import type { StoredEvent } from '../../events/stored-event.ts'
import type { World } from '../../transport/transport.ts'
import type { Consumer } from '../consumer.ts'
import { HandlerTimeoutError, HandlingRevokedError } from '../errors.ts'
import type { ConsumerLimits } from '../limits.ts'
import type { ConsumerNotification } from '../notifications.ts'
import type { Outgoing } from '../outgoing.ts'
import { Attempt } from './attempt.ts'
import { Deadlines } from './deadlines.ts'
import { runChain, runClaimed, type Work } from './handler-chain.ts'
import type { Output, PartitionRun } from './partition-run.ts'
import type { Task } from './task.ts'

/** `revoked`: its partition is given up, and what it did is not to be noted. */
export type Handled =
  | { readonly kind: 'succeeded'; readonly outputs: readonly Output[] }
  | { readonly kind: 'failed'; readonly error: unknown }
  | { readonly kind: 'revoked' }

interface AttemptsOptions {
  readonly consumer: Consumer
  readonly outgoing: Outgoing
  readonly world: World
  readonly limits: ConsumerLimits
  notify(notification: ConsumerNotification): void
}

export class Attempts {
  readonly #options: AttemptsOptions
  readonly #deadlines: Deadlines
  readonly #running = new Map<Attempt, PartitionRun>()

  constructor(options: AttemptsOptions) {
    const { consumer, limits, world } = options
    this.#options = options
    this.#deadlines = new Deadlines({
      world,
      limitMs: consumer.maxProcessingMs,
      graceMs: limits.abortGraceMs,
      onTimeout: (attempt) => attempt.abort(this.#timeoutOf(attempt)),
      onHung: (attempt) => this.#giveUp(attempt),
    })
  }

  get running(): number {
    return this.#running.size
  }

  /** @param events the batch that `work` handles; undefined: the event alone */
  async run(
    task: Task,
    event: StoredEvent,
    work: Work,
    events?: readonly StoredEvent[],
  ): Promise<Handled> {
    const { consumer, outgoing, world } = this.#options
    const attempt = new Attempt({
      group: consumer.group,
      attempt: task.failures + 1,
      event,
      batch: events,
      startedMs: world.clock.monotonicMs(),
      outgoing,
    })
    this.#running.set(attempt, task.run)
    this.#deadlines.add(attempt)
    try {
      const { tracing } = outgoing
      const outputs = await (tracing === undefined
        ? this.#invoke(attempt, work)
        : tracing.process(events ?? [event], attempt, () => this.#invoke(attempt, work)))
      // Aborted or not, it got through: only a partition that is gone makes that worthless.
      return task.run.state === 'closed' ? { kind: 'revoked' } : { kind: 'succeeded', outputs }
    } catch (error) {
      const isRevoked = attempt.abortReason instanceof HandlingRevokedError
      return isRevoked || task.run.state === 'closed'
        ? { kind: 'revoked' }
        : { kind: 'failed', error: attempt.abortReason ?? error }
    } finally {
      attempt.end()
      this.#running.delete(attempt)
      this.#deadlines.remove(attempt)
    }
  }

  /** Those of these partitions are aborted, and given up if they don't stop. */
  abort(runs: readonly PartitionRun[]): void {
    for (const [attempt, run] of this.#running) {
      if (!runs.includes(run)) continue
      attempt.abort(new HandlingRevokedError(this.#options.consumer.group))
      this.#deadlines.aborted(attempt)
    }
  }

  close(): void {
    this.#deadlines.close()
  }

  async #invoke(attempt: Attempt, work: Work): Promise<readonly Output[]> {
    const { consumer, world } = this.#options
    const { dedupe, use } = consumer
    if (dedupe !== undefined) {
      const claimed = runClaimed(dedupe, { use, attempt, work }, world.clock.nowMs())
      return attempt.race(claimed)
    }
    const handling = runChain(use, attempt, work)
    if (handling instanceof Promise) await attempt.race(handling)
    else await handling
    return attempt.end()
  }

  #timeoutOf(attempt: Attempt): HandlerTimeoutError {
    const { group, maxProcessingMs } = this.#options.consumer
    return new HandlerTimeoutError({ group, eventId: attempt.event.id, maxProcessingMs })
  }

  #giveUp(attempt: Attempt): void {
    const { consumer, world } = this.#options
    const reason = attempt.abortReason ?? this.#timeoutOf(attempt)
    this.#options.notify({
      group: consumer.group,
      kind: 'stalled',
      position: attempt.event.position,
      forMs: Math.round(world.clock.monotonicMs() - attempt.startedMs),
    })
    attempt.giveUp(reason)
  }
}
