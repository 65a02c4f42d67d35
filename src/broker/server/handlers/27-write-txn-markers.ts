// Versions   1-2
// Behaviour  Writes markers to partitions past the coordinator: with it an operator aborts a transaction
//            that no coordinator knows of and that holds readers back. An epoch below the producer's is
//            47, in v2 for transactions of version 2 also the same one (KIP-1228); a coordinator epoch
//            below the last marker's is 52. Takes ALTER or CLUSTER_ACTION on the cluster (31).
// Differs    In nothing that is known.
// from Kafka

import { CLUSTER_NAME } from '../../catalog/acl.ts'
import { TRANSACTIONS_V2 } from '../../coordinators/transactions/transaction.ts'
import { writeTxnMarkers } from '../../protocol/27-write-txn-markers.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const takes = asks('ALTER CLUSTER', 'CLUSTER_ACTION CLUSTER')

export const handler = defineHandler(
  writeTxnMarkers,
  takes,
  async (request, { access, broker }) => {
    const { ALTER, CLUSTER_ACTION } = AclOperation
    const isAllowed =
      access.mayQuietly(ALTER, AclResource.CLUSTER, CLUSTER_NAME) ||
      access.mayOnCluster(CLUSTER_ACTION)
    const forbidden = isAllowed ? undefined : ErrorCode.CLUSTER_AUTHORIZATION_FAILED
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
              errorCode:
                forbidden ??
                (await broker.transactions.writeMarker(
                  { topic: name, partition: partitionIndex },
                  marker,
                )),
            })),
          ),
        }))
        return { producerId: asked.producerId, topics: await Promise.all(written) }
      }),
    )
    return { markers }
  },
)
