// What a failure means for its event: again, later, into the lot, or the end of the consumer. Here
// stand the circuit, which tells a bad event from a dependency that is down, and the limit of parking,
// which tells bad events from bad code.
//
// Invariant: `finished` is answered only for what is durable in the lot, or what may be skipped.

import type { Timer } from '../../../host/clock.ts'
import type { NotAnEvent } from '../../events/decode.ts'
import type { StoredEvent } from '../../events/stored-event.ts'
import type { World } from '../../transport/transport.ts'
import type { Consumer, Policy } from '../consumer.ts'
import { ConsumerStoppedError, ProcessCrashError, UnreadableEventError } from '../errors.ts'
import { type Backoff, exponential } from '../failing/backoff.ts'
import { Circuit } from '../failing/circuit.ts'
import { ParkLimit } from '../failing/park-limit.ts'
import type { ConsumerLimits } from '../limits.ts'
import type { ConsumerNotification, PauseReason, Untold } from '../notifications.ts'
import type { ParkReason } from '../parking-lot.ts'
import type { Output } from './partition-run.ts'
import { retryOutput } from './retry-topic.ts'
import { failureOf, keyOf, type Task } from './task.ts'
import { judgeFailure } from './verdict.ts'

/** What one handling came to. */
export type Outcome =
  | { readonly kind: 'finished'; readonly outputs: readonly Output[] }
  | { readonly kind: 'again'; readonly delayMs: number }
  /** As soon as the circuit lets it through. */
  | { readonly kind: 'held' }
  /** Nothing is finished: its partition is given up, or the consumer stops. */
  | { readonly kind: 'given-up' }

export const GIVEN_UP: Outcome = { kind: 'given-up' }
const HELD: Outcome = { kind: 'held' }
const FINISHED: Outcome = { kind: 'finished', outputs: [] }

/** How many events were skipped because the definition says so, by what they were. */
export type Skipped = Readonly<Record<UnreadableEventError['kind'], number>>

interface GivingUpOptions {
  readonly consumer: Consumer
  readonly world: World
  readonly limits: ConsumerLimits
  notify(notification: ConsumerNotification): void
  /** The definition says to stop. */
  stop(error: Error): void
  /** The circuit may let something through now. */
  probe(): void
}

export class GivingUp {
  readonly #options: GivingUpOptions
  readonly #consumer: Consumer
  readonly #circuit: Circuit
  readonly #parkLimit: ParkLimit
  readonly #trouble: Backoff
  readonly #skipped = { undecodable: 0, invalid: 0, unknown: 0, unhandled: 0 }
  #troubles = 0
  #pauseReason: PauseReason | undefined
  #probeTimer: Timer | undefined

  constructor(options: GivingUpOptions) {
    const { limits } = options
    this.#options = options
    this.#consumer = options.consumer
    this.#circuit = new Circuit(limits.circuit)
    this.#parkLimit = new ParkLimit(limits.parking)
    this.#trouble = exponential(`${limits.troubleDelayMs}ms`, {
      max: `${limits.maxTroubleDelayMs}ms`,
      jitter: 'none',
    })
  }

  get pauseReason(): PauseReason | undefined {
    return this.#pauseReason
  }

  get skipped(): Skipped {
    return { ...this.#skipped }
  }

  /** Whether another event may start; otherwise `probe` is called when one may. */
  admits(): boolean {
    if (this.#circuit.state.kind === 'closed') return true
    const nowMs = this.#nowMs
    if (this.#circuit.admits(nowMs)) return true
    const { state } = this.#circuit
    if (state.kind === 'open' && this.#probeTimer === undefined) {
      this.#probeTimer = this.#options.world.timers.after(state.untilMs - nowMs, () => {
        this.#probeTimer = undefined
        this.#options.probe()
      })
    }
    return false
  }

  /** What was let through came to nothing that tells anything. */
  probeUnused(): void {
    if (this.#circuit.state.kind === 'half-open') this.#circuit.probeUnused(this.#nowMs)
  }

  succeeded(task: Task, outputs: readonly Output[]): Outcome {
    this.#circuit.succeeded()
    if (this.#pauseReason !== undefined) {
      this.#pauseReason = undefined
      this.#probeTimer?.cancel()
      this.#probeTimer = undefined
      this.#notify({ kind: 'resumed' })
    }
    if (task.redrive === undefined) this.#parkLimit.handled()
    return { kind: 'finished', outputs }
  }

  /** Its handler threw, or took too long. */
  failed(task: Task, error: unknown): Outcome | Promise<Outcome> {
    const { retry, whenExhausted } = this.#consumer
    const isPermanent = !retry.retryIf(error)
    if (!isPermanent) this.#noteOutage(task, error)
    const isOutage = this.#circuit.state.kind !== 'closed'
    if (isPermanent) this.probeUnused()
    if (isPermanent || !isOutage) noteFailure(task, error, this.#options.world.clock.nowMs())
    const verdict = judgeFailure({
      failures: task.failures,
      attempts: retry.attempts,
      isPermanent,
      isOutage,
      mayPark: this.#parkLimit.allows,
      isRedriven: task.redrive !== undefined,
      mode: retry.mode,
      whenExhausted,
    })
    switch (verdict) {
      case 'retry':
        return this.again(task)
      case 'retry-topic':
        return this.#toRetryTopic(task)
      case 'wait':
        return HELD
      case 'hold':
        return this.#holdBack(error)
      case 'park-key':
      case 'park-event':
        return this.park(task, 'failed', verdict === 'park-key')
      case 'stop':
        return this.#stop(task, error)
      case 'give-back':
        return this.#giveBack(task)
    }
  }

  /** Waits as long as the definition says after so many failures. */
  again(task: Task): Outcome {
    const { backoff } = this.#consumer.retry
    return { kind: 'again', delayMs: backoff.delayMs(task.failures, this.#options.world.random) }
  }

  /** The record is no event that a handler could be given. */
  unreadable(task: Task, decoded: NotAnEvent): Outcome | Promise<Outcome> {
    if (decoded.kind === 'internal') {
      this.probeUnused()
      return FINISHED
    }
    const kind = decoded.kind === 'unknown-type' ? 'unknown' : decoded.kind
    if (this.#consumer.policies[kind] === 'skip') return this.#skip(kind)
    const error = new UnreadableEventError(kind, decoded.reason, decoded.cause)
    return this.#apply(this.#consumer.policies[kind], task, error)
  }

  /** The consumer has no handler for it. */
  unhandled(task: Task, event: StoredEvent): Outcome | Promise<Outcome> {
    // Most events of a topic, often: not worth an error that nobody sees.
    if (this.#consumer.policies.unhandled === 'skip') return this.#skip('unhandled')
    const reason = `${this.#consumer.group} has no handler for ${event.type}`
    const error = new UnreadableEventError('unhandled', reason)
    return this.#apply(this.#consumer.policies.unhandled, task, error)
  }

  /** The process died in its handler, once too often. */
  crashed(task: Task, deaths: number): Promise<Outcome> {
    noteFailure(task, new ProcessCrashError(deaths), this.#options.world.clock.nowMs())
    return this.park(task, 'crashed', this.#holdsKey)
  }

  /** It was handled, and what it published cannot be sent: trying again is of no use. */
  async refused(task: Task, error: unknown): Promise<Outcome> {
    if (this.#consumer.whenExhausted === 'stop') return this.#stop(task, error)
    if (task.parking === undefined) noteFailure(task, error, this.#options.world.clock.nowMs())
    return this.park(task, 'failed', this.#holdsKey)
  }

  /** An earlier event of its key is in the lot. */
  follows(task: Task): Promise<Outcome> {
    return this.park(task, 'follows', true)
  }

  /** Writes it into the lot; until that has worked the event waits, and with it its key. */
  async park(task: Task, reason: ParkReason, holdsKey: boolean): Promise<Outcome> {
    const { run, record } = task
    task.parking ??= {
      reason,
      failure: reason === 'follows' ? undefined : failureOf(task),
      holdsKey: holdsKey && record.key !== null,
    }
    this.probeUnused()
    const entry = { record, ...task.parking }
    try {
      const outcome = await run.lot?.park(entry)
      if (outcome === undefined || run.state === 'closed') return GIVEN_UP
      if (outcome.kind === 'live') {
        task.parking = undefined
        return { kind: 'again', delayMs: 0 }
      }
      if (outcome.kind === 'full') throw new Error(`the lot is full: ${outcome.limit}`)
    } catch (error) {
      this.#troubles++
      this.#notify({ kind: 'park-failed', position: positionOf(task), error })
      return {
        kind: 'again',
        delayMs: this.#trouble.delayMs(this.#troubles, this.#options.world.random),
      }
    }
    this.#troubles = 0
    if (task.parking.reason !== 'follows') this.#parkLimit.parked()
    const { failure } = task.parking
    this.#notify({ kind: 'parked', reason: entry.reason, position: positionOf(task), failure })
    return FINISHED
  }

  close(): void {
    this.#probeTimer?.cancel()
    this.#probeTimer = undefined
  }

  get #nowMs(): number {
    return this.#options.world.clock.monotonicMs()
  }

  get #holdsKey(): boolean {
    return this.#consumer.whenExhausted !== 'park-event'
  }

  #skip(kind: UnreadableEventError['kind']): Outcome {
    this.probeUnused()
    this.#skipped[kind]++
    return FINISHED
  }

  #apply(
    policy: Exclude<Policy, 'skip'>,
    task: Task,
    error: UnreadableEventError,
  ): Outcome | Promise<Outcome> {
    this.probeUnused()
    if (task.redrive !== undefined) {
      noteFailure(task, error, this.#options.world.clock.nowMs())
      return this.#giveBack(task)
    }
    if (policy === 'stop') return this.#stop(task, error)
    if (!this.#parkLimit.allows) return this.#holdBack(error)
    noteFailure(task, error, this.#options.world.clock.nowMs())
    // No handler has run; what is kept says so.
    task.failures = 0
    const reason = error.kind === 'unhandled' ? 'unknown' : error.kind
    return this.park(task, reason, this.#holdsKey)
  }

  /** It stays in the lot. */
  #giveBack(task: Task): Outcome {
    task.redrive?.settle({ kind: 'failed', failure: failureOf(task) })
    return GIVEN_UP
  }

  #noteOutage(task: Task, error: unknown): void {
    this.#circuit.failed(keyOf(task), this.#nowMs)
    if (this.#circuit.state.kind === 'open') this.#pause('outage', error)
  }

  #holdBack(error: unknown): Outcome {
    this.#circuit.open(this.#nowMs)
    this.#pause('park-limit', error)
    return HELD
  }

  #pause(reason: PauseReason, error: unknown): void {
    if (this.#pauseReason === reason) return
    this.#pauseReason = reason
    this.#notify({ kind: 'paused', reason, error })
  }

  #stop(task: Task, error: unknown): Outcome {
    this.#options.stop(new ConsumerStoppedError(this.#consumer.group, task.record, error))
    return GIVEN_UP
  }

  #toRetryTopic(task: Task): Outcome {
    const { world } = this.#options
    const delayMs = this.#consumer.retry.backoff.delayMs(task.failures, world.random)
    const dueMs = world.clock.nowMs() + delayMs
    return { kind: 'finished', outputs: [retryOutput(this.#consumer.group, task, dueMs)] }
  }

  #notify(notification: Untold): void {
    this.#options.notify({ ...notification, group: this.#consumer.group })
  }
}

export function noteFailure(task: Task, error: unknown, nowMs: number): void {
  task.failures++
  task.firstFailedMs ??= nowMs
  task.lastFailedMs = nowMs
  task.lastError = error
}

function positionOf({ record }: Task): { topic: string; partition: number; offset: number } {
  const { topic, partition, offset } = record
  return { topic, partition, offset }
}
