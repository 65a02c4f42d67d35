// A transactional producer of the load generator, on transactions v2 (KIP-890) as current clients are:
// the first produce begins the transaction, its end hands out the next epoch.

import { ZERO_UUID } from '../../src/broker/bytes/uuid.ts'
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { findCoordinator } from '../../src/broker/protocol/10-find-coordinator.ts'
import { initProducerId } from '../../src/broker/protocol/22-init-producer-id.ts'
import { endTxn } from '../../src/broker/protocol/26-end-txn.ts'
import { txnOffsetCommit } from '../../src/broker/protocol/28-txn-offset-commit.ts'
import type { Api } from '../../src/broker/protocol/api.ts'
import { decodeResponse, encodeRequest } from '../../src/broker/protocol/frames.ts'
import type { Fields, Infer, InferInput } from '../../src/broker/wire/field.ts'
import { type Bootstrap, LoadConnection } from './connection.ts'

/** The coordinator loads, is being made, or has not ended the last transaction yet: ask again. */
const ASK_AGAIN: readonly number[] = [14, 15, 16, 51]
const ASK_AGAIN_MS = 1
const DEADLINE_MS = 60_000
const GROUP = 0
const TRANSACTION = 1
const TIMEOUT_MS = 30_000

export class TransactionalProducer {
  readonly #connection: LoadConnection
  readonly #transactionalId: string
  producerId = -1
  producerEpoch = -1

  private constructor(connection: LoadConnection, transactionalId: string) {
    this.#connection = connection
    this.#transactionalId = transactionalId
  }

  /** @param groupId whose offsets it will commit */
  static async open(
    bootstrap: Bootstrap,
    { transactionalId, groupId }: { transactionalId: string; groupId: string },
  ): Promise<TransactionalProducer> {
    const producer = new TransactionalProducer(
      await LoadConnection.open(bootstrap),
      transactionalId,
    )
    await producer.#findCoordinator(TRANSACTION, transactionalId)
    await producer.#findCoordinator(GROUP, groupId)
    const answer = await producer.#ask(initProducerId, 5, (body) => body.errorCode, {
      transactionalId,
      transactionTimeoutMs: 2 * TIMEOUT_MS,
    })
    producer.producerId = answer.producerId
    producer.producerEpoch = answer.producerEpoch
    return producer
  }

  /** One batch of its current epoch, the first of the transaction in that partition. */
  async produce(topic: string, partition: number, records: Buffer): Promise<void> {
    const partitionData = [{ index: partition, records }]
    await this.#ask(
      produce,
      12,
      ({ responses }) => responses[0]!.partitionResponses[0]!.errorCode,
      {
        transactionalId: this.#transactionalId,
        acks: -1,
        timeoutMs: TIMEOUT_MS,
        topicData: [{ name: topic, topicId: ZERO_UUID, partitionData }],
      },
    )
  }

  async commitOffset(groupId: string, topic: string, partition: number, offset: number) {
    const { producerId, producerEpoch } = this
    const partitions = [
      { partitionIndex: partition, committedOffset: offset, committedMetadata: null },
    ]
    await this.#ask(txnOffsetCommit, 5, ({ topics }) => topics[0]!.partitions[0]!.errorCode, {
      transactionalId: this.#transactionalId,
      groupId,
      producerId,
      producerEpoch,
      topics: [{ name: topic, partitions }],
    })
  }

  async end(outcome: 'commit' | 'abort'): Promise<void> {
    const answer = await this.#ask(endTxn, 5, ({ errorCode }) => errorCode, {
      transactionalId: this.#transactionalId,
      producerId: this.producerId,
      producerEpoch: this.producerEpoch,
      committed: outcome === 'commit',
    })
    this.producerId = answer.producerId
    this.producerEpoch = answer.producerEpoch
  }

  close(): void {
    this.#connection.close()
  }

  /** The first look makes the internal topic. */
  async #findCoordinator(keyType: number, key: string): Promise<void> {
    const coordinatorKeys = [key]
    await this.#ask(findCoordinator, 6, ({ coordinators }) => coordinators[0]!.errorCode, {
      keyType,
      coordinatorKeys,
      key,
    })
  }

  /** @throws on an error other than those that go away by themselves */
  async #ask<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    apiVersion: number,
    errorOf: (answer: Infer<Res>) => number,
    body: InferInput<Req>,
  ): Promise<Infer<Res>> {
    const header = { apiVersion, correlationId: 0, clientId: 'bench' }
    const frame = Buffer.concat(encodeRequest(api, header, body))
    const deadline = performance.now() + DEADLINE_MS
    for (;;) {
      const answer = decodeResponse(api, apiVersion, await this.#connection.send(frame)).body
      const error = errorOf(answer)
      if (error === 0) return answer
      if (!ASK_AGAIN.includes(error) || performance.now() > deadline) {
        throw new Error(`${api.name} of ${this.#transactionalId} was answered with error ${error}`)
      }
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS))
    }
  }
}
