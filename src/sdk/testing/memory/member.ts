// A member of a group, as its application sees it: it is polled, and told what it holds. Being alive
// does not depend on polling: a member is heard of as long as its transport is.

import { FencedMemberError, OffsetMetadataTooLargeError } from '../../transport/errors.ts'
import type {
  AssignedPartition,
  FetchedPartition,
  GroupMember,
  JoinOptions,
  OffsetCommit,
  TopicPartition,
} from '../../transport/group-member.ts'
import { type Connection, NoAnswerError, neverAnswered } from './connection.ts'
import { type Group, Membership, type Participant } from './group.ts'
import { keyOf } from './group-offsets.ts'
import { News } from './news.ts'
import { recordBytes } from './partition-log.ts'
import type { OpenTransaction } from './transactions.ts'

const DEFAULT_REBALANCE_TIMEOUT_MS = 60_000
const DEFAULT_SESSION_TIMEOUT_MS = 45_000
/** As Kafka's `offset.metadata.max.bytes`. */
const MAX_METADATA_BYTES = 4096

interface Reading extends TopicPartition {
  nextOffset: number
  paused: boolean
  stopWatching(): void
}

interface Taken {
  readonly reading: Reading
  readonly fromOffset: number
  readonly fetched: FetchedPartition
}

export class MemoryMember implements GroupMember, Participant {
  readonly group: string
  readonly topics: readonly string[]
  readonly startAt: JoinOptions['startAt']
  readonly rebalanceTimeoutMs: number
  readonly #sessionTimeoutMs: number
  readonly #options: JoinOptions
  readonly #connection: Connection
  readonly #coordinator: Group
  #membership: Membership | undefined
  /** In the order of their turns: who has just been read goes to the end. */
  #reading: Reading[] = []
  readonly #revoking = new Set<Promise<void>>()
  /** What could make a waiting poll go on. */
  readonly #news = new News()
  #failure: Error | undefined
  #leaving: Promise<void> | undefined

  constructor(connection: Connection, options: JoinOptions) {
    this.group = options.group
    this.topics = options.topics
    this.startAt = options.startAt
    this.rebalanceTimeoutMs = options.rebalanceTimeoutMs ?? DEFAULT_REBALANCE_TIMEOUT_MS
    this.#sessionTimeoutMs = options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS
    this.#options = options
    this.#connection = connection
    this.#coordinator = connection.broker.group(options.group)
    connection.onDeath(() => this.#fallSilent())
  }

  join(): void {
    if (this.#leaving === undefined && this.#failure === undefined) {
      this.#membership = new Membership(this)
      this.#coordinator.join(this.#membership)
    }
  }

  async poll(request: {
    maxBytes: number
    signal: AbortSignal
  }): Promise<readonly FetchedPartition[]> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure
      if (this.#leaving !== undefined) throw new FencedMemberError(this.group)
      if (request.signal.aborted) return []
      this.#drawFaults()
      const { count } = this.#news
      const taken = await this.#connection.request(() => this.#read(request.maxBytes))
      const wanted = taken.filter((one) => this.#stillWanted(one))
      if (wanted.length > 0) return wanted.map((one) => one.fetched)
      if (taken.length === 0) await this.#news.since(count, request.signal)
    }
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const reading of this.#find(partitions)) reading.paused = true
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const reading of this.#find(partitions)) reading.paused = false
    this.#news.note()
  }

  seek(partition: TopicPartition, offset: number): void {
    for (const reading of this.#find([partition])) reading.nextOffset = offset
    this.#news.note()
  }

  commit(offsets: readonly OffsetCommit[]): Promise<void> {
    const work = () => {
      this.#drawFaults()
      this.#checkMetadata(offsets)
      this.#coordinator.commit(this.#membership, offsets)
    }
    const lost = () => new NoAnswerError(`The commit of group ${this.group}`)
    return this.#connection.request(work, { commits: true, lost })
  }

  commitWith(transaction: OpenTransaction, offsets: readonly OffsetCommit[]): void {
    this.#drawFaults()
    this.#checkMetadata(offsets)
    this.#coordinator.commitWith(transaction, this.#membership, offsets)
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.leave()
  }

  assign(partitions: readonly AssignedPartition[]): void {
    if (this.#connection.isDead) return
    for (const { topic, partition, offset } of partitions) {
      const log = this.#connection.broker.log({ topic, partition })
      const stopWatching = log.watch(this.#news.note)
      this.#reading.push({ topic, partition, nextOffset: offset, paused: false, stopWatching })
    }
    try {
      this.#options.onAssigned(partitions)
    } catch (error) {
      this.#fail(error)
    }
    this.#news.note()
  }

  revoke(partitions: readonly TopicPartition[]): Promise<void> {
    if (this.#connection.isDead) return neverAnswered()
    this.#forget(partitions)
    const revoking = this.#callRevoked(partitions).finally(() => this.#revoking.delete(revoking))
    this.#revoking.add(revoking)
    return revoking
  }

  lose(partitions: readonly TopicPartition[]): void {
    this.#membership = undefined
    this.#forget(partitions)
    if (this.#connection.isDead) return
    if (partitions.length > 0) this.#options.onLost(partitions)
    void Promise.all(this.#revoking).then(() => this.join())
  }

  /** A dead process sends no heartbeats; the group notices once its session is over. */
  #fallSilent(): void {
    const membership = this.#membership
    if (membership === undefined) return
    this.#connection.broker.world.timers.after(this.#sessionTimeoutMs, () =>
      this.#coordinator.fence(membership),
    )
  }

  #drawFaults(): void {
    const { faults } = this.#connection
    const membership = this.#membership
    if (faults === undefined || membership === undefined || this.#reading.length === 0) return
    const readAhead = this.#reading.some(
      (reading) => reading.nextOffset > this.#coordinator.positionOf(membership, reading),
    )
    if (readAhead && faults.fires('redelivery')) this.#coordinator.fence(membership)
    else if (membership.settled.length > 0 && faults.fires('rebalance'))
      this.#coordinator.takeAllBack(membership)
  }

  #checkMetadata(offsets: readonly OffsetCommit[]): void {
    for (const { metadata } of offsets) {
      const bytes = Buffer.byteLength(metadata)
      if (bytes <= MAX_METADATA_BYTES) continue
      throw new OffsetMetadataTooLargeError({
        group: this.group,
        bytes,
        maxBytes: MAX_METADATA_BYTES,
      })
    }
  }

  async #callRevoked(partitions: readonly TopicPartition[]): Promise<void> {
    try {
      await this.#options.onRevoked(partitions)
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(reason: unknown): void {
    if (this.#failure !== undefined) return
    const error = reason instanceof Error ? reason : new Error(String(reason))
    this.#failure = error
    this.#forget(this.#reading)
    if (this.#membership !== undefined) this.#coordinator.remove(this.#membership)
    this.#membership = undefined
    this.#options.onFailed(error)
    this.#news.note()
  }

  async #leave(): Promise<void> {
    const membership = this.#membership
    if (this.#connection.isDead) return neverAnswered()
    this.#news.note()
    if (membership === undefined) return
    const held = membership.settled
    for (const place of held) membership.revoking.add(keyOf(place))
    if (held.length > 0) void this.revoke(held)
    await this.#waitAtMost(Promise.all(this.#revoking), this.rebalanceTimeoutMs)
    if (this.#membership === membership) this.#coordinator.remove(membership)
    this.#membership = undefined
  }

  #waitAtMost(work: Promise<unknown>, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#connection.broker.world.timers.after(limitMs, resolve)
      void work.then(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  #read(maxBytes: number): readonly Taken[] {
    const taken: Taken[] = []
    let left = maxBytes
    for (const reading of [...this.#reading]) {
      if (reading.paused || left <= 0) continue
      const { topic, partition, nextOffset: fromOffset } = reading
      const fetched = this.#connection.broker.log(reading).read(fromOffset, left)
      if (fetched.nextOffset <= fromOffset) continue
      reading.nextOffset = fetched.nextOffset
      this.#reading = [...this.#reading.filter((other) => other !== reading), reading]
      taken.push({ reading, fromOffset, fetched: { topic, partition, ...fetched } })
      left -= fetched.records.reduce((bytes, record) => bytes + recordBytes(record), 0)
    }
    return taken
  }

  /** While an answer was on its way, its partition may have been given up, sought or paused. */
  #stillWanted({ reading, fromOffset, fetched }: Taken): boolean {
    if (!this.#reading.includes(reading) || reading.nextOffset !== fetched.nextOffset) return false
    if (reading.paused) reading.nextOffset = fromOffset
    return !reading.paused
  }

  #find(partitions: readonly TopicPartition[]): readonly Reading[] {
    const keys = new Set(partitions.map(keyOf))
    return this.#reading.filter((reading) => keys.has(keyOf(reading)))
  }

  #forget(partitions: readonly TopicPartition[]): void {
    const gone = new Set(this.#find(partitions))
    for (const reading of gone) reading.stopWatching()
    this.#reading = this.#reading.filter((reading) => !gone.has(reading))
  }
}
