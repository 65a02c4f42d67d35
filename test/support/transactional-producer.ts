// A transactional producer for tests: says each step on the wire, in the version that is asked for, and
// returns what was answered. Classic up to EndTxn v4; transactions v2 from Produce v12 and EndTxn v5 on.

import { buildBatch } from '../../src/broker/batch/builder.ts'
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { findCoordinator } from '../../src/broker/protocol/10-find-coordinator.ts'
import { initProducerId } from '../../src/broker/protocol/22-init-producer-id.ts'
import { addPartitionsToTxn } from '../../src/broker/protocol/24-add-partitions-to-txn.ts'
import { addOffsetsToTxn } from '../../src/broker/protocol/25-add-offsets-to-txn.ts'
import { endTxn } from '../../src/broker/protocol/26-end-txn.ts'
import { txnOffsetCommit } from '../../src/broker/protocol/28-txn-offset-commit.ts'
import type { KafkaClient } from './kafka-client.ts'
import { produceRequest, recordOf, until } from './test-broker.ts'

export interface ProducerOptions {
  readonly transactionalId?: string
  readonly timeoutMs?: number
  readonly isV2?: boolean
}

/** The coordinator is loading, being found, or still busy with the last transaction. */
const TRY_AGAIN: readonly number[] = [14, 15, 16, 51]
const TRANSACTION_COORDINATOR = 1

export class TransactionalProducer {
  readonly transactionalId: string
  readonly isV2: boolean
  producerId = -1
  producerEpoch = -1
  readonly #client: Pick<KafkaClient, 'send'>
  readonly #timeoutMs: number
  /** By topic and partition: the next sequence. */
  readonly #sequences = new Map<string, number>()

  constructor(client: Pick<KafkaClient, 'send'>, options: ProducerOptions = {}) {
    this.#client = client
    this.transactionalId = options.transactionalId ?? 'tx'
    this.isV2 = options.isV2 ?? true
    this.#timeoutMs = options.timeoutMs ?? 60_000
  }

  /** Asks as long as the coordinator wants it to, as when an older transaction is being aborted. */
  async init(version = 5): Promise<number> {
    const keys = { key: this.transactionalId, coordinatorKeys: [this.transactionalId] }
    // Kafka makes the topic of its coordinator when it is looked for.
    await this.#client.send(findCoordinator, 6, { ...keys, keyType: TRANSACTION_COORDINATOR })
    let errorCode = 0
    await until(async () => {
      errorCode = await this.initOnce(version)
      return !TRY_AGAIN.includes(errorCode)
    })
    return errorCode
  }

  /** @param goOn names what the producer has (v3 and up) */
  async initOnce(version = 5, goOn = false): Promise<number> {
    const answer = await this.#client.send(initProducerId, version, {
      transactionalId: this.transactionalId,
      transactionTimeoutMs: this.#timeoutMs,
      producerId: goOn ? this.producerId : -1,
      producerEpoch: goOn ? this.producerEpoch : -1,
    })
    if (answer.errorCode === 0) this.#become(answer)
    return answer.errorCode
  }

  async add(topic: string, partition = 0, version = 3): Promise<number> {
    const claim = {
      transactionalId: this.transactionalId,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
    }
    const topics = [{ name: topic, partitions: [partition] }]
    const answer = await this.#client.send(addPartitionsToTxn, version, {
      transactions: [{ ...claim, topics }],
      v3AndBelowTransactionalId: claim.transactionalId,
      v3AndBelowProducerId: claim.producerId,
      v3AndBelowProducerEpoch: claim.producerEpoch,
      v3AndBelowTopics: topics,
    })
    const results = answer.resultsByTransaction[0]?.topicResults ?? answer.resultsByTopicV3AndBelow
    return results[0]!.resultsByPartition[0]!.partitionErrorCode
  }

  async produce(
    topic: string,
    texts: readonly string[],
    { partition = 0, version = this.isV2 ? 12 : 11 } = {},
  ): Promise<number> {
    const place = `${topic} ${partition}`
    const baseSequence = this.#sequences.get(place) ?? 0
    const request = produceRequest(topic, this.batch(texts, { baseSequence }), { partition })
    const { responses } = await this.#client.send(produce, version, {
      ...request,
      transactionalId: this.transactionalId,
    })
    const { errorCode } = responses[0]!.partitionResponses[0]!
    if (errorCode === 0) this.#sequences.set(place, baseSequence + texts.length)
    return errorCode
  }

  batch(texts: readonly string[], { baseSequence = 0 } = {}): Buffer {
    return buildBatch({
      records: texts.map((text) => recordOf(text)),
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      baseSequence,
      isTransactional: true,
    })
  }

  async addOffsets(groupId: string, version = 4): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = this
    const request = { transactionalId, producerId, producerEpoch, groupId }
    return (await this.#client.send(addOffsetsToTxn, version, request)).errorCode
  }

  async commitOffset(
    groupId: string,
    topic: string,
    offset: number,
    { version = this.isV2 ? 5 : 4, generationId = -1, memberId = '' } = {},
  ): Promise<number> {
    const { transactionalId, producerId, producerEpoch } = this
    const { topics } = await this.#client.send(txnOffsetCommit, version, {
      transactionalId,
      groupId,
      producerId,
      producerEpoch,
      generationId,
      memberId,
      topics: [
        {
          name: topic,
          partitions: [{ partitionIndex: 0, committedOffset: offset, committedMetadata: null }],
        },
      ],
    })
    return topics[0]!.partitions[0]!.errorCode
  }

  async end(committed: boolean, version = this.isV2 ? 5 : 4): Promise<number> {
    const answer = await this.endOnce(committed, version)
    if (answer.errorCode === 0 && version >= 5) this.#become(answer)
    return answer.errorCode
  }

  /** Leaves the producer as it is, as if the answer were lost. */
  endOnce(committed: boolean, version = this.isV2 ? 5 : 4) {
    const { transactionalId, producerId, producerEpoch } = this
    const request = { transactionalId, producerId, producerEpoch, committed }
    return this.#client.send(endTxn, version, request)
  }

  #become({ producerId, producerEpoch }: { producerId: number; producerEpoch: number }): void {
    const isSame = producerId === this.producerId && producerEpoch === this.producerEpoch
    this.producerId = producerId
    this.producerEpoch = producerEpoch
    if (!isSame) this.#sequences.clear()
  }
}
