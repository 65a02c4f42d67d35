// The handlers that run at this moment: each has its time, can be aborted, and ends exactly once, with
// its own outcome or by being given up. One that waits for nothing has ended when it returns, and costs
// no promise and no deadline.

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

const REVOKED: Handled = { kind: 'revoked' }

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
  /** Its handler has not returned yet. */
  #called: Attempt | undefined

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
    return this.#deadlines.waiting.size + (this.#called === undefined ? 0 : 1)
  }

  /**
   * @param events the batch that `work` handles; undefined: the event alone
   * @returns a promise only if the handler waits for something
   */
  run(
    task: Task,
    event: StoredEvent,
    work: Work,
    events?: readonly StoredEvent[],
  ): Handled | Promise<Handled> {
    const { consumer, outgoing } = this.#options
    const attempt = new Attempt({
      group: consumer.group,
      attempt: task.failures + 1,
      event,
      batch: events,
      run: task.run,
      outgoing,
    })
    const caller = this.#called
    this.#called = attempt
    try {
      const handling = this.#call(attempt, work, events)
      return handling instanceof Promise ? this.#follow(attempt, handling) : succeeded(attempt)
    } catch (error) {
      return failed(attempt, error)
    } finally {
      this.#called = caller
    }
  }

  /** Those of these partitions are aborted, and given up if they don't stop. */
  abort(runs: readonly PartitionRun[]): void {
    const reason = () => new HandlingRevokedError(this.#options.consumer.group)
    if (this.#called !== undefined && runs.includes(this.#called.run)) this.#called.abort(reason())
    for (const attempt of this.#deadlines.waiting) {
      if (!runs.includes(attempt.run)) continue
      attempt.abort(reason())
      this.#deadlines.aborted(attempt)
    }
  }

  close(): void {
    this.#deadlines.close()
  }

  #call(attempt: Attempt, work: Work, events?: readonly StoredEvent[]): unknown {
    const { tracing } = this.#options.outgoing
    if (tracing === undefined) return this.#invoke(attempt, work)
    return tracing.process(events ?? [attempt.event], attempt, () => this.#invoke(attempt, work))
  }

  #invoke(attempt: Attempt, work: Work): unknown {
    const { consumer, world } = this.#options
    const { dedupe, use } = consumer
    if (dedupe !== undefined) {
      return runClaimed(dedupe, { use, attempt, work }, world.clock.nowMs())
    }
    const handling = runChain(use, attempt, work)
    return isThenable(handling) ? Promise.resolve(handling) : handling
  }

  /** Until the handler has ended, or is given up. */
  #follow(attempt: Attempt, handling: Promise<unknown>): Promise<Handled> {
    attempt.startedMs = this.#options.world.clock.monotonicMs()
    this.#deadlines.add(attempt)
    if (attempt.abortReason !== undefined) this.#deadlines.aborted(attempt)
    return new Promise((resolve) => {
      const end = (handled: Handled) => {
        this.#deadlines.remove(attempt)
        resolve(handled)
      }
      const fail = (error: unknown) => end(failed(attempt, error))
      attempt.whenGivenUp(fail)
      handling.then(() => end(succeeded(attempt)), fail)
    })
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

/** Aborted or not, it got through: only a partition that is gone makes that worthless. */
function succeeded(attempt: Attempt): Handled {
  const outputs = attempt.end()
  return attempt.run.state === 'closed' ? REVOKED : { kind: 'succeeded', outputs }
}

function failed(attempt: Attempt, error: unknown): Handled {
  attempt.end()
  const { abortReason, run } = attempt
  const isRevoked = abortReason instanceof HandlingRevokedError || run.state === 'closed'
  return isRevoked ? REVOKED : { kind: 'failed', error: abortReason ?? error }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  const mayBe = (typeof value === 'object' && value !== null) || typeof value === 'function'
  return mayBe && 'then' in value && typeof value.then === 'function'
}
