// Sends batches to their partitions: one lane each, driven by what comes back. Passing failures are
// repeated inside, until a batch's deadline.

import type { OutgoingRecord } from '../../sdk/events/record.ts'
import { SendError, UnknownTopicError } from '../../sdk/transport/errors.ts'
import type { SendRequest, SentRecords } from '../../sdk/transport/producer.ts'
import { type Cluster, NO_EPOCH } from './cluster.ts'
import { Code, isPassing, reasonOf, refusal } from './errors.ts'
import { nameOf } from './offsets.ts'
import { Outlet } from './outlet.ts'
import { type BatchAnswer, PartitionLane, type ProducerIdentity } from './partition-lane.ts'
import { type Compression, encodeBatch, stampProducer } from './record-batch.ts'
import { Bell, waitFor } from './waiting.ts'

export interface SenderOptions {
  readonly compression: Compression
  readonly deliveryTimeoutMs: number
  readonly transactionalId: string | null
  /** Its connections are its own. */
  readonly purpose: string
  /** Asked before a batch of the lane goes that has none. */
  identify(): Promise<ProducerIdentity>
  /** Before a batch of the lane goes: what has to be known to others first. */
  prepare(lane: PartitionLane): Promise<void>
}

/** Why a batch cannot go. */
interface Obstacle {
  readonly cause: unknown
  readonly isFinal: boolean
}

/** A topic that is being made is not known everywhere at once; one that stays unknown is a mistake. */
const UNKNOWN_TOPIC_PATIENCE_MS = 3000

export class Sender {
  readonly #cluster: Cluster
  readonly #options: SenderOptions
  readonly #lanes = new Map<string, PartitionLane>()
  readonly #bells = new Map<PartitionLane, Bell>()
  readonly #outlets = new Map<number, Outlet>()
  readonly #driving = new Map<PartitionLane, Promise<void>>()
  #isClosed = false

  constructor(cluster: Cluster, options: SenderOptions) {
    this.#cluster = cluster
    this.#options = options
  }

  async send({ topic, partition, records }: SendRequest): Promise<SentRecords> {
    this.#cluster.expectOpen()
    if (this.#isClosed) {
      throw new SendError({
        message: `Records for ${topic}-${partition} came after the producer was closed.`,
        topic,
        partition,
        retriable: false,
        outcome: 'not-written',
      })
    }
    const lane = this.#lane(topic, partition)
    const batch = lane.add(records, this.#encode(records), this.#deadline())
    this.#bells.get(lane)!.ring()
    if (!this.#driving.has(lane)) this.#driving.set(lane, this.#drive(lane))
    try {
      const { baseOffset } = await batch.settle.promise
      // The answer has none. Whoever took the batch leads by what was heard before it was sent.
      const leaderEpoch = this.#cluster.topic(topic)?.leaderEpochs[partition] ?? NO_EPOCH
      return { baseOffset, leaderEpoch }
    } catch (error) {
      const isUnknown = error instanceof SendError && error.cause instanceof UnknownTopicError
      throw isUnknown ? error.cause : error
    }
  }

  /** Until nothing is under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#driving.values())
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await this.settled()
    await this.#cluster.hangUp(this.#options.purpose)
  }

  /** Gives up on what has not left yet. */
  failAll(cause: unknown): void {
    for (const lane of this.#lanes.values()) {
      lane.failAll(troubleOf(cause))
      this.#bells.get(lane)!.ring()
    }
  }

  takeIdentity(identity: ProducerIdentity): void {
    for (const lane of this.#lanes.values()) lane.takeIdentity(identity)
  }

  #encode(records: readonly OutgoingRecord[]): Buffer {
    const nowMs = this.#cluster.world.clock.nowMs()
    return encodeBatch(records, { nowMs, compression: this.#options.compression })
  }

  #deadline(): number {
    return this.#cluster.world.clock.monotonicMs() + this.#options.deliveryTimeoutMs
  }

  #lane(topic: string, partition: number): PartitionLane {
    const key = `${topic} ${partition}`
    const existing = this.#lanes.get(key)
    if (existing !== undefined) return existing
    const renumbers = this.#options.transactionalId === null
    const lane = new PartitionLane({ topic, partition, renumbers })
    this.#lanes.set(key, lane)
    this.#bells.set(lane, new Bell(this.#cluster.world.timers))
    return lane
  }

  /** Ends when the lane is empty. */
  async #drive(lane: PartitionLane): Promise<void> {
    const clock = this.#cluster.world.clock
    const bell = this.#bells.get(lane)!
    while (!lane.isEmpty) {
      lane.expire(clock.monotonicMs())
      const batch = lane.take()
      if (batch === undefined) {
        if (!lane.isEmpty) await bell.heard()
        continue
      }
      const answer = (what: BatchAnswer) => {
        lane.settle(batch, what)
        bell.ring()
      }
      const leader = await this.#ready(lane)
      if (typeof leader !== 'number') {
        answer({ kind: 'unsent', cause: leader.cause })
        if (leader.isFinal) lane.failAll(troubleOf(leader.cause))
        else await this.#rest(lane)
        continue
      }
      stampProducer(batch.bytes, {
        ...lane.identity!,
        sequence: batch.sequence,
        isTransactional: this.#options.transactionalId !== null,
      })
      const failures = lane.failures
      this.#outlet(leader).post({ lane, batch, answer })
      if (failures === 0) continue
      // After a failure the next batch waits for what comes of this one.
      await bell.heard()
      if (lane.failures > failures) await this.#rest(lane)
    }
    // In the same turn as the last look at the lane: what is sent next is driven anew.
    this.#driving.delete(lane)
  }

  /** Not cut short by what is sent meanwhile: a broker that is down is asked no more often for it. */
  #rest(lane: PartitionLane): Promise<void> {
    return waitFor(this.#cluster.world.timers, this.#cluster.backoffMs(lane.failures))
  }

  /** The leader's node, once everything is ready for it. */
  async #ready(lane: PartitionLane): Promise<number | Obstacle> {
    const { topic, partition } = lane
    try {
      lane.identity ??= await this.#options.identify()
      const leader = await this.#cluster.leaderOf(topic, partition)
      if (leader !== undefined) {
        await this.#options.prepare(lane)
        return leader
      }
      if (this.#cluster.topic(topic)?.leaders[partition] === undefined) {
        return this.#unknown(lane)
      }
      const cause = refusal(`Looking for ${topic}-${partition}`, Code.LEADER_NOT_AVAILABLE)
      return { cause, isFinal: false }
    } catch (cause) {
      return { cause, isFinal: isFinal(cause) }
    }
  }

  #unknown(lane: PartitionLane): Obstacle {
    const now = this.#cluster.world.clock.monotonicMs()
    const cause = new UnknownTopicError(nameOf(lane, this.#cluster.topic(lane.topic)))
    lane.unknownSinceMs ??= now
    if (now - lane.unknownSinceMs < UNKNOWN_TOPIC_PATIENCE_MS) return { cause, isFinal: false }
    lane.unknownSinceMs = undefined
    return { cause, isFinal: true }
  }

  #outlet(nodeId: number): Outlet {
    const existing = this.#outlets.get(nodeId)
    if (existing !== undefined) return existing
    const { purpose, transactionalId } = this.#options
    const outlet = new Outlet(this.#cluster, { nodeId, purpose, transactionalId })
    this.#outlets.set(nodeId, outlet)
    return outlet
  }
}

function troubleOf(cause: unknown): { message: string; cause: unknown } {
  return { message: cause instanceof Error ? cause.message : String(cause), cause }
}

/** No repetition mends it. */
function isFinal(error: unknown): boolean {
  if (reasonOf(error) !== undefined) return true
  if (!(error instanceof Error)) return false
  if ('apiCode' in error && typeof error.apiCode === 'number') return !isPassing(error.apiCode)
  return 'retriable' in error && error.retriable === false
}
