// Producing for a program in the broker's own process: records become a batch here, which goes the way
// of batches from the network. Sequences are the caller's, so that what it sends again is de-duplicated.
// Source: KIP-98; KIP-890 (every transaction has an epoch of its own).

import { buildBatch } from '../batch/builder.ts'
import { partitionsOf } from '../coordinators/transactions/partitions.ts'
import { TRANSACTIONS_V2 } from '../coordinators/transactions/transaction.ts'
import { appendProduced } from '../server/produced-batch.ts'
import type { BrokerServices } from '../server/services.ts'
import { stageOffsets } from '../server/staged-offsets.ts'
import { TransactionalProduce } from '../server/transactional-produce.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { GroupClaim, LocalOffset } from './local-groups.ts'
import { type LocalRefusal, refusal } from './local-refusal.ts'

export interface LocalRecord {
  readonly key: Uint8Array | null
  readonly value: Uint8Array | null
  readonly headers: readonly (readonly [name: string, value: Uint8Array | null])[]
  /** Milliseconds since 1970. */
  readonly timestampMs: number
}

export interface LocalProducer {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface LocalTransaction extends LocalProducer {
  readonly transactionalId: string
}

export interface LocalBatch {
  readonly topic: string
  readonly partition: number
  /** At least one. */
  readonly records: readonly LocalRecord[]
  readonly producer: LocalProducer | LocalTransaction
  readonly baseSequence: number
  /** After so long without a sync the answer is REQUEST_TIMED_OUT; the batch stays. */
  readonly timeoutMs: number
}

export interface WrittenBatch {
  readonly kind: 'written'
  readonly baseOffset: number
  readonly leaderEpoch: number
}

type Services = Pick<
  BrokerServices,
  'catalog' | 'groups' | 'log' | 'metrics' | 'partitions' | 'producerIds' | 'transactions'
>

/** Of Produce: the first in which errors are told as transactions of v2 have them. */
const PRODUCE_VERSION = 12

export class LocalProducing {
  readonly #broker: Services

  constructor(broker: Services) {
    this.#broker = broker
  }

  /** For an idempotent producer without transactions. @throws when no new id can be stored */
  async newProducer(): Promise<LocalProducer> {
    return { producerId: await this.#broker.producerIds.take(), producerEpoch: 0 }
  }

  /**
   * Durable when it resolves. Batches of one partition are judged in the order of the calls. One that
   * was sent before, with the same sequence, is answered with the offset that it was given then.
   */
  async append(batch: LocalBatch): Promise<WrittenBatch | LocalRefusal> {
    const { topic, partition, producer, baseSequence, timeoutMs } = batch
    const log = this.#broker.partitions.get(topic, partition)
    if (log === undefined) return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    const { producerId, producerEpoch } = producer
    const isTransactional = 'transactionalId' in producer
    const records = buildBatch({
      records: batch.records.map(({ timestampMs, key, value, headers }) => ({
        timestamp: timestampMs,
        key: asBuffer(key),
        value: asBuffer(value),
        headers: headers.map(([name, content]) => [name, asBuffer(content)] as const),
      })),
      ...{ producerId, producerEpoch, baseSequence, isTransactional },
    })
    const transaction = isTransactional ? this.#begun(producer) : undefined
    const request = { log, records, acks: -1, timeoutMs, transaction } as const
    const outcome = await appendProduced(request, this.#broker)
    if (outcome.kind === 'refused') return refusal(outcome.errorCode, outcome.message)
    if (outcome.kind === 'appended') this.#broker.metrics.appended(topic, records.length)
    return { kind: 'written', baseOffset: outcome.baseOffset, leaderEpoch: log.leaderEpoch }
  }

  /** Takes the id over: whoever had it is fenced. 51 (retriable) while what it left open is aborted. */
  async initTransactions(
    transactionalId: string,
    { timeoutMs, expected = null }: { timeoutMs: number; expected?: LocalProducer | null },
  ): Promise<({ readonly kind: 'producer' } & LocalTransaction) | LocalRefusal> {
    const call = { transactionalId, timeoutMs, expected }
    const { errorCode, ...producer } = await this.#broker.transactions.init(call)
    if (errorCode !== ErrorCode.NONE) return refusal(errorCode)
    return { kind: 'producer', transactionalId, ...producer }
  }

  /** Before the first batch of a transaction goes to a partition. @returns undefined when it may */
  async addPartition(
    producer: LocalTransaction,
    { topic, partition }: { topic: string; partition: number },
  ): Promise<LocalRefusal | undefined> {
    if (this.#broker.partitions.get(topic, partition) === undefined) {
      return refusal(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    }
    const partitions = partitionsOf([{ topic, partitions: [partition] }])
    const call = { ...producer, partitions, clientVersion: TRANSACTIONS_V2 }
    const { errorCode } = await this.#broker.transactions.add(call)
    return errorCode === ErrorCode.NONE ? undefined : refusal(errorCode)
  }

  /** The offsets count from the commit of the transaction on (KIP-447). */
  async stageOffsets(
    producer: LocalTransaction,
    { groupId, memberId, memberEpoch }: GroupClaim,
    offsets: readonly LocalOffset[],
  ): Promise<LocalRefusal | undefined> {
    const generationId = memberEpoch
    const member = { groupId, memberId, generationId, groupInstanceId: null }
    const commit = { ...producer, ...member, offsets, isAdding: true }
    const codes = await stageOffsets(commit, this.#broker)
    const errorCode = codes.find((code) => code !== ErrorCode.NONE)
    return errorCode === undefined ? undefined : refusal(errorCode)
  }

  /** @returns who the producer is from now on: every transaction has an epoch of its own */
  async endTransaction(
    producer: LocalTransaction,
    { isCommit }: { isCommit: boolean },
  ): Promise<({ readonly kind: 'producer' } & LocalTransaction) | LocalRefusal> {
    const call = { ...producer, isCommit, bumpsEpoch: true }
    const { errorCode, ...next } = await this.#broker.transactions.end(call)
    if (errorCode !== ErrorCode.NONE) return refusal(errorCode)
    return { kind: 'producer', transactionalId: producer.transactionalId, ...next }
  }

  /** Its partition was added before: that is asked again when the batch is judged. */
  #begun({ transactionalId }: LocalTransaction) {
    const request = { transactionalId, apiVersion: PRODUCE_VERSION }
    const produce = new TransactionalProduce(this.#broker.transactions, request)
    return { produce, errorCode: ErrorCode.NONE }
  }
}

function asBuffer(bytes: Uint8Array | null): Buffer | null {
  if (bytes === null || Buffer.isBuffer(bytes)) return bytes
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
