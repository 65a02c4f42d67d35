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
import type { MemoryBroker } from './broker.ts'
import type { Group, Membership, Participant } from './group.ts'
import { keyOf } from './group-offsets.ts'
import { recordBytes } from './partition-log.ts'
import type { OpenTransaction } from './transactions.ts'

const DEFAULT_REBALANCE_TIMEOUT_MS = 60_000
/** As Kafka's `offset.metadata.max.bytes`. */
const MAX_METADATA_BYTES = 4096

interface Reading extends TopicPartition {
  nextOffset: number
  paused: boolean
}

export class MemoryMember implements GroupMember, Participant {
  readonly group: string
  readonly topics: readonly string[]
  readonly startAt: JoinOptions['startAt']
  readonly rebalanceTimeoutMs: number
  readonly #options: JoinOptions
  readonly #broker: MemoryBroker
  readonly #coordinator: Group
  #membership: Membership | undefined
  /** In the order of their turns: who has just been read goes to the end. */
  #reading: Reading[] = []
  readonly #revoking = new Set<Promise<void>>()
  readonly #wakers = new Set<() => void>()
  #failure: Error | undefined
  #leaving: Promise<void> | undefined

  constructor(broker: MemoryBroker, options: JoinOptions) {
    this.group = options.group
    this.topics = options.topics
    this.startAt = options.startAt
    this.rebalanceTimeoutMs = options.rebalanceTimeoutMs ?? DEFAULT_REBALANCE_TIMEOUT_MS
    this.#options = options
    this.#broker = broker
    this.#coordinator = broker.group(options.group)
  }

  join(): void {
    if (this.#leaving === undefined && this.#failure === undefined) {
      this.#membership = this.#coordinator.join(this)
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
      const fetched = this.#read(request.maxBytes)
      if (fetched.length > 0) return fetched
      await this.#somethingNew(request.signal)
    }
  }

  pause(partitions: readonly TopicPartition[]): void {
    for (const reading of this.#find(partitions)) reading.paused = true
  }

  resume(partitions: readonly TopicPartition[]): void {
    for (const reading of this.#find(partitions)) reading.paused = false
    this.#wake()
  }

  seek(partition: TopicPartition, offset: number): void {
    for (const reading of this.#find([partition])) reading.nextOffset = offset
    this.#wake()
  }

  async commit(offsets: readonly OffsetCommit[]): Promise<void> {
    this.#checkMetadata(offsets)
    this.#coordinator.commit(this.#membership, offsets)
  }

  commitWith(transaction: OpenTransaction, offsets: readonly OffsetCommit[]): void {
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
    for (const { topic, partition, offset } of partitions) {
      this.#reading.push({ topic, partition, nextOffset: offset, paused: false })
    }
    this.#options.onAssigned(partitions)
    this.#wake()
  }

  revoke(partitions: readonly TopicPartition[]): Promise<void> {
    this.#forget(partitions)
    const revoking = this.#callRevoked(partitions).finally(() => this.#revoking.delete(revoking))
    this.#revoking.add(revoking)
    return revoking
  }

  lose(partitions: readonly TopicPartition[]): void {
    this.#membership = undefined
    this.#forget(partitions)
    if (partitions.length > 0) this.#options.onLost(partitions)
    void Promise.all(this.#revoking).then(() => this.join())
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
      this.#fail(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #fail(error: Error): void {
    if (this.#failure !== undefined) return
    this.#failure = error
    this.#reading = []
    if (this.#membership !== undefined) this.#coordinator.remove(this.#membership)
    this.#membership = undefined
    this.#options.onFailed(error)
    this.#wake()
  }

  async #leave(): Promise<void> {
    const membership = this.#membership
    this.#wake()
    if (membership === undefined) return
    const held = [...membership.held.values()].filter(
      (place) => !membership.revoking.has(keyOf(place)),
    )
    for (const place of held) membership.revoking.add(keyOf(place))
    if (held.length > 0) void this.revoke(held)
    await this.#waitAtMost(Promise.all(this.#revoking), this.rebalanceTimeoutMs)
    if (this.#membership === membership) this.#coordinator.remove(membership)
    this.#membership = undefined
  }

  #waitAtMost(work: Promise<unknown>, limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#broker.world.timers.after(limitMs, resolve)
      void work.then(() => {
        timer.cancel()
        resolve()
      })
    })
  }

  #read(maxBytes: number): readonly FetchedPartition[] {
    const fetched: FetchedPartition[] = []
    let left = maxBytes
    for (const reading of [...this.#reading]) {
      if (reading.paused || left <= 0) continue
      const log = this.#broker.log(reading)
      const { records, nextOffset, endOffset } = log.read(reading.nextOffset, left)
      if (nextOffset <= reading.nextOffset) continue
      const { topic, partition } = reading
      reading.nextOffset = nextOffset
      this.#reading = [...this.#reading.filter((other) => other !== reading), reading]
      fetched.push({ topic, partition, records, nextOffset, endOffset })
      left -= records.reduce((bytes, record) => bytes + recordBytes(record), 0)
    }
    return fetched
  }

  #somethingNew(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        for (const stop of stops) stop()
        resolve()
      }
      const stops = this.#reading.map((reading) => this.#broker.log(reading).watch(wake))
      this.#wakers.add(wake)
      stops.push(() => this.#wakers.delete(wake))
      signal.addEventListener('abort', wake)
      stops.push(() => signal.removeEventListener('abort', wake))
    })
  }

  #wake(): void {
    for (const wake of [...this.#wakers]) wake()
  }

  #find(partitions: readonly TopicPartition[]): readonly Reading[] {
    const keys = new Set(partitions.map(keyOf))
    return this.#reading.filter((reading) => keys.has(keyOf(reading)))
  }

  #forget(partitions: readonly TopicPartition[]): void {
    const gone = new Set(this.#find(partitions))
    this.#reading = this.#reading.filter((reading) => !gone.has(reading))
  }
}
