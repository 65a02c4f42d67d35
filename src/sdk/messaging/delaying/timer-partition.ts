// One partition of timers in the hands of its owner: knows what waits in it, and publishes what is due.
// Invariants:
//   - What waits is told by the partition alone, so the next owner knows the same.
//   - An event is published together with the record that says so: in one transaction where the engine
//     has them, and refused then once the partition is somebody else's; else the event first.
//   - Nothing is published before its time by the calendar. Waiting is measured by the monotonic clock,
//     in steps, so that a calendar that jumps ahead is noticed within one of them.
//   - What its topic does not take is kept, with what comes later of its key, and tried again.

import type { Timer as Wake } from '../../../host/clock.ts'
import type { IncomingRecord, OutgoingRecord } from '../../events/record.ts'
import { FencedMemberError, UnknownTopicError } from '../../transport/errors.ts'
import type { World } from '../../transport/transport.ts'
import { exponential } from '../failing/backoff.ts'
import type { InternalLog } from '../internal-log.ts'
import type { ParkEntry, ParkedPartition, ParkOutcome, PartitionOwner } from '../parking-lot.ts'
import type { Destinations } from '../publishing/destinations.ts'
import { isRefused } from '../publishing/refused.ts'
import { sleep } from '../running/waiting.ts'
import { deliveredRecord, openedRecord, readTimerRecord } from './timer-record.ts'
import { type WaitingTimer, WaitingTimers } from './waiting-timers.ts'

/** In one transaction; the bytes are a soft limit. */
const MAX_BATCH_EVENTS = 500
const MAX_BATCH_BYTES = 512 * 1024
const MAX_KEPT_BYTES = 8 * 1024 * 1024
const LONGEST_WAIT_MS = 30_000
const RETRY_REFUSED_MS = 10_000
const BACKOFF = exponential('500ms', { max: '30s', jitter: 'none' })

/** An event that is due, and that its topic does not take. It is kept and tried again. */
export interface RefusedEvent {
  readonly source: string
  readonly id: string
  readonly topic: string
  readonly due: Date
  readonly error: unknown
}

export interface TimerPartitionOptions {
  readonly log: InternalLog
  readonly world: World
  readonly owner: PartitionOwner
  readonly destinations: Destinations
  onRefused(refused: RefusedEvent): void
  onWarning(message: string, cause?: unknown): void
  onClosed(): void
}

export class TimerPartition implements ParkedPartition {
  readonly #options: TimerPartitionOptions
  readonly #waiting = new WaitingTimers({ maxKeptBytes: MAX_KEPT_BYTES })
  readonly #closing = new AbortController()
  /** Topics and lanes that are left alone for a while, and what is due of them meanwhile. */
  readonly #blocked = new Set<string>()
  #held: WaitingTimer[] = []
  readonly #refused = new Map<WaitingTimer, RefusedEvent>()
  #retry: Wake | undefined
  #wake: Wake | undefined
  #nextOffset = 0
  #isRestored = false
  #isDelivering = false
  #batchEvents = MAX_BATCH_EVENTS

  constructor(options: TimerPartitionOptions) {
    this.#options = options
  }

  get partition(): number {
    return this.#options.log.partition
  }

  get waiting(): number {
    return this.#waiting.size
  }

  get nextDueMs(): number | undefined {
    return this.#waiting.nextDueMs
  }

  get refused(): readonly RefusedEvent[] {
    return [...this.#refused].flatMap(([timer, refused]) => {
      return this.#waiting.isWaiting(timer) ? [refused] : []
    })
  }

  /** Reads what waits, and begins with what is due. */
  async restore(): Promise<void> {
    for await (const { records, nextOffset } of this.#options.log.all()) {
      this.#take(records, nextOffset)
    }
    await this.#readToMark()
    this.#isRestored = true
    this.#pump()
  }

  /** All records of the partition come here: they stand in the log already, and are only taken in. */
  holds(): boolean {
    return true
  }

  async park({ record }: ParkEntry): Promise<ParkOutcome> {
    this.#take([record], record.offset + 1)
    this.#pump()
    return { kind: 'parked' }
  }

  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#closing.abort()
    this.#wake?.cancel()
    this.#retry?.cancel()
    this.#options.onClosed()
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  async #readToMark(): Promise<void> {
    const reading = this.#options.log.upTo(
      openedRecord(),
      () => this.#nextOffset,
      this.#closing.signal,
    )
    for await (const { records, nextOffset } of reading) this.#take(records, nextOffset)
  }

  #take(records: readonly IncomingRecord[], nextOffset: number): void {
    for (const record of records) {
      if (record.offset < this.#nextOffset) continue
      const read = readTimerRecord(record)
      if (read.kind === 'foreign') this.#warnOfForeign(record, read.reason)
      this.#waiting.apply(read, record.offset)
    }
    this.#nextOffset = Math.max(this.#nextOffset, nextOffset)
  }

  /** Delivers what is due, or waits for it. Called whenever something may have changed. */
  #pump(): void {
    if (this.#isClosed || !this.#isRestored || this.#isDelivering) return
    this.#wake?.cancel()
    const { nextDueMs } = this.#waiting
    if (nextDueMs === undefined) return
    const { clock, timers } = this.#options.world
    const waitMs = nextDueMs - clock.nowMs()
    if (waitMs > 0) {
      this.#wake = timers.after(Math.min(waitMs, LONGEST_WAIT_MS), () => this.#pump())
      return
    }
    this.#isDelivering = true
    void this.#deliverDue().finally(() => {
      this.#isDelivering = false
      this.#pump()
    })
  }

  async #deliverDue(): Promise<void> {
    for (let troubles = 0; !this.#isClosed; ) {
      const due = this.#takeBatch()
      if (due.length === 0) return
      try {
        await this.#deliver(due)
        troubles = 0
        this.#batchEvents = Math.min(MAX_BATCH_EVENTS, 2 * this.#batchEvents)
      } catch (error) {
        this.#waiting.putBack(due)
        if (!this.#isRefused(due, error)) await this.#recover(error, ++troubles)
      }
    }
  }

  #takeBatch(): readonly WaitingTimer[] {
    const nowMs = this.#options.world.clock.nowMs()
    const batch: WaitingTimer[] = []
    let bytes = 0
    while (batch.length < this.#batchEvents && bytes < MAX_BATCH_BYTES) {
      const timer = this.#waiting.takeDue(nowMs)
      if (timer === undefined) break
      if (this.#blocked.has(timer.topic) || this.#blocked.has(timer.lane)) this.#held.push(timer)
      else {
        batch.push(timer)
        bytes += timer.bytes
      }
    }
    return batch
  }

  async #deliver(due: readonly WaitingTimer[]): Promise<void> {
    const { destinations, log, owner } = this.#options
    const outputs: { timer: WaitingTimer; topic: string; record: OutgoingRecord }[] = []
    for (const timer of due) {
      const record = timer.record ?? (await this.#readAgain(timer))
      if (record !== undefined) outputs.push({ timer, topic: timer.topic, record })
    }
    if (outputs.length === 0) return
    const ends = outputs.map(({ timer }) => deliveredRecord(timer.name))
    await owner.send([...(await destinations.gather(outputs)), log.request(ends)])
    for (const { timer } of outputs) {
      this.#waiting.delivered(timer)
      this.#refused.delete(timer)
    }
  }

  /** @returns undefined when it has another time by now */
  async #readAgain(timer: WaitingTimer): Promise<OutgoingRecord | undefined> {
    const { log, onWarning } = this.#options
    const record = await log.at(timer.offset)
    const read = record === undefined ? undefined : readTimerRecord(record)
    if (read?.kind === 'timer') return read.timer.record
    // A newer record has taken its place, and is read before anything is concluded.
    await this.#readToMark()
    if (this.#waiting.isWaiting(timer)) {
      this.#waiting.lost(timer)
      onWarning(`The delayed event ${timer.name} was removed from ${log.topic}: it is lost.`)
    }
    return undefined
  }

  /** @returns whether the engine will not take some of them, however often they are sent */
  #isRefused(due: readonly WaitingTimer[], error: unknown): boolean {
    if (error instanceof UnknownTopicError) {
      const concerned = due.filter(({ topic }) => topic === error.topic)
      if (concerned.length === 0) return false
      this.#block(error.topic, concerned, error)
      return true
    }
    if (!isRefused(error)) return false
    const [only] = due
    if (due.length > 1) this.#batchEvents = Math.ceil(due.length / 2)
    else if (only !== undefined) this.#block(only.lane, due, error)
    return true
  }

  #block(what: string, timers: readonly WaitingTimer[], error: unknown): void {
    this.#blocked.add(what)
    for (const timer of timers) {
      const isNew = !this.#refused.has(timer)
      const [source, id] = splitName(timer.name)
      const refused = { source, id, topic: timer.topic, due: new Date(timer.dueMs), error }
      this.#refused.set(timer, refused)
      if (isNew) this.#options.onRefused(refused)
    }
    this.#retry ??= this.#options.world.timers.after(RETRY_REFUSED_MS, () => this.#retryRefused())
  }

  #retryRefused(): void {
    this.#retry = undefined
    for (const timer of this.#refused.keys()) {
      if (!this.#waiting.isWaiting(timer)) this.#refused.delete(timer)
    }
    this.#blocked.clear()
    this.#waiting.putBack(this.#held)
    this.#held = []
    this.#pump()
  }

  /** What failed may have been written all the same: nothing is sent before that is known. */
  async #recover(error: unknown, troubles: number): Promise<void> {
    const { timers, random } = this.#options.world
    let trouble = error
    for (let count = troubles; !this.#isClosed; count++) {
      // Whoever is put out of the group is told that the partition is gone.
      if (!(trouble instanceof FencedMemberError)) this.#warn(trouble)
      await sleep(timers, BACKOFF.delayMs(count, random), this.#closing.signal)
      if (this.#isClosed) return
      try {
        return await this.#readToMark()
      } catch (again) {
        trouble = again
      }
    }
  }

  #warn(cause: unknown): void {
    const { log, onWarning } = this.#options
    const where = `Partition ${log.partition} of ${log.topic}`
    if (!this.#isClosed) onWarning(`${where} met an error, and goes on trying.`, cause)
  }

  #warnOfForeign({ offset }: IncomingRecord, reason: string): void {
    const { log, onWarning } = this.#options
    const where = `Record ${offset} of ${log.topic}, partition ${log.partition},`
    onWarning(`${where} is no delayed event, and is left alone: ${reason}.`)
  }
}

/** A source has no spaces. */
function splitName(name: string): readonly [source: string, id: string] {
  const at = name.indexOf(' ')
  return [name.slice(0, at), name.slice(at + 1)]
}
