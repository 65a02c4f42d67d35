// Events meet handlers: takes from the scheduler what may start, runs it, and notes in its partition
// what is finished. Owns no connection.
//
// Invariant: an event is finished only when its handler succeeded, it was parked durably, or the
// definition says to skip it. In every other case it waits, or its partition was given up.

import type { Timer } from '../../../host/clock.ts'
import type { IncomingRecord } from '../../events/record.ts'
import { SourcesDecoder } from '../../events/sources.ts'
import type { StoredEvent } from '../../events/stored-event.ts'
import type { SendRequest } from '../../transport/producer.ts'
import type { World } from '../../transport/transport.ts'
import type { Consumer } from '../consumer.ts'
import type { ConsumerLimits } from '../limits.ts'
import type { ConsumerNotification, PauseReason } from '../notifications.ts'
import { Scheduler, type Started } from '../ordering/scheduler.ts'
import type { Outgoing } from '../outgoing.ts'
import type { RedriveOutcome } from '../parking-lot.ts'
import { Attempts } from './attempts.ts'
import type { Together } from './committer.ts'
import { GIVEN_UP, GivingUp, noteFailure, type Outcome, type Skipped } from './giving-up.ts'
import type { Work } from './handler-chain.ts'
import { type Output, type PartitionRun, recordBytes } from './partition-run.ts'
import { retryTopicOf, returnedRecord } from './retry-topic.ts'
import { keyOf, type Task, taskOf } from './task.ts'
import { within } from './waiting.ts'

export interface HandlingOptions {
  readonly consumer: Consumer
  readonly outgoing: Outgoing
  readonly world: World
  readonly limits: ConsumerLimits
  notify(notification: ConsumerNotification): void
  /** Something of this partition was finished, or it has room again. */
  touched(run: PartitionRun): void
  /** Resolves once the partition's progress, as it is now, is durable. */
  commitNow(run: PartitionRun): Promise<void>
  /** Sends what a redriven event left behind, and the lot's own records, together. */
  sendTogether(run: PartitionRun, records: Together): Promise<void>
  /** The definition says to stop, or something went wrong that must not be passed over. */
  stop(error: Error): void
}

export class Handling {
  readonly #options: HandlingOptions
  readonly #consumer: Consumer
  readonly #world: World
  readonly #decoder: SourcesDecoder
  readonly #scheduler: Scheduler<Task>
  readonly #attempts: Attempts
  readonly #givingUp: GivingUp
  readonly #waiting = new Map<Started<Task>, Timer>()
  /** Of events that came back before they are due. */
  readonly #notDue = new Map<Timer, PartitionRun>()
  readonly #redriving = new Set<Task>()
  readonly #underWay = new Map<PartitionRun, Set<Promise<void>>>()
  #isStopped = false

  constructor(options: HandlingOptions) {
    const { consumer, world } = options
    this.#options = options
    this.#consumer = consumer
    this.#world = world
    this.#decoder = new SourcesDecoder(consumer.from)
    this.#scheduler = new Scheduler({ concurrency: consumer.concurrency })
    this.#attempts = new Attempts(options)
    this.#givingUp = new GivingUp({ ...options, probe: () => this.pump() })
  }

  get pauseReason(): PauseReason | undefined {
    return this.#givingUp.pauseReason
  }

  get running(): number {
    return this.#attempts.running
  }

  get skipped(): Skipped {
    return this.#givingUp.skipped
  }

  /** Events of the partition that are fetched and not finished. */
  loadOf(run: PartitionRun): { readonly count: number; readonly bytes: number } {
    const scheduled = this.#scheduler.loadOf(run.id)
    const { count, bytes } = run.backlog
    return { count: scheduled.count + count, bytes: scheduled.bytes + bytes }
  }

  /** Begins with what the partition has, as far as there is room. */
  offer(run: PartitionRun): void {
    for (let next = run.next(); next !== undefined; next = run.next()) {
      this.#offerRecord(run, next.record, next.ticket)
    }
    this.#scheduler.setSerial(run.id, run.isSuspect)
    this.pump()
  }

  /** See `Redriving.handle`. */
  redrive(
    run: PartitionRun,
    record: IncomingRecord,
    alongside: readonly SendRequest[],
  ): Promise<RedriveOutcome> {
    if (run.state !== 'open' || this.#isStopped) return Promise.resolve({ kind: 'revoked' })
    return new Promise((settle, fail) => {
      const task = taskOf(run, record, { redrive: { alongside, settle, break: fail } })
      this.#redriving.add(task)
      this.#scheduler.offer(run.id, undefined, task, recordBytes(record))
      this.pump()
    })
  }

  /** Starts what may start now. */
  pump(): void {
    const most = this.#consumer.batch?.max ?? 1
    while (!this.#isStopped && this.#givingUp.admits()) {
      const started = this.#scheduler.take(this.pauseReason === undefined ? most : 1)
      if (started === undefined) {
        this.#givingUp.probeUnused()
        return
      }
      this.#begin(started)
    }
  }

  /** Begins nothing any more; what runs goes on. */
  stop(): void {
    this.#isStopped = true
  }

  /**
   * Gives partitions up: nothing of them is begun, what runs may go on for `waitMs`, is then aborted,
   * and has the grace of every aborted handler. What is finished until then counts.
   */
  async release(runs: readonly PartitionRun[], waitMs: number): Promise<void> {
    for (const run of runs) if (run.state !== 'closed') run.state = 'closing'
    this.#forget(runs)
    if (!(await this.#settled(runs, waitMs))) {
      this.#attempts.abort(runs)
      await this.#settled(runs, this.#options.limits.abortGraceMs)
    }
  }

  /** They are gone already: nothing of them counts any more. */
  abandon(runs: readonly PartitionRun[]): void {
    for (const run of runs) run.state = 'closed'
    this.#forget(runs)
    this.#attempts.abort(runs)
  }

  close(): void {
    this.stop()
    this.#attempts.close()
    this.#givingUp.close()
  }

  #offerRecord(run: PartitionRun, record: IncomingRecord, ticket: number): void {
    const isReturned = record.topic === retryTopicOf(this.#consumer.group)
    const returned = isReturned ? returnedRecord(record) : undefined
    const { offset } = record
    const task = taskOf(run, returned?.record ?? record, { ticket, offset })
    task.failures = returned?.failures ?? 0
    task.firstFailedMs = returned?.firstFailedMs
    const delayMs = (returned?.dueMs ?? 0) - this.#world.clock.nowMs()
    if (delayMs > 0) this.#scheduleLater(task, delayMs)
    else this.#schedule(task)
  }

  #scheduleLater(task: Task, delayMs: number): void {
    const timer = this.#world.timers.after(delayMs, () => {
      this.#notDue.delete(timer)
      this.#schedule(task)
      this.pump()
    })
    this.#notDue.set(timer, task.run)
  }

  #schedule(task: Task): void {
    this.#scheduler.offer(task.run.id, this.#laneOf(task), task, recordBytes(task.record))
  }

  #laneOf(task: Task): string | undefined {
    const { order } = this.#consumer
    if (order === 'none') return undefined
    if (order === 'partition') return ''
    if (this.#decoder.makesKeys(task.record)) {
      task.decoded = this.#decoder.decode(task.record)
      if (task.decoded.kind === 'event') return task.decoded.event.key
    }
    return task.record.key === null ? undefined : keyOf(task)
  }

  #begin(started: Started<Task>): void {
    const { run } = started.items[0] as Task
    const processing = this.#process(started).catch((error: unknown) => {
      this.#options.stop(error instanceof Error ? error : new Error(String(error)))
    })
    const underWay = this.#underWay.get(run) ?? new Set()
    this.#underWay.set(run, underWay)
    underWay.add(processing)
    void processing.then(() => {
      underWay.delete(processing)
      this.pump()
    })
  }

  async #process(started: Started<Task>): Promise<void> {
    const [first] = started.items as readonly [Task]
    const { run } = first
    const outcome =
      started.items.length === 1
        ? await this.#handle(first)
        : await this.#handleBatch(started.items)
    const isAlive = run.state === 'open'
    if (outcome.kind === 'again' && isAlive) return this.#wait(started, outcome.delayMs)
    if (outcome.kind === 'held' && isAlive) return this.#hold(started)
    if (outcome.kind === 'finished') await this.#finish(started.items, outcome.outputs)
    else this.#handBack(first)
    this.#scheduler.finish(started)
    this.#options.touched(run)
  }

  async #finish(tasks: readonly Task[], outputs: readonly Output[]): Promise<void> {
    const [first] = tasks as readonly [Task]
    const { run, redrive } = first
    if (redrive !== undefined) return this.#finishRedriven(first, outputs)
    // A late result: the partition is somebody else's, and the event is handled again there.
    if (run.state === 'closed') return
    const finished: { offset: number; ticket: number }[] = []
    for (const task of tasks) {
      if (task.isFinished || task.ticket === undefined) continue
      task.isFinished = true
      finished.push({ offset: task.offset, ticket: task.ticket })
    }
    if (finished.length > 0) run.finish(finished, outputs, (error) => this.#refused(tasks, error))
  }

  /** The engine will not take what these events published, however often it is sent. */
  async #refused(tasks: readonly Task[], error: unknown): Promise<void> {
    for (const task of tasks) {
      const outcome = await this.#givingUp.refused(task, error)
      if (outcome.kind !== 'finished') throw error
    }
  }

  async #finishRedriven(task: Task, outputs: readonly Output[]): Promise<void> {
    const { run, redrive } = task
    this.#redriving.delete(task)
    if (redrive === undefined) return
    if (run.state === 'closed') return redrive.settle({ kind: 'revoked' })
    try {
      await this.#options.sendTogether(run, { outputs, alongside: redrive.alongside })
      redrive.settle({ kind: 'handled' })
    } catch (error) {
      redrive.break(error)
    }
  }

  #handBack(task: Task): void {
    this.#redriving.delete(task)
    task.redrive?.settle({ kind: 'revoked' })
  }

  #hold(started: Started<Task>): void {
    this.#scheduler.wait(started)
    this.#scheduler.retry(started)
  }

  #wait(started: Started<Task>, delayMs: number): void {
    this.#scheduler.wait(started)
    const timer = this.#world.timers.after(delayMs, () => {
      this.#waiting.delete(started)
      this.#scheduler.retry(started)
      this.pump()
    })
    this.#waiting.set(started, timer)
  }

  async #handle(task: Task): Promise<Outcome> {
    const { run } = task
    if (task.parking !== undefined) {
      return this.#givingUp.park(task, task.parking.reason, task.parking.holdsKey)
    }
    if (this.#isFollower(task)) return this.#givingUp.follows(task)
    task.decoded ??= this.#decoder.decode(task.record)
    if (task.decoded.kind !== 'event') return this.#givingUp.unreadable(task, task.decoded)
    const { event, name } = task.decoded
    const work = this.#consumer.handlers.get(name) ?? this.#batchOfOne()
    if (work === undefined) return this.#givingUp.unhandled(task, event)
    if (run.isSuspect && task.redrive === undefined) {
      const deaths = run.deathsOf(task.offset)
      if (deaths >= this.#options.limits.maxDeaths) return this.#givingUp.crashed(task, deaths)
      run.count(task.offset)
      await this.#options.commitNow(run)
      if (run.state !== 'open') return GIVEN_UP
    }
    const handled = await this.#attempts.run(task, event, work)
    run.discount(task.offset)
    if (handled.kind === 'revoked') return GIVEN_UP
    if (handled.kind === 'failed') return this.#givingUp.failed(task, handled.error)
    return this.#givingUp.succeeded(task, handled.outputs)
  }

  #batchOfOne() {
    const { batch } = this.#consumer
    if (batch === undefined) return undefined
    return (event: StoredEvent, context: Parameters<typeof batch.handle>[1]) => {
      return batch.handle([event], context)
    }
  }

  #isFollower({ run, record, redrive }: Task): boolean {
    if (redrive !== undefined || record.key === null) return false
    return run.lot?.holds(record.key, record.offset) === true
  }

  /** Consecutive events at once, and one by one when one of them is not like the others or is bad. */
  async #handleBatch(tasks: readonly Task[]): Promise<Outcome> {
    const [first] = tasks as readonly [Task]
    const { batch, retry } = this.#consumer
    const events: StoredEvent[] = []
    for (const task of tasks) {
      task.decoded ??= this.#decoder.decode(task.record)
      if (task.decoded.kind === 'event' && !this.#isFollower(task)) events.push(task.decoded.event)
    }
    const isTogether =
      events.length === tasks.length &&
      !tasks.some(({ isFinished }) => isFinished) &&
      !first.run.isSuspect &&
      first.failures + 1 < retry.attempts
    if (batch === undefined || !isTogether) return this.#handleOneByOne(tasks)
    const handleAll: Work = (_, attempt) => batch.handle(attempt.batch ?? events, attempt)
    const handled = await this.#attempts.run(first, events[0] as StoredEvent, handleAll, events)
    if (handled.kind === 'revoked') return GIVEN_UP
    if (handled.kind === 'succeeded') return this.#givingUp.succeeded(first, handled.outputs)
    const isPermanent = !retry.retryIf(handled.error)
    const nowMs = this.#world.clock.nowMs()
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
      await this.#finish([task], outcome.outputs)
    }
    return { kind: 'finished', outputs: [] }
  }

  /** Nothing of these partitions is begun or tried again any more. */
  #forget(runs: readonly PartitionRun[]): void {
    for (const run of runs) {
      const running = this.#scheduler.drop(run.id).filter(({ state }) => state === 'running')
      const busy = new Set(running.flatMap(({ items }) => items))
      for (const task of this.#redriving) {
        if (task.run === run && !busy.has(task)) this.#handBack(task)
      }
    }
    for (const [started, timer] of this.#waiting) {
      if (!started.isDropped) continue
      timer.cancel()
      this.#waiting.delete(started)
    }
    for (const [timer, run] of this.#notDue) {
      if (!runs.includes(run)) continue
      timer.cancel()
      this.#notDue.delete(timer)
    }
  }

  /** @returns whether everything that ran has ended */
  #settled(runs: readonly PartitionRun[], waitMs: number): Promise<boolean> {
    const underWay = runs.flatMap((run) => [...(this.#underWay.get(run) ?? [])])
    if (underWay.length === 0) return Promise.resolve(true)
    return within(this.#world.timers, waitMs, Promise.all(underWay))
  }
}
