// The idempotent producer over direct calls. No answer can get lost on the way, so what the broker
// refuses is told at once, whether it passes or not: a full disk is news for whoever publishes.

import type { LocalClient } from '../../broker/local/local-client.ts'
import type { LocalProducer } from '../../broker/local/local-producing.ts'
import type { LocalRefusal } from '../../broker/local/local-refusal.ts'
import { SendError, TransportClosedError, UnknownTopicError } from '../../sdk/transport/errors.ts'
import type { Producer, SendRequest, SentRecords } from '../../sdk/transport/producer.ts'
import { BrokerRefusedError } from './broker-refused.ts'
import { PartitionLane } from './partition-lane.ts'
import { isRefusal } from './refusals.ts'

/** How long a batch may wait for its sync, as long as a Kafka producer tries (delivery.timeout.ms). */
export const DELIVERY_TIMEOUT_MS = 120_000

export class EmbeddedProducer implements Producer {
  readonly #client: LocalClient
  readonly #producer: LocalProducer
  /** By topic id and partition: a topic that is made anew begins anew. */
  readonly #lanes = new Map<string, PartitionLane>()
  readonly #underWay = new Set<Promise<unknown>>()
  #isClosed = false

  constructor(client: LocalClient, producer: LocalProducer) {
    this.#client = client
    this.#producer = producer
  }

  send(request: SendRequest): Promise<SentRecords> {
    if (this.#isClosed) return Promise.reject(new TransportClosedError())
    const sending = this.#send(request)
    this.#underWay.add(sending)
    const done = () => this.#underWay.delete(sending)
    sending.then(done, done)
    return sending
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await Promise.allSettled(this.#underWay)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #send({ topic, partition, records }: SendRequest): Promise<SentRecords> {
    const topicId = this.#client.topics.find(topic)?.topicId
    if (topicId === undefined) throw new UnknownTopicError(topic)
    const outcome = await this.#laneOf(topicId, partition).send({
      ...{ topic, partition, producer: this.#producer },
      records: stamped(records, this.#client),
      timeoutMs: DELIVERY_TIMEOUT_MS,
    })
    if (isRefusal(outcome)) throw sendError({ topic, partition }, outcome)
    return { baseOffset: outcome.baseOffset, leaderEpoch: outcome.leaderEpoch }
  }

  #laneOf(topicId: string, partition: number): PartitionLane {
    const key = `${topicId} ${partition}`
    let lane = this.#lanes.get(key)
    if (lane === undefined) {
      lane = new PartitionLane(this.#client.producing)
      this.#lanes.set(key, lane)
    }
    return lane
  }
}

/** Records without a time get the broker's. */
export function stamped(records: SendRequest['records'], { world }: LocalClient) {
  const nowMs = world.clock.nowMs()
  return records.map((record) => ({ ...record, timestampMs: record.timestampMs ?? nowMs }))
}

/** REQUEST_TIMED_OUT alone leaves the batch in the log. */
export function sendError(
  { topic, partition }: { topic: string; partition: number },
  refusal: LocalRefusal,
): SendError | UnknownTopicError {
  if (refusal.error === 'UNKNOWN_TOPIC_OR_PARTITION') return new UnknownTopicError(topic)
  const isUnknown = refusal.error === 'REQUEST_TIMED_OUT'
  const cause = new BrokerRefusedError(`Writing to ${topic} partition ${partition}`, refusal)
  return new SendError({
    ...{ message: cause.message, topic, partition, cause },
    retriable: !isUnknown && refusal.isRetriable,
    outcome: isUnknown ? 'unknown' : 'not-written',
  })
}
