// Events meet handlers: takes from the scheduler what may start, runs it, and notes in its partition
// what is finished. Owns no connection. What waits for nothing is finished at once, without a promise.
//
// Invariant: an event is finished only when its handler succeeded, it was parked durably, or the
// definition says to skip it. In every other case it waits, or its partition was given up.

import type { Timer } from '../../../host/clock.ts'
import type { IncomingRecord } from '../../events/record.ts'
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
import { GivingUp, type Outcome, type Skipped } from './giving-up.ts'
import { Outcomes } from './outcomes.ts'
import { type Output, type PartitionRun, recordBytes } from './partition-run.ts'
import { retryTopicOf, returnedRecord } from './retry-topic.ts'
import { keyOf, type Task, taskOf } from './task.ts'
import { Turns } from './turns.ts'
import { UnderWay } from './under-way.ts'
import { within } from './waiting.ts'

/** Of one partition. More follow as soon as there are places that these do not fill. */
const OFFERED_AT_ONCE = 64

export interface HandlingOptions {
  readonly consumer: Consumer
  readonly outgoing: Outgoing
  readonly world: World
  readonly limits: ConsumerLimits
  notify(notification: ConsumerNotification): void
  /** Something of this partition was begun or finished: there may be more to offer, or to commit. */
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
  readonly #scheduler: Scheduler<Task>
  readonly #attempts: Attempts
  readonly #givingUp: GivingUp
  readonly #outcomes: Outcomes
  readonly #waiting = new Map<Started<Task>, Timer>()
  /** Of events that came back before they are due. */
  readonly #notDue = new Map<Timer, PartitionRun>()
  readonly #redriving = new Set<Task>()
  readonly #retryTopic: string
  readonly #offeredAtOnce: number
  /** Partitions of which something was begun or finished since their owner was told. */
  #touched: PartitionRun[] = []
  readonly #turns: Turns
  readonly #underWay = new UnderWay()
  #isStopped = false

  constructor(options: HandlingOptions) {
    const { consumer, world } = options
    this.#options = options
    this.#consumer = consumer
    this.#world = world
    this.#scheduler = new Scheduler({ concurrency: consumer.concurrency })
    this.#attempts = new Attempts(options)
    this.#givingUp = new GivingUp({ ...options, probe: () => this.pump() })
    this.#outcomes = new Outcomes({
      ...options,
      attempts: this.#attempts,
      givingUp: this.#givingUp,
      finish: (task, outputs) => this.#finish([task], outputs),
    })
    this.#retryTopic = retryTopicOf(consumer.group)
    // A batch is made of what stands in line.
    this.#offeredAtOnce = consumer.batch === undefined ? OFFERED_AT_ONCE : Number.POSITIVE_INFINITY
    this.#turns = new Turns({
      world,
      startNext: () => this.#startNext(),
      afterwards: () => this.#tellTouched(),
    })
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

  /**
   * Begins with what the partition has, as far as there is room. Not with all of it at once: what waits
   * in line for long outlives a collection of garbage, and costs as much again.
   */
  offer(run: PartitionRun): void {
    const { hasPlace } = this.#scheduler
    const inLine = hasPlace ? 0 : this.#scheduler.loadOf(run.id).count
    for (let left = this.#offeredAtOnce - inLine; left > 0; left--) {
      const next = run.next()
      if (next === undefined) break
      this.#offerRecord(run, next.record, next.ticket)
      this.#touch(run)
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
    this.#turns.take()
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
    const { topic, offset } = record
    const returned = topic === this.#retryTopic ? returnedRecord(record) : undefined
    const task = taskOf(run, returned?.record ?? record, { ticket, offset })
    let delayMs = 0
    if (returned !== undefined) {
      task.failures = returned.failures
      task.firstFailedMs = returned.firstFailedMs
      delayMs = returned.dueMs - this.#world.clock.nowMs()
    }
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
    return this.#outcomes.keyOf(task) ?? (task.record.key === null ? undefined : keyOf(task))
  }

  #startNext(): boolean {
    if (this.#isStopped || !this.#givingUp.admits()) return false
    const most = this.pauseReason === undefined ? (this.#consumer.batch?.max ?? 1) : 1
    const started = this.#scheduler.take(most)
    if (started === undefined) this.#givingUp.probeUnused()
    else this.#begin(started)
    return started !== undefined
  }

  #touch(run: PartitionRun): void {
    if (run.isTouched) return
    run.isTouched = true
    this.#touched.push(run)
  }

  /** @returns whether there was anything to tell: there may be more to start then */
  #tellTouched(): boolean {
    const touched = this.#touched
    if (touched.length === 0) return false
    this.#touched = []
    for (const run of touched) {
      run.isTouched = false
      this.#options.touched(run)
    }
    return true
  }

  #begin(started: Started<Task>): void {
    const [first] = started.items as readonly [Task]
    // Before its handler runs, which may itself ask for the end of its consumer.
    this.#underWay.begin(first.run)
    try {
      const outcome = this.#outcomes.of(started.items)
      if (outcome instanceof Promise || first.redrive !== undefined) {
        void this.#settleLater(started, outcome)
        return
      }
      this.#settle(started, outcome)
    } catch (error) {
      this.#break(error)
    }
    this.#underWay.end(first.run)
  }

  async #settleLater(started: Started<Task>, outcome: Outcome | Promise<Outcome>): Promise<void> {
    const [first] = started.items as readonly [Task]
    try {
      const known = await outcome
      if (known.kind === 'finished') await this.#sendRedriven(first, known.outputs)
      this.#settle(started, known)
    } catch (error) {
      this.#break(error)
    }
    this.#underWay.end(first.run)
    this.pump()
  }

  /** It must not be passed over, and there is nothing to be done about it. */
  #break(error: unknown): void {
    this.#options.stop(error instanceof Error ? error : new Error(String(error)))
  }

  #settle(started: Started<Task>, outcome: Outcome): void {
    const [first] = started.items as readonly [Task]
    const { run } = first
    const isAlive = run.state === 'open'
    if (outcome.kind === 'again' && isAlive) this.#wait(started, outcome.delayMs)
    else if (outcome.kind === 'held' && isAlive) this.#hold(started)
    else {
      if (outcome.kind === 'finished') this.#finish(started.items, outcome.outputs)
      else this.#handBack(first)
      this.#scheduler.finish(started)
      this.#touch(run)
    }
  }

  #finish(tasks: readonly Task[], outputs: readonly Output[]): void {
    const { run } = tasks[0] as Task
    // A late result: the partition is somebody else's, and the event is handled again there.
    if (run.state === 'closed') return
    const finished: { offset: number; ticket: number }[] = []
    for (const task of tasks) {
      if (task.isFinished || task.ticket === undefined) continue
      task.isFinished = true
      finished.push({ offset: task.offset, ticket: task.ticket })
    }
    if (finished.length === 0) return
    run.finish(finished)
    if (outputs.length === 0) return
    const giveUp = (error: unknown) => this.#refused(tasks, error)
    const firstOffset = finished[0]!.offset
    run.keep({ firstOffset, lastOffset: finished.at(-1)!.offset, outputs, giveUp })
  }

  /** The engine will not take what these events published, however often it is sent. */
  async #refused(tasks: readonly Task[], error: unknown): Promise<void> {
    for (const task of tasks) {
      const outcome = await this.#givingUp.refused(task, error)
      if (outcome.kind !== 'finished') throw error
    }
  }

  /** Of an event that came out of the lot: nothing else is sent for it, or noted. */
  async #sendRedriven(task: Task, outputs: readonly Output[]): Promise<void> {
    const { run, redrive } = task
    if (redrive === undefined) return
    this.#redriving.delete(task)
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
    const ended = this.#underWay.ended(runs)
    return ended === undefined ? Promise.resolve(true) : within(this.#world.timers, waitMs, ended)
  }
}
