// A consumer at work: polls its member, hands events to `Handling`, commits what is finished, and gives
// partitions up in good order. It ends only when it is closed or its definition says to stop; whatever
// the engine does, it tries again.

import { MillraceError } from '../../events/errors.ts'
import { FencedMemberError } from '../../transport/errors.ts'
import type {
  AssignedPartition,
  GroupMember,
  TopicPartition,
} from '../../transport/group-member.ts'
import type { Transport, World } from '../../transport/transport.ts'
import type { Consumer } from '../consumer.ts'
import { type Backoff, exponential } from '../failing/backoff.ts'
import { type ConsumerLimits, DEFAULT_LIMITS } from '../limits.ts'
import type { ConsumerNotification, PauseReason, Untold } from '../notifications.ts'
import type { Outgoing } from '../outgoing.ts'
import type { ParkingLot } from '../parking-lot.ts'
import type { Destinations } from '../publishing/destinations.ts'
import { CommitLoop } from './commit-loop.ts'
import { Committer, type Together } from './committer.ts'
import type { Skipped } from './giving-up.ts'
import { Handling } from './handling.ts'
import { PartitionRun, partitionId } from './partition-run.ts'
import { retryTopicOf } from './retry-topic.ts'
import { sleep, watchEventLoop, within } from './waiting.ts'

const MIN_POLL_BYTES = 65_536

export interface ConsumerRunOptions {
  readonly consumer: Consumer
  readonly service: string
  readonly transport: Transport
  readonly outgoing: Outgoing
  readonly destinations: Destinations
  readonly lot: ParkingLot
  readonly limits?: Partial<ConsumerLimits>
  notify?(notification: ConsumerNotification): void
}

export interface ConsumerStatus {
  readonly group: string
  readonly state: 'running' | 'paused' | 'closing' | 'closed' | 'stopped'
  readonly pauseReason: PauseReason | undefined
  /** Handlers that run at this moment. */
  readonly running: number
  /** Since it was started. */
  readonly skipped: Skipped
  readonly partitions: readonly PartitionStatus[]
}

export interface PartitionStatus extends TopicPartition {
  /** Everything before it is finished. */
  readonly watermark: number
  readonly buffered: number
  /** Offsets that can be read and are not finished; undefined before anything was fetched. */
  readonly lag: number | undefined
}

export class ConsumerRun {
  readonly #options: ConsumerRunOptions
  readonly #consumer: Consumer
  readonly #limits: ConsumerLimits
  readonly #handling: Handling
  readonly #committer: Committer
  readonly #commits: CommitLoop
  readonly #world: World
  readonly #runs = new Map<string, PartitionRun>()
  readonly #trouble: Backoff
  readonly #closing = new AbortController()
  #member: GroupMember | undefined
  #loop: Promise<void> = Promise.resolve()
  #closed: Promise<void> | undefined
  #endWatch: (() => void) | undefined
  #state: 'running' | 'closing' | 'closed' | 'stopped' = 'running'

  constructor(options: ConsumerRunOptions) {
    const { consumer, transport } = options
    this.#options = options
    this.#consumer = consumer
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits }
    this.#committer = new Committer({
      ...options,
      group: consumer.group,
      held: () => this.#places(),
    })
    this.#world = transport.world
    this.#commits = new CommitLoop({
      committer: this.#committer,
      world: this.#world,
      limits: this.#limits,
      closing: this.#closing.signal,
      member: () => this.#member,
      runs: () => this.#runs.values(),
      committed: (run) => this.#touched(run),
      notify: (notification) => this.#notify(notification),
    })
    this.#handling = new Handling({
      consumer,
      outgoing: options.outgoing,
      world: this.#world,
      limits: this.#limits,
      notify: (notification) => this.#notify(notification),
      touched: (run) => this.#touched(run),
      commitNow: (run) => this.#commits.untilDone(run),
      sendTogether: (run, records) => this.#sendTogether(run, records),
      stop: (error) => this.#stopFor(error),
    })
    this.#trouble = exponential(`${this.#limits.troubleDelayMs}ms`, {
      max: `${this.#limits.maxTroubleDelayMs}ms`,
      jitter: 'none',
    })
  }

  /** Resolves once it reads; what can be set up has been. */
  async start(): Promise<void> {
    const { destinations, transport } = this.#options
    const { from, group, retry, dedupe } = this.#consumer
    await dedupe?.prepare()
    if (retry.mode === 'retry-topic') {
      const counts = await Promise.all(from.map(({ name }) => destinations.lookUp(name)))
      const spec = { name: retryTopicOf(group), partitions: Math.max(...counts) }
      await transport.administration.ensureTopics([spec])
    }
    this.#endWatch = watchEventLoop(this.#world, this.#limits.eventLoopHeldMs, (forMs) => {
      this.#notify({ kind: 'event-loop-held', forMs })
    })
    this.#loop = this.#run()
  }

  status(): ConsumerStatus {
    const { pauseReason, running, skipped } = this.#handling
    const partitions = [...this.#runs.values()].map((run) => ({
      ...run.place,
      watermark: run.watermark,
      buffered: this.#handling.loadOf(run).count,
      lag: run.lag,
    }))
    const isPaused = this.#state === 'running' && pauseReason !== undefined
    const state = isPaused ? 'paused' : this.#state
    return { group: this.#consumer.group, state, pauseReason, running, skipped, partitions }
  }

  /**
   * Reads no more, lets handlers finish, aborts those that are left, commits, leaves: each with a limit
   * to its time. Idempotent.
   */
  close(options: { readonly drainMs?: number } = {}): Promise<void> {
    if (this.#state === 'running') this.#state = 'closing'
    this.#closed ??= this.#shutDown(options.drainMs ?? this.#limits.revokeWaitMs)
    return this.#closed
  }

  async #run(): Promise<void> {
    for (let troubles = 0; !this.#closing.signal.aborted; ) {
      try {
        await this.#stay(() => {
          troubles = 0
        })
      } catch (error) {
        if (this.#closing.signal.aborted) return
        this.#dropAll()
        if (isFinal(error)) return this.#stopFor(error)
        this.#notify({ kind: 'rejoining', error })
        troubles++
        await this.#pause(troubles)
      }
    }
  }

  /** One stay in the group; ends when the consumer closes, or by what the member cannot go on with. */
  async #stay(onFetched: () => void): Promise<void> {
    const { from, group, startAt, retry } = this.#consumer
    const topics = from.map(({ name }) => name)
    const member = await this.#options.transport.join({
      group,
      topics: retry.mode === 'retry-topic' ? [...topics, retryTopicOf(group)] : topics,
      startAt,
      onAssigned: (partitions) => this.#assigned(partitions),
      onRevoked: (partitions) => this.#revoked(partitions),
      onLost: (partitions) => this.#lost(partitions),
      // The poll that is under way, or the next one, throws the same.
      onFailed: () => undefined,
    })
    const { signal } = this.#closing
    if (signal.aborted) return member.leave()
    this.#member = member
    while (!signal.aborted) {
      const most = Math.min(this.#limits.maxPollBytes, this.#byteShare / 2)
      const maxBytes = Math.max(MIN_POLL_BYTES, most)
      const fetched = await member.poll({ maxBytes, signal })
      onFetched()
      for (const part of fetched) {
        const run = this.#runs.get(partitionId(part))
        if (run === undefined) continue
        run.fetched(part)
        this.#noteLag(run)
        this.#handling.offer(run)
        this.#touched(run)
        this.#pauseIfFull(run)
      }
    }
  }

  #assigned(partitions: readonly AssignedPartition[]): void {
    for (const assigned of partitions) {
      const run = new PartitionRun(assigned, this.#limits.maxUncommittedEvents)
      this.#runs.set(run.id, run)
      void this.#open(run)
    }
    this.#notify({ kind: 'assigned', partitions: partitions.map(placeOf) })
  }

  /**
   * Before the first event: which keys are parked, and a commit that says that somebody works here. It
   * also pins where a group without commits begins.
   */
  async #open(run: PartitionRun): Promise<void> {
    let opened: (() => void) | undefined
    const isOpen = new Promise<void>((resolve) => {
      opened = resolve
    })
    for (let troubles = 1; run.lot === undefined && run.state === 'opening'; troubles++) {
      try {
        const lot = await this.#options.lot.open(run.place, {
          handle: async (record, alongside) => {
            await isOpen
            return this.#handling.redrive(run, record, alongside)
          },
          committedBelow: () => run.committedOffset,
          send: async (requests) => {
            await isOpen
            // What is given up has nothing by which the engine could refuse it, or soon belongs to others.
            if (run.state !== 'open') throw new FencedMemberError(this.#consumer.group)
            await this.#sendTogether(run, { outputs: [], alongside: requests })
          },
        })
        // It may be gone by now, and then nobody else would close the lot.
        if (run.state === 'opening') run.lot = lot
        else await lot.close()
      } catch (error) {
        this.#notify({ kind: 'lot-unreadable', partition: run.place, error })
        await this.#pause(troubles)
      }
    }
    await this.#commits.untilDone(run)
    if (run.state === 'opening') run.state = 'open'
    opened?.()
    this.#handling.offer(run)
    this.#touched(run)
  }

  async #sendTogether(run: PartitionRun, records: Together): Promise<void> {
    if (this.#member === undefined) throw new FencedMemberError(this.#consumer.group)
    await this.#committer.sendTogether(this.#member, run, records)
  }

  async #revoked(partitions: readonly TopicPartition[]): Promise<void> {
    const runs = this.#find(partitions)
    await this.#giveUp(runs, this.#limits.revokeWaitMs)
    this.#notify({ kind: 'revoked', partitions: partitions.map(placeOf) })
  }

  #lost(partitions: readonly TopicPartition[]): void {
    const runs = this.#find(partitions)
    this.#handling.abandon(runs)
    for (const run of runs) this.#forget(run)
    this.#notify({ kind: 'lost', partitions: partitions.map(placeOf) })
  }

  async #giveUp(runs: readonly PartitionRun[], waitMs: number): Promise<void> {
    await this.#handling.release(runs, waitMs)
    await this.#bounded(this.#limits.abortGraceMs, this.#commits.last(runs))
    for (const run of runs) {
      run.state = 'closed'
      this.#forget(run)
    }
  }

  #dropAll(): void {
    const runs = [...this.#runs.values()]
    this.#handling.abandon(runs)
    for (const run of runs) this.#forget(run)
    const member = this.#member
    this.#member = undefined
    // It has failed or cannot be reached: leaving is a courtesy to the others of the group.
    void member?.leave().catch(() => undefined)
  }

  #forget(run: PartitionRun): void {
    if (this.#runs.get(run.id) === run) this.#runs.delete(run.id)
    void run.lot?.close().catch((error: unknown) => {
      this.#notify({ kind: 'lot-unreadable', partition: run.place, error })
    })
  }

  /** Something was finished, or there is room again. */
  #touched(run: PartitionRun): void {
    if (run.state !== 'open') return
    this.#handling.offer(run)
    this.#resumeIfRoom(run)
    this.#commits.touched(run)
  }

  #pauseIfFull(run: PartitionRun): void {
    const { count, bytes } = this.#handling.loadOf(run)
    if (run.isPaused || (count < this.#eventShare && bytes < this.#byteShare)) return
    run.isPaused = true
    this.#member?.pause([run.place])
  }

  #resumeIfRoom(run: PartitionRun): void {
    if (!run.isPaused) return
    const { count, bytes } = this.#handling.loadOf(run)
    if (count * 2 > this.#eventShare || bytes * 2 > this.#byteShare) return
    run.isPaused = false
    this.#member?.resume([run.place])
  }

  /** Each partition has its share of the room, so that a busy one cannot starve another. */
  get #eventShare(): number {
    return Math.max(2, this.#limits.maxBufferedEvents / Math.max(1, this.#runs.size))
  }

  get #byteShare(): number {
    return this.#limits.maxBufferedBytes / Math.max(1, this.#runs.size)
  }

  #noteLag(run: PartitionRun): void {
    const isLagging = (run.lag ?? 0) >= this.#limits.lagThreshold
    if (isLagging && !run.isLagging) {
      this.#notify({ kind: 'lagging', partition: run.place, lag: run.lag ?? 0 })
    }
    run.isLagging = isLagging
  }

  #stopFor(error: unknown): void {
    if (this.#state !== 'running') return
    this.#state = 'stopped'
    this.#notify({ kind: 'stopped', error })
    void this.close()
  }

  async #shutDown(drainMs: number): Promise<void> {
    this.#handling.stop()
    this.#closing.abort()
    this.#commits.close()
    this.#endWatch?.()
    await this.#giveUp([...this.#runs.values()], drainMs)
    await this.#bounded(this.#limits.abortGraceMs, this.#leave())
    this.#handling.close()
    if (this.#state === 'closing') this.#state = 'closed'
  }

  async #leave(): Promise<void> {
    await this.#loop
    await this.#member?.leave()
    await this.#committer.close()
  }

  #find(partitions: readonly TopicPartition[]): PartitionRun[] {
    return partitions.flatMap((place) => this.#runs.get(partitionId(place)) ?? [])
  }

  #places(): readonly TopicPartition[] {
    return [...this.#runs.values()].map(({ place }) => place)
  }

  /** Not longer than until the consumer closes. */
  #pause(troubles: number): Promise<void> {
    const { timers, random } = this.#world
    return sleep(timers, this.#trouble.delayMs(troubles, random), this.#closing.signal)
  }

  /** Goes on after `limitMs`, whether the work is done or not; what it throws is told. */
  async #bounded(limitMs: number, work: Promise<void>): Promise<void> {
    try {
      await within(this.#world.timers, limitMs, work)
    } catch (error) {
      this.#notify({ kind: 'commit-failed', error })
    }
  }

  #notify(notification: Untold): void {
    const { notify } = this.#options
    notify?.({ ...notification, group: this.#consumer.group })
  }
}

/** Trying again is of no use until somebody changes something. */
function isFinal(error: unknown): error is MillraceError {
  return error instanceof MillraceError && !error.retriable && !(error instanceof FencedMemberError)
}

function placeOf({ topic, partition }: TopicPartition): TopicPartition {
  return { topic, partition }
}
