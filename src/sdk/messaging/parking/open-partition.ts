// One source partition's part of the lot, in the hands of its owner: parks what the consumer gives up,
// and hands back what operators ask for, one event of a key at a time.
// Invariants: what is known comes from the parked topic alone, so the next owner knows the same; an
// event leaves the lot by the record that is written along with what its handler published.

import type { IncomingRecord, OutgoingRecord, Position } from '../../events/record.ts'
import type { TopicPartition } from '../../transport/group-member.ts'
import type { World } from '../../transport/transport.ts'
import type { InternalLog } from '../internal-log.ts'
import type { Failure, ParkEntry, ParkedPartition, ParkOutcome, Redriving } from '../parking-lot.ts'
import { Changes } from './changes.ts'
import { ParkedTopicError } from './errors.ts'
import { keyText, type LotEntry } from './lot-entry.ts'
import { LotState, type OpenRequest, queueOf } from './lot-state.ts'
import {
  leftRecord,
  openedRecord,
  type ParkedEvent,
  parkedRecord,
  readLotRecord,
  requestRecord,
  startedRecord,
} from './parked-record.ts'
import { pause } from './pause.ts'
import { positionKey } from './position-key.ts'
import { endedProcess, failedAgain } from './put-back.ts'

/** Keys that are redriven beside each other. */
const MAX_BUSY_QUEUES = 8
/** A redrive that ended the process so often is given up: the event goes back as `crashed`. */
const MAX_STARTS = 3
const FIRST_BACKOFF_MS = 500
const MAX_BACKOFF_MS = 30_000
/** How soon it is looked again whether what may run has been committed. */
const TURN_WAIT_MS = 50
/** So near to the end of a key that runs, its next event waits for that rather than be written. */
const LAST_EVENTS = 8
const MAX_HOLD_MS = 2000

export interface ParkingLimits {
  /** Events of one key that may wait, the failed one included. */
  readonly perKey: number
  /** Events of one source partition. */
  readonly perPartition: number
  /** Followers that run by themselves, and the upper bound of what a request may ask for. */
  readonly redrivesPerSecond: number
}

/** What became of a parked event. */
export type ParkingNotice =
  | { readonly kind: 'redriven'; readonly group: string; readonly event: Position }
  | {
      readonly kind: 'redrive-failed'
      readonly group: string
      readonly event: Position
      readonly attempts: number
      readonly failure: Failure
    }
  | {
      readonly kind: 'discarded'
      readonly group: string
      readonly event: Position
      readonly reason: string
    }

export interface OpenPartitionOptions {
  readonly source: TopicPartition
  readonly log: InternalLog
  /** Where events of another source partition lie. */
  logOf(source: TopicPartition): InternalLog
  readonly world: World
  readonly redriving: Redriving
  readonly group: string
  readonly codeVersion: string
  readonly limits: ParkingLimits
  onNotice(notice: ParkingNotice): void
  onWarning(message: string, cause?: unknown): void
  onClosed(): void
}

export class OpenPartition implements ParkedPartition {
  readonly #options: OpenPartitionOptions
  readonly #state = new LotState()
  readonly #closing = new AbortController()
  readonly #busy = new Set<string>()
  #nextOffset = 0
  #isRestored = false
  #catchingUp: Promise<void> = Promise.resolve()
  #writing = 0
  #isFinishing = false
  #nextStartMs = 0
  #isPumpDue = false
  /** Something has left, was put back or was read. */
  readonly #changes = new Changes()

  constructor(options: OpenPartitionOptions) {
    this.#options = options
  }

  get parkedPartition(): number {
    return this.#options.log.partition
  }

  get nextOffset(): number {
    return this.#nextOffset
  }

  /** Reads what is parked. */
  async restore(): Promise<void> {
    const { log } = this.#options
    for await (const { records, nextOffset } of log.all()) this.#take(records, nextOffset)
    await this.#readToMark()
    this.#isRestored = true
  }

  async #readToMark(): Promise<void> {
    const { log, source } = this.#options
    const next = () => this.#nextOffset
    const reading = log.upTo(openedRecord(source), next, this.#closing.signal)
    for await (const { records, nextOffset } of reading) this.#take(records, nextOffset)
  }

  /** Begins with what may run. */
  start(): void {
    this.#pump()
  }

  holds(key: Uint8Array, offset?: number): boolean {
    // Asked for each event, of a lot that is nearly always empty.
    return this.#state.size > 0 && this.#state.holds(keyText(key), offset)
  }

  async park(entry: ParkEntry): Promise<ParkOutcome> {
    const { record, reason, failure, holdsKey } = entry
    const { group, codeVersion } = this.#options
    if (!this.#isMine(record)) return this.#parkElsewhere(entry)
    // It came again after a crash: what stands in the topic is as good.
    if (this.#state.entry(record.offset) !== undefined) return { kind: 'parked' }
    if (await this.#isLive(entry)) return { kind: 'live' }
    const limit = this.#limitReached(entry)
    if (limit !== undefined) return { kind: 'full', limit }
    this.#writing++
    try {
      await this.#write({ record, reason, failure, holdsKey, group, codeVersion })
    } finally {
      this.#writing--
    }
    this.#pump()
    return { kind: 'parked' }
  }

  /** It came by a retry topic. Whoever owns the partition it is from reads of it, and has it from then. */
  async #parkElsewhere(entry: ParkEntry): Promise<ParkOutcome> {
    const { group, codeVersion, logOf, world } = this.#options
    const event = { ...entry, group, codeVersion }
    await logOf(entry.record).append([parkedRecord(event, world.clock.nowMs())])
    return { kind: 'parked' }
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#changes.happened()
    this.#options.onClosed()
  }

  /** Reads to the end, and acts on what is new. */
  catchUp(): Promise<void> {
    this.#catchingUp = this.#catchingUp.then(() => this.#readOn()).catch(this.#warn)
    return this.#catchingUp
  }

  async #readOn(): Promise<void> {
    for (let end = Number.POSITIVE_INFINITY; this.#nextOffset < end && !this.#isClosed; ) {
      const fetched = await this.#options.log.read(this.#nextOffset, {})
      end = fetched.endOffset
      this.#take(fetched.records, fetched.nextOffset)
    }
    this.#pump()
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted
  }

  #take(records: readonly IncomingRecord[], nextOffset: number): void {
    for (const record of records) {
      if (record.offset < this.#nextOffset) continue
      const lotRecord = readLotRecord(record)
      // What this owner itself has begun it knows better than the topic, which lags behind.
      if (lotRecord.kind === 'started' && this.#isRestored) continue
      const source = lotRecord.kind === 'parked' ? lotRecord.event.record : sourceOf(lotRecord)
      if (source !== undefined && this.#isMine(source)) this.#state.apply(lotRecord, record.offset)
    }
    this.#nextOffset = Math.max(this.#nextOffset, nextOffset)
    this.#changes.happened()
  }

  /**
   * A key whose events come quicker than they are written and redriven would never be live again. So
   * near to its end, a follower waits until the last one has left, and then needs not follow.
   */
  async #isLive({ record, reason }: ParkEntry): Promise<boolean> {
    if (reason !== 'follows' || record.key === null) return false
    const key = keyText(record.key)
    const { clock } = this.#options.world
    const deadlineMs = clock.monotonicMs() + MAX_HOLD_MS
    while (this.#state.isRunning(key) && this.#state.keySize(key) <= LAST_EVENTS) {
      const leftMs = deadlineMs - clock.monotonicMs()
      if (leftMs <= 0 || this.#isClosed) break
      await this.#changes.next(this.#options.world.timers, Math.ceil(leftMs))
    }
    return this.#isClosed || !this.#state.holds(key, record.offset)
  }

  #isMine({ topic, partition }: TopicPartition): boolean {
    const { source } = this.#options
    return topic === source.topic && partition === source.partition
  }

  #limitReached({ record, reason, holdsKey }: ParkEntry): string | undefined {
    const { perKey, perPartition } = this.#options.limits
    if (this.#state.size + this.#writing >= perPartition) {
      return `${perPartition} parked events of one partition`
    }
    const isOrdered = record.key !== null && (holdsKey || reason === 'follows')
    if (isOrdered && this.#state.keySize(keyText(record.key)) >= perKey) {
      return `${perKey} parked events of one key`
    }
    return undefined
  }

  /** @param also written in the same batch, after it */
  async #write(event: ParkedEvent, also: readonly OutgoingRecord[] = []): Promise<void> {
    const { log, world } = this.#options
    const nowMs = world.clock.nowMs()
    const outgoing = parkedRecord(event, nowMs)
    const offset = (await log.append([outgoing, ...also])) - also.length
    const { topic, partition } = log
    const written = { ...outgoing, topic, partition, offset, timestampMs: nowMs }
    this.#state.apply(readLotRecord(written), offset)
  }

  /** Starts whatever may run and has room. Cheap when there is nothing; called after every change. */
  #pump(): void {
    if (this.#isClosed || !this.#isRestored) return
    for (const open of this.#state.requests) {
      if (open.request.kind === 'discard') this.#discard(open, open.request.reason)
    }
    const { redriving } = this.#options
    let isIdle = this.#busy.size === 0
    for (const head of this.#state.runnable()) {
      isIdle = false
      const queue = queueOf(head)
      if (this.#busy.has(queue)) continue
      // What is not committed comes again after a crash, and something of its key before it may too.
      if (head.source.offset >= redriving.committedBelow()) {
        this.#pumpAfter(TURN_WAIT_MS)
        continue
      }
      if (this.#busy.size >= MAX_BUSY_QUEUES) return
      const waitMs = this.#nextStartMs - this.#options.world.clock.monotonicMs()
      if (waitMs > 0) {
        this.#pumpAfter(Math.ceil(waitMs))
        return
      }
      this.#nextStartMs = this.#options.world.clock.monotonicMs() + 1000 / this.#rate()
      void this.#occupy([queue], () => this.#redrive(head))
    }
    if (isIdle) void this.#finishRedrives()
  }

  #pumpAfter(waitMs: number): void {
    if (this.#isPumpDue) return
    this.#isPumpDue = true
    this.#options.world.timers.after(waitMs, () => {
      this.#isPumpDue = false
      this.#pump()
    })
  }

  #rate(): number {
    const asked = this.#state.requests.map(({ request }) =>
      request.kind === 'redrive' ? request.perSecond : Number.POSITIVE_INFINITY,
    )
    return Math.min(this.#options.limits.redrivesPerSecond, ...asked)
  }

  /** Nothing else touches these queues meanwhile. What fails is tried again later. */
  async #occupy(queues: readonly string[], work: () => Promise<void>): Promise<void> {
    for (const queue of queues) this.#busy.add(queue)
    let isInDoubt = false
    for (let backoffMs = FIRST_BACKOFF_MS; ; backoffMs = Math.min(2 * backoffMs, MAX_BACKOFF_MS)) {
      try {
        // What failed may have been written all the same.
        if (isInDoubt) await this.#readToMark()
        await work()
        break
      } catch (error) {
        isInDoubt = true
        this.#warn(error)
        await pause(this.#options.world.timers, backoffMs, this.#closing.signal)
        if (this.#isClosed) break
      }
    }
    for (const queue of queues) this.#busy.delete(queue)
    this.#changes.happened()
    this.#pump()
  }

  async #redrive(head: LotEntry): Promise<void> {
    const { log, redriving, group, world } = this.#options
    const { source } = head
    const entry = this.#state.entry(source.offset)
    if (entry !== head || this.#isClosed) return
    const event = await this.#read(entry)
    const starts = this.#state.starts(source.offset) + 1
    if (starts > MAX_STARTS) {
      return this.#rewrite(endedProcess(event, starts - 1, world.clock.nowMs()))
    }
    await log.append([startedRecord(source, starts)])
    this.#state.apply({ kind: 'started', source, starts }, 0)
    const alongside = [leftRecord(source), startedRecord(source, 0)]
    const outcome = await redriving.handle(event.record, [log.request(alongside)])
    switch (outcome.kind) {
      case 'handled':
        this.#state.leave(source)
        this.#options.onNotice({ kind: 'redriven', group, event: source })
        return
      case 'failed':
        return this.#putBack(event, outcome.failure)
      case 'revoked':
        // The next owner need not count it. When this is not written, it does.
        await log.append([startedRecord(source, starts - 1)]).catch(this.#warn)
        await pause(this.#options.world.timers, MAX_BACKOFF_MS, this.#closing.signal)
    }
  }

  /** @throws ParkedTopicError when the topic has lost it */
  async #read(entry: LotEntry): Promise<ParkedEvent> {
    const { log } = this.#options
    const record = await log.at(entry.parkedOffset)
    const read = record === undefined ? undefined : readLotRecord(record)
    if (read?.kind === 'parked') return read.event
    throw new ParkedTopicError(log.topic, `event ${positionKey(entry.source)} is missing in it.`)
  }

  /** Behind whatever asked for it: it runs again only when somebody asks again. */
  async #putBack(event: ParkedEvent, failure: Failure): Promise<void> {
    const { group, codeVersion } = this.#options
    if (this.#isClosed) return
    const again = failedAgain(event, failure, codeVersion)
    await this.#rewrite(again)
    const { topic, partition, offset } = event.record
    const attempts = again.failure?.attempts ?? 0
    const position = { topic, partition, offset }
    this.#options.onNotice({ kind: 'redrive-failed', group, event: position, attempts, failure })
  }

  async #rewrite(event: ParkedEvent): Promise<void> {
    await this.#write(event, [startedRecord(event.record, 0)])
    this.#state.apply({ kind: 'started', source: event.record, starts: 0 }, 0)
  }

  /** Left for later when some of it is running: it may just be leaving by itself. */
  #discard(open: OpenRequest, reason: string): void {
    const { log, source, group } = this.#options
    const meant = this.#state.meant(open)
    const queues = [...new Set([`request ${open.id}`, ...meant.map(queueOf)])]
    if (queues.some((queue) => this.#busy.has(queue))) return
    void this.#occupy(queues, async () => {
      const left = meant.map((entry) => leftRecord(entry.source, reason))
      await log.append([...left, requestRecord(source, open.id, null)])
      this.#state.requestDone(open.id)
      for (const { source: event } of meant) {
        this.#state.leave(event)
        this.#options.onNotice({ kind: 'discarded', group, event, reason })
      }
    })
  }

  /** Nothing runs and nothing may run: whatever was asked for has been done. */
  async #finishRedrives(): Promise<void> {
    const { log, source } = this.#options
    const redrives = this.#state.requests.filter(({ request }) => request.kind === 'redrive')
    if (redrives.length === 0 || this.#isFinishing) return
    this.#isFinishing = true
    try {
      await log.append(redrives.map(({ id }) => requestRecord(source, id, null)))
      for (const { id } of redrives) this.#state.requestDone(id)
    } catch (error) {
      this.#warn(error) // asked again when the topic is next looked at
    } finally {
      this.#isFinishing = false
    }
  }

  readonly #warn = (error: unknown): void => {
    const { source, log, onWarning } = this.#options
    if (this.#isClosed) return
    const where = `${source.topic}/${source.partition}`
    onWarning(
      `The parking lot of ${where} in ${log.topic} met an error, and goes on trying.`,
      error,
    )
  }
}

function sourceOf(record: Exclude<ReturnType<typeof readLotRecord>, { kind: 'parked' }>) {
  return 'source' in record ? record.source : undefined
}
