// Versions   1-2
// Behaviour  Writes markers to partitions past the coordinator: with it an operator aborts a transaction
//            that no coordinator knows of and that holds readers back. An epoch below the producer's is
//            47, in v2 for transactions of version 2 also the same one (KIP-1228); a coordinator epoch
//            below the last marker's is 52.
// Differs    In nothing that is known.
// from Kafka

import { TRANSACTIONS_V2 } from '../../coordinators/transactions/transaction.ts'
import { writeTxnMarkers } from '../../protocol/27-write-txn-markers.ts'
import { defineHandler } from '../handler.ts'

export const handler = defineHandler(writeTxnMarkers, async (request, { broker }) => {
  const markers = await Promise.all(
    request.markers.map(async ({ topics, ...asked }) => {
      const marker = {
        producerId: asked.producerId,
        producerEpoch: asked.producerEpoch,
        coordinatorEpoch: asked.coordinatorEpoch,
        isCommit: asked.transactionResult,
        isTransactionsV2: asked.transactionVersion >= TRANSACTIONS_V2,
      }
      const written = topics.map(async ({ name, partitionIndexes }) => ({
        name,
        partitions: await Promise.all(
          partitionIndexes.map(async (partitionIndex) => ({
            partitionIndex,
            errorCode: await broker.transactions.writeMarker(
              { topic: name, partition: partitionIndex },
              marker,
            ),
          })),
        ),
      }))
      return { producerId: asked.producerId, topics: await Promise.all(written) }
    }),
  )
  return { markers }
})
