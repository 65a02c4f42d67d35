// Lists and describes transactions, aborts one by its transactional id, and ends one that hangs in a
// partition. Source: KIP-664 (listing, describing, WriteTxnMarkers by an operator), KIP-360 (taking a
// transactional id over aborts what its producer left open).

import { initProducerId } from '../../broker/protocol/22-init-producer-id.ts'
import { writeTxnMarkers } from '../../broker/protocol/27-write-txn-markers.ts'
import { describeProducers } from '../../broker/protocol/61-describe-producers.ts'
import { describeTransactions } from '../../broker/protocol/65-describe-transactions.ts'
import { listTransactions } from '../../broker/protocol/66-list-transactions.ts'
import { ErrorCode } from '../../broker/wire/error-codes.ts'
import { assertAccepted } from './client-error.ts'
import type { Cluster, TopicPartition } from './cluster.ts'

/** For the moment of taking an id over: a transaction that is never begun needs no longer one. */
const TAKE_OVER_TIMEOUT_MS = 60_000

export interface TransactionListing {
  readonly transactionalId: string
  /** `Ongoing`, `CompleteCommit`, ... */
  readonly state: string
  readonly producerId: number
}

export interface TransactionDescription extends TransactionListing {
  readonly producerEpoch: number
  readonly timeoutMs: number
  /** Milliseconds since 1970; -1 before the first transaction. */
  readonly startedMs: number
  readonly partitions: readonly TopicPartition[]
}

/** A transaction that is open in a partition. */
export interface OpenTransaction extends TopicPartition {
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly firstOffset: number
  /** Of the last record, in milliseconds since 1970. */
  readonly lastTimestamp: number
}

/** Of all brokers, by name. @param states none for all */
export async function listAllTransactions(
  cluster: Cluster,
  states: readonly string[] = [],
): Promise<TransactionListing[]> {
  const { brokers } = await cluster.describe({ topics: [] })
  const lists = brokers.map(({ nodeId }) =>
    cluster.retrying(async () => {
      const connection = await cluster.broker(nodeId)
      const answer = await connection.request(listTransactions, {
        stateFilters: states,
        producerIdFilters: [],
      })
      assertAccepted(answer.errorCode, 'Transactions')
      return answer.transactionStates
    }),
  )
  const found = (await Promise.all(lists)).flat().map((one) => ({
    transactionalId: one.transactionalId,
    state: one.transactionState,
    producerId: one.producerId,
  }))
  return found.sort((a, b) => (a.transactionalId < b.transactionalId ? -1 : 1))
}

export async function describeTransaction(
  cluster: Cluster,
  transactionalId: string,
): Promise<TransactionDescription> {
  return await cluster.retrying(async () => {
    const connection = await cluster.coordinator(transactionalId, 'transaction')
    const request = { transactionalIds: [transactionalId] }
    const { transactionStates } = await connection.request(describeTransactions, request)
    const found = transactionStates[0]!
    assertAccepted(found.errorCode, `Transactional id ${transactionalId}`)
    return {
      transactionalId,
      state: found.transactionState,
      producerId: found.producerId,
      producerEpoch: found.producerEpoch,
      timeoutMs: found.transactionTimeoutMs,
      startedMs: found.transactionStartTimeMs,
      partitions: found.topics.flatMap(({ topic, partitions }) =>
        partitions.map((partition) => ({ topic, partition })),
      ),
    }
  })
}

/** What holds readers of committed data back in a partition, the first one first. */
export async function openTransactions(
  cluster: Cluster,
  { topic, partition }: TopicPartition,
): Promise<OpenTransaction[]> {
  return await cluster.retrying(
    async () => {
      const connection = await cluster.broker(await cluster.leader({ topic, partition }))
      const { topics } = await connection.request(describeProducers, {
        topics: [{ name: topic, partitionIndexes: [partition] }],
      })
      const found = topics[0]!.partitions[0]!
      assertAccepted(found.errorCode, `Topic ${topic} partition ${partition}`, found.errorMessage)
      return found.activeProducers
        .filter(({ currentTxnStartOffset }) => currentTxnStartOffset >= 0)
        .map((producer) => ({
          topic,
          partition,
          producerId: producer.producerId,
          producerEpoch: producer.producerEpoch,
          coordinatorEpoch: producer.coordinatorEpoch,
          firstOffset: producer.currentTxnStartOffset,
          lastTimestamp: producer.lastTimestamp,
        }))
        .sort((a, b) => a.firstOffset - b.firstOffset)
    },
    { topics: [topic] },
  )
}

/** Takes the transactional id over: its producer is fenced, and what it left open is aborted. */
export async function abortTransaction(cluster: Cluster, transactionalId: string): Promise<void> {
  await cluster.retrying(async () => {
    const connection = await cluster.coordinator(transactionalId, 'transaction')
    const answer = await connection.request(initProducerId, {
      transactionalId,
      transactionTimeoutMs: TAKE_OVER_TIMEOUT_MS,
    })
    assertAccepted(answer.errorCode, `Transactional id ${transactionalId}`)
  })
}

/** Writes the abort marker past the coordinator, which may know nothing of the transaction. */
export async function endHungTransaction(cluster: Cluster, open: OpenTransaction): Promise<void> {
  const { topic, partition, producerId, producerEpoch, coordinatorEpoch } = open
  const connection = await cluster.broker(await cluster.leader({ topic, partition }))
  const { markers } = await connection.request(writeTxnMarkers, {
    markers: [
      {
        producerId,
        producerEpoch,
        transactionResult: false,
        topics: [{ name: topic, partitionIndexes: [partition] }],
        // -1 stands for no marker yet, and no coordinator has that epoch.
        coordinatorEpoch: Math.max(coordinatorEpoch, 0),
      },
    ],
  })
  const errorCode = markers[0]?.topics[0]?.partitions[0]?.errorCode ?? ErrorCode.NONE
  assertAccepted(errorCode, `Topic ${topic} partition ${partition}`)
}
