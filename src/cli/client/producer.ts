// Writes records. Per partition one batch at a time is under way; what arrives meanwhile gathers in
// the next one, so batches grow by themselves under load and a lone record never waits.
// Invariant: records of a partition are written in the order of `send`, retries included. An
// idempotent producer that doesn't know what became of a batch fails for good instead of guessing.
// Source: KIP-98 (idempotence), KIP-480 (stay on one partition for records without a key).

import { buildBatch } from '../../broker/batch/builder.ts'
import { MAX_SEQUENCE } from '../../broker/batch/header.ts'
import { partitionOfKey } from '../../broker/batch/murmur2.ts'
import { ZERO_UUID } from '../../broker/bytes/uuid.ts'
import { produce } from '../../broker/protocol/00-produce.ts'
import { initProducerId } from '../../broker/protocol/22-init-producer-id.ts'
import { ErrorCode } from '../../broker/wire/error-codes.ts'
import type { Codec } from '../../host/codec.ts'
import { assertAccepted, ClientError } from './client-error.ts'
import type { Cluster, TopicPartition } from './cluster.ts'
import type { Connection } from './connection.ts'

/** From version 13 on topics go by id; names serve every broker. */
const PRODUCE_BY_NAME_VERSION = 12
const RECORD_OVERHEAD_BYTES = 32
const NO_OFFSET = -1

export interface ProducerOptions {
  /** -1 (the default): once it is durable. 1: once it is written. 0: never answered. */
  readonly acks?: -1 | 0 | 1
  readonly compression?: Codec
  /** No record twice, whatever is retried. Needs acks -1. */
  readonly isIdempotent?: boolean
  /** Records of one batch, before compression. */
  readonly maxBatchBytes?: number
  /** From here on `room()` waits. */
  readonly maxBufferedBytes?: number
  /** How long a batch may be retried. */
  readonly deliveryTimeoutMs?: number
}

export interface OutgoingRecord {
  readonly topic: string
  /** By the key's hash when left out; without a key, whichever is in use. */
  readonly partition?: number
  readonly key: Buffer | null
  /** null is a tombstone. */
  readonly value: Buffer | null
  readonly headers?: readonly (readonly [string, Buffer | null])[]
  /** Milliseconds since 1970; now when left out. */
  readonly timestampMs?: number
}

export interface WrittenRecord extends TopicPartition {
  /** -1 with acks 0, which tells nothing. */
  readonly offset: number
  readonly timestampMs: number
}

interface Pending {
  readonly record: OutgoingRecord
  readonly timestampMs: number
  readonly sizeBytes: number
  readonly resolve: (written: WrittenRecord) => void
  readonly reject: (error: unknown) => void
}

/** Records of a topic that have no partition yet. */
interface Intake {
  readonly topic: string
  readonly waiting: Pending[]
  isRouting: boolean
  /** Where records without a key go until a batch has left for it. */
  stickyPartition: number | undefined
}

interface Lane extends TopicPartition {
  readonly waiting: Pending[]
  isDraining: boolean
  nextSequence: number
}

interface WrittenBatch {
  readonly baseOffset: number
  /** -1 unless the broker stamps the records. */
  readonly logAppendTimeMs: number
}

interface ProducerIdentity {
  readonly producerId: number
  readonly producerEpoch: number
}

export class Producer {
  readonly #cluster: Cluster
  readonly #acks: -1 | 0 | 1
  readonly #compression: Codec
  readonly #maxBatchBytes: number
  readonly #maxBufferedBytes: number
  readonly #deliveryTimeoutMs: number
  readonly #identity: ProducerIdentity | undefined
  readonly #lanes = new Map<string, Lane>()
  readonly #intakes = new Map<string, Intake>()
  readonly #underWay = new Set<Promise<void>>()
  /** Where batches with acks 0 went since the last flush. */
  readonly #unanswered = new Set<Connection>()
  #bufferedBytes = 0
  #roomListeners: (() => void)[] = []
  #failure: ClientError | undefined

  static async open(cluster: Cluster, options: ProducerOptions = {}): Promise<Producer> {
    const identity = options.isIdempotent === true ? await askIdentity(cluster) : undefined
    return new Producer(cluster, options, identity)
  }

  private constructor(
    cluster: Cluster,
    options: ProducerOptions,
    identity: ProducerIdentity | undefined,
  ) {
    this.#cluster = cluster
    this.#acks = options.acks ?? -1
    this.#compression = options.compression ?? 'none'
    this.#maxBatchBytes = options.maxBatchBytes ?? 512 * 1024
    this.#maxBufferedBytes = options.maxBufferedBytes ?? 16 * 1024 * 1024
    this.#deliveryTimeoutMs = options.deliveryTimeoutMs ?? cluster.timeoutMs
    this.#identity = identity
  }

  /** Settles once the record is acknowledged. @throws ClientError */
  send(record: OutgoingRecord): Promise<WrittenRecord> {
    return new Promise((resolve, reject) => {
      const timestampMs = record.timestampMs ?? this.#cluster.clock.nowMs()
      const sizeBytes = sizeOf(record)
      this.#bufferedBytes += sizeBytes
      const intake = this.#intake(record.topic)
      intake.waiting.push({ record, timestampMs, sizeBytes, resolve, reject })
      if (!intake.isRouting) this.#track(this.#route(intake))
    })
  }

  /** Resolves when there is room for more: what bounds the memory of a fast sender. */
  async room(): Promise<void> {
    while (this.#bufferedBytes >= this.#maxBufferedBytes) {
      await new Promise<void>((resolve) => this.#roomListeners.push(resolve))
    }
  }

  /**
   * Resolves when everything sent so far has settled, well or not, and with acks 0 when the broker
   * has read it. @throws ClientError when a connection with unanswered records was lost
   */
  async flush(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.all(this.#underWay)
    const connections = [...this.#unanswered]
    this.#unanswered.clear()
    // What is asked after them on the same connection is answered after they were read.
    await Promise.all(connections.map((connection) => connection.ping()))
  }

  #intake(topic: string): Intake {
    const known = this.#intakes.get(topic)
    if (known !== undefined) return known
    const intake = { topic, waiting: [], isRouting: false, stickyPartition: undefined }
    this.#intakes.set(topic, intake)
    return intake
  }

  /** Gives each waiting record its partition; waits only where the topic isn't known yet. */
  async #route(intake: Intake): Promise<void> {
    const { topic } = intake
    intake.isRouting = true
    try {
      const info =
        this.#cluster.knownTopic(topic) ??
        (await this.#cluster.retrying(() => this.#cluster.topic(topic)))
      for (const pending of intake.waiting.splice(0)) {
        const partition =
          pending.record.partition ??
          this.#choosePartition(intake, pending.record.key, info.partitions.length)
        const lane = this.#lane(topic, partition)
        lane.waiting.push(pending)
        if (!lane.isDraining) this.#track(this.#drain(lane))
      }
    } catch (error) {
      this.#reject(intake.waiting.splice(0), error)
    }
    intake.isRouting = false
  }

  #choosePartition(intake: Intake, key: Buffer | null, partitionCount: number): number {
    if (key !== null) return partitionOfKey(key, partitionCount)
    intake.stickyPartition ??= this.#cluster.random.bytes(4).readUInt32BE() % partitionCount
    return intake.stickyPartition
  }

  #lane(topic: string, partition: number): Lane {
    const name = `${topic}/${partition}`
    let lane = this.#lanes.get(name)
    if (lane === undefined) {
      lane = { topic, partition, waiting: [], isDraining: false, nextSequence: 0 }
      this.#lanes.set(name, lane)
    }
    return lane
  }

  async #drain(lane: Lane): Promise<void> {
    lane.isDraining = true
    // A burst of sends in one turn becomes one batch.
    await this.#cluster.timers.yield()
    while (lane.waiting.length > 0) {
      const batch = this.#takeBatch(lane)
      this.#leaveStickyPartition(lane)
      try {
        if (this.#failure !== undefined) throw this.#failure
        const written = await this.#deliver(lane, batch)
        this.#resolve(lane, batch, written)
      } catch (error) {
        this.#reject(batch, error)
      }
    }
    lane.isDraining = false
  }

  /** A full batch is the moment to change: each batch of records without a key is as large as it can. */
  #leaveStickyPartition({ topic, partition }: Lane): void {
    const intake = this.#intake(topic)
    if (intake.stickyPartition === partition) intake.stickyPartition = undefined
  }

  #takeBatch(lane: Lane): Pending[] {
    let bytes = 0
    let count = 0
    while (count < lane.waiting.length) {
      bytes += lane.waiting[count]!.sizeBytes
      if (count > 0 && bytes > this.#maxBatchBytes) break
      count++
    }
    return lane.waiting.splice(0, count)
  }

  async #deliver(lane: Lane, batch: readonly Pending[]): Promise<WrittenBatch> {
    const baseSequence = lane.nextSequence
    const bytes = buildBatch({
      records: batch.map(({ record: { key, value, headers = [] }, timestampMs }) => {
        return { timestamp: timestampMs, key, value, headers }
      }),
      compression: this.#compression,
      ...(this.#identity !== undefined && { ...this.#identity, baseSequence }),
    })
    const { topic } = lane
    const options = { timeoutMs: this.#deliveryTimeoutMs, topics: [topic] }
    try {
      const written = await this.#cluster.retrying(() => this.#sendToLeader(lane, bytes), options)
      lane.nextSequence = sequenceAfter(baseSequence, batch.length)
      return written
    } catch (error) {
      if (this.#identity !== undefined && isOutcomeUnknown(error)) {
        const message = `The outcome of a batch for topic ${topic} is unknown: open a new producer.`
        this.#failure = new ClientError('producer-failed', message, { cause: error })
      }
      throw error
    }
  }

  async #sendToLeader(lane: Lane, bytes: Buffer): Promise<WrittenBatch> {
    const connection = await this.#cluster.broker(await this.#cluster.leader(lane))
    const { topic, partition } = lane
    const body = {
      transactionalId: null,
      acks: this.#acks,
      timeoutMs: this.#cluster.timeoutMs,
      topicData: [
        { name: topic, topicId: ZERO_UUID, partitionData: [{ index: partition, records: bytes }] },
      ],
    }
    const options = { maxVersion: PRODUCE_BY_NAME_VERSION }
    if (this.#acks === 0) {
      connection.send(produce, body, options)
      this.#unanswered.add(connection)
      return { baseOffset: NO_OFFSET, logAppendTimeMs: -1 }
    }
    const answer = await connection.request(produce, body, options)
    const result = answer.responses[0]!.partitionResponses[0]!
    const { errorCode, errorMessage, baseOffset, logAppendTimeMs } = result
    if (errorCode !== ErrorCode.DUPLICATE_SEQUENCE_NUMBER) {
      assertAccepted(errorCode, `Topic ${topic} partition ${partition}`, errorMessage)
    }
    return { baseOffset, logAppendTimeMs }
  }

  #resolve(lane: Lane, batch: readonly Pending[], written: WrittenBatch): void {
    const { topic, partition } = lane
    const { baseOffset, logAppendTimeMs } = written
    for (const [index, { timestampMs, resolve }] of batch.entries()) {
      resolve({
        topic,
        partition,
        offset: baseOffset === NO_OFFSET ? NO_OFFSET : baseOffset + index,
        timestampMs: logAppendTimeMs >= 0 ? logAppendTimeMs : timestampMs,
      })
    }
    this.#release(batch)
  }

  #reject(batch: readonly Pending[], error: unknown): void {
    for (const { reject } of batch) reject(error)
    this.#release(batch)
  }

  #release(batch: readonly Pending[]): void {
    for (const { sizeBytes } of batch) this.#bufferedBytes -= sizeBytes
    const listeners = this.#roomListeners
    this.#roomListeners = []
    for (const listener of listeners) listener()
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#underWay.delete(tracked))
    this.#underWay.add(tracked)
  }
}

async function askIdentity(cluster: Cluster): Promise<ProducerIdentity> {
  return cluster.retrying(async () => {
    const connection = await cluster.anyBroker()
    const answer = await connection.request(initProducerId, {
      transactionalId: null,
      transactionTimeoutMs: 60_000,
      producerId: -1,
      producerEpoch: -1,
    })
    assertAccepted(answer.errorCode, 'Producer id')
    return { producerId: answer.producerId, producerEpoch: answer.producerEpoch }
  })
}

function sequenceAfter(sequence: number, recordCount: number): number {
  const next = sequence + recordCount
  return next > MAX_SEQUENCE ? next - MAX_SEQUENCE - 1 : next
}

/** A refusal that a retry can't change has written nothing; anything else may have. */
function isOutcomeUnknown(error: unknown): boolean {
  return !(error instanceof ClientError) || error.retriable || error.code !== 'refused'
}

function sizeOf({ key, value, headers = [] }: OutgoingRecord): number {
  let bytes = RECORD_OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, content] of headers) bytes += name.length * 3 + (content?.length ?? 0)
  return bytes
}
