// Versions   0-5
// Behaviour  Stages offsets that count from the commit of the producer's transaction on. The group's
//            partition must be part of it (AddOffsetsToTxn), or else 120, before v4 48; v5 adds it by
//            itself (KIP-890). From v3 on the member is checked against the group (KIP-447): 22, 25, 82.
//            An epoch that is over is 47. Partitions that do not exist are 3, metadata too long is 12.
// Differs    In nothing that is known.
// from Kafka

import { ZERO_UUID } from '../../bytes/uuid.ts'
import { OFFSETS_TOPIC } from '../../catalog/internal-topics.ts'
import { TRANSACTIONS_V2 } from '../../coordinators/transactions/transaction.ts'
import {
  type TxnOffsetCommitRequest,
  txnOffsetCommit,
} from '../../protocol/28-txn-offset-commit.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { offsetCommitError } from '../transaction-errors.ts'

const FIRST_VERSION_THAT_ADDS = 5
const NO_RETENTION = -1

export const handler = defineHandler(txnOffsetCommit, async (request, context) => {
  const { apiVersion, broker } = context
  const places = request.topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({
      name,
      id: broker.catalog.topic(name)?.id ?? ZERO_UUID,
      partition,
      exists: broker.partitions.get(name, partition.partitionIndex) !== undefined,
    })),
  )
  const offsets = places
    .filter(({ exists }) => exists)
    .map(({ name, id, partition }) => ({
      topic: name,
      topicId: id,
      partition: partition.partitionIndex,
      offset: partition.committedOffset,
      leaderEpoch: partition.committedLeaderEpoch,
      metadata: partition.committedMetadata,
    }))
  const codes = offsets.length === 0 ? [] : await stage(request, offsets, context)

  let next = 0
  const errorCodes = places.map(({ exists }) =>
    exists ? offsetCommitError(codes[next++]!, apiVersion) : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  )
  let at = 0
  return {
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: errorCodes[at++]!,
      })),
    })),
  }
})

type Offsets = Parameters<HandlerContext['broker']['groups']['commitOffsets']>[0]['offsets']

/** @returns one code for each offset, in their order */
async function stage(
  request: TxnOffsetCommitRequest,
  offsets: Offsets,
  { apiVersion, broker }: HandlerContext,
): Promise<readonly ErrorCode[]> {
  const { transactionalId, producerId, producerEpoch, groupId } = request
  if (groupId === '') return offsets.map(() => ErrorCode.INVALID_GROUP_ID)
  const claim = { transactionalId, producerId, producerEpoch }
  const found = await findPartition()
  if (found.errorCode !== ErrorCode.NONE) return offsets.map(() => found.errorCode)
  const place = { topic: OFFSETS_TOPIC, partition: found.partition }
  return await broker.groups.commitOffsets({
    groupId,
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    generationId: request.generationId,
    knowsGroupIdNotFound: false,
    retentionTimeMs: NO_RETENTION,
    offsets,
    stagedBy: {
      producerId,
      producerEpoch,
      transactionCheck: () => broker.transactions.verify({ ...claim, ...place }),
    },
  })

  async function findPartition(): Promise<{ errorCode: ErrorCode; partition: number }> {
    if (apiVersion >= FIRST_VERSION_THAT_ADDS) {
      const call = { ...claim, groupId, clientVersion: TRANSACTIONS_V2 }
      return await broker.transactions.addOffsets(call)
    }
    await broker.transactions.settled(transactionalId)
    const partition = await broker.groups.partitionOf(groupId)
    if (typeof partition !== 'number') return { ...partition, partition: -1 }
    const errorCode = broker.transactions.verify({ ...claim, topic: OFFSETS_TOPIC, partition })
    return { errorCode, partition }
  }
}
