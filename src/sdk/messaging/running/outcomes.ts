// What the handling of events comes to: whether they are events that a handler can be given, what their
// handler did, and what that means. Each answer is there at once unless something is waited for.

import type { Decoded } from '../../events/decode.ts'
import { SourcesDecoder } from '../../events/sources.ts'
import type { StoredEvent } from '../../events/stored-event.ts'
import type { World } from '../../transport/transport.ts'
import type { Consumer, EventHandler } from '../consumer.ts'
import type { ConsumerLimits } from '../limits.ts'
import type { Attempts, Handled } from './attempts.ts'
import { GIVEN_UP, type GivingUp, noteFailure, type Outcome } from './giving-up.ts'
import type { Work } from './handler-chain.ts'
import type { Output, PartitionRun } from './partition-run.ts'
import type { Task } from './task.ts'

interface OutcomesOptions {
  readonly consumer: Consumer
  readonly world: World
  readonly limits: ConsumerLimits
  readonly attempts: Attempts
  readonly givingUp: GivingUp
  /** See `HandlingOptions`. */
  commitNow(run: PartitionRun): Promise<void>
  /** One of a batch, before the others of it. */
  finish(task: Task, outputs: readonly Output[]): void
}

export class Outcomes {
  readonly #options: OutcomesOptions
  readonly #consumer: Consumer
  readonly #attempts: Attempts
  readonly #givingUp: GivingUp
  readonly #decoder: SourcesDecoder
  /** A batch handler may be given one event, too. */
  readonly #batchOfOne: EventHandler | undefined

  constructor(options: OutcomesOptions) {
    const { consumer, attempts, givingUp } = options
    const { batch, from } = consumer
    this.#options = options
    this.#consumer = consumer
    this.#attempts = attempts
    this.#givingUp = givingUp
    this.#decoder = new SourcesDecoder(from)
    this.#batchOfOne = batch && ((event, context) => batch.handle([event], context))
  }

  /** @param tasks one, or consecutive ones of a lane */
  of(tasks: readonly Task[]): Outcome | Promise<Outcome> {
    return tasks.length === 1 ? this.#handle(tasks[0] as Task) : this.#handleBatch(tasks)
  }

  /** Undefined: the record's own. */
  keyOf(task: Task): string | undefined {
    if (!this.#decoder.makesKeys(task.record)) return undefined
    const decoded = this.decode(task)
    return decoded.kind === 'event' ? decoded.event.key : undefined
  }

  /** Once: an event may be tried again. */
  decode(task: Task): Decoded {
    task.decoded ??= this.#decoder.decode(task.record)
    return task.decoded
  }

  #handle(task: Task): Outcome | Promise<Outcome> {
    const { run, parking, redrive } = task
    if (parking !== undefined) return this.#givingUp.park(task, parking.reason, parking.holdsKey)
    if (this.#isFollower(task)) return this.#givingUp.follows(task)
    const decoded = this.decode(task)
    if (decoded.kind !== 'event') return this.#givingUp.unreadable(task, decoded)
    const { event, name } = decoded
    const work = this.#consumer.handlers.get(name) ?? this.#batchOfOne
    if (work === undefined) return this.#givingUp.unhandled(task, event)
    const isSuspect = run.isSuspect && redrive === undefined
    return isSuspect ? this.#runCounted(task, event, work) : this.#run(task, event, work)
  }

  /** It may be the one that kills the process: that is written down before it can. */
  async #runCounted(task: Task, event: StoredEvent, work: EventHandler): Promise<Outcome> {
    const { run, offset } = task
    const deaths = run.deathsOf(offset)
    if (deaths >= this.#options.limits.maxDeaths) return this.#givingUp.crashed(task, deaths)
    run.count(offset)
    await this.#options.commitNow(run)
    return run.state === 'open' ? this.#run(task, event, work) : GIVEN_UP
  }

  #run(task: Task, event: StoredEvent, work: EventHandler): Outcome | Promise<Outcome> {
    const handled = this.#attempts.run(task, event, work)
    return handled instanceof Promise
      ? handled.then((known) => this.#judge(task, known))
      : this.#judge(task, handled)
  }

  #judge(task: Task, handled: Handled): Outcome | Promise<Outcome> {
    task.run.discount(task.offset)
    switch (handled.kind) {
      case 'succeeded':
        return this.#givingUp.succeeded(task, handled.outputs)
      case 'failed':
        return this.#givingUp.failed(task, handled.error)
      case 'revoked':
        return GIVEN_UP
    }
  }

  #isFollower({ run, record, redrive }: Task): boolean {
    const { lot } = run
    if (redrive !== undefined || lot === undefined || record.key === null) return false
    return lot.holds(record.key, record.offset)
  }

  /** Consecutive events at once, and one by one when one of them is not like the others or is bad. */
  #handleBatch(tasks: readonly Task[]): Outcome | Promise<Outcome> {
    const [first] = tasks as readonly [Task]
    const { batch, retry } = this.#consumer
    const events: StoredEvent[] = []
    for (const task of tasks) {
      const decoded = this.decode(task)
      if (decoded.kind === 'event' && !this.#isFollower(task)) events.push(decoded.event)
    }
    const isTogether =
      events.length === tasks.length &&
      !tasks.some(({ isFinished }) => isFinished) &&
      !first.run.isSuspect &&
      first.failures + 1 < retry.attempts
    if (batch === undefined || !isTogether) return this.#handleOneByOne(tasks)
    const handleAll: Work = (_, attempt) => batch.handle(attempt.batch ?? events, attempt)
    const handled = this.#attempts.run(first, events[0] as StoredEvent, handleAll, events)
    return handled instanceof Promise
      ? handled.then((known) => this.#judgeBatch(tasks, known))
      : this.#judgeBatch(tasks, handled)
  }

  #judgeBatch(tasks: readonly Task[], handled: Handled): Outcome | Promise<Outcome> {
    const [first] = tasks as readonly [Task]
    if (handled.kind === 'revoked') return GIVEN_UP
    if (handled.kind === 'succeeded') return this.#givingUp.succeeded(first, handled.outputs)
    const isPermanent = !this.#consumer.retry.retryIf(handled.error)
    const nowMs = this.#options.world.clock.nowMs()
    for (const task of tasks.slice(1)) noteFailure(task, handled.error, nowMs)
    if (!isPermanent) return this.#givingUp.failed(first, handled.error)
    noteFailure(first, handled.error, nowMs)
    return this.#handleOneByOne(tasks)
  }

  async #handleOneByOne(tasks: readonly Task[]): Promise<Outcome> {
    for (const task of tasks) {
      if (task.isFinished) continue
      const outcome = await this.#handle(task)
      if (outcome.kind !== 'finished') return outcome
      this.#options.finish(task, outcome.outputs)
    }
    return { kind: 'finished', outputs: [] }
  }
}
