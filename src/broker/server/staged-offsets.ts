// Offsets that a group has reached count with a transaction: the group's partition becomes part of it,
// and the offsets are staged there until it ends.
// Source: KIP-98; KIP-447 (the member says who it is); KIP-890 (staging adds the partition by itself).

import { OFFSETS_TOPIC } from '../catalog/internal-topics.ts'
import type { ProducerClaim } from '../coordinators/transactions/input.ts'
import { TRANSACTIONS_V2 } from '../coordinators/transactions/transaction.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { CommitCall } from './coordinator-offsets.ts'
import type { BrokerServices } from './services.ts'

export interface StagedCommit
  extends ProducerClaim,
    Pick<CommitCall, 'groupId' | 'memberId' | 'groupInstanceId' | 'generationId' | 'offsets'> {
  readonly transactionalId: string
  /** The group's partition is added here; clients before KIP-890 have added it themselves. */
  readonly isAdding: boolean
}

type Coordinators = Pick<BrokerServices, 'groups' | 'transactions'>

const NO_RETENTION = -1

/** @returns one code for each offset, in their order */
export async function stageOffsets(
  commit: StagedCommit,
  broker: Coordinators,
): Promise<readonly ErrorCode[]> {
  const { transactionalId, producerId, producerEpoch, groupId, offsets } = commit
  if (groupId === '') return offsets.map(() => ErrorCode.INVALID_GROUP_ID)
  const found = await findPartition(commit, broker)
  if (found.errorCode !== ErrorCode.NONE) return offsets.map(() => found.errorCode)
  const place = { topic: OFFSETS_TOPIC, partition: found.partition }
  const claim = { transactionalId, producerId, producerEpoch, ...place }
  return await broker.groups.commitOffsets({
    groupId,
    memberId: commit.memberId,
    groupInstanceId: commit.groupInstanceId,
    generationId: commit.generationId,
    knowsGroupIdNotFound: false,
    retentionTimeMs: NO_RETENTION,
    offsets,
    stagedBy: {
      producerId,
      producerEpoch,
      transactionCheck: () => broker.transactions.verify(claim),
    },
  })
}

async function findPartition(
  { transactionalId, producerId, producerEpoch, groupId, isAdding }: StagedCommit,
  { groups, transactions }: Coordinators,
): Promise<{ readonly errorCode: ErrorCode; readonly partition: number }> {
  const claim = { transactionalId, producerId, producerEpoch }
  if (isAdding) {
    return await transactions.addOffsets({ ...claim, groupId, clientVersion: TRANSACTIONS_V2 })
  }
  await transactions.settled(transactionalId)
  const partition = await groups.partitionOf(groupId)
  if (typeof partition !== 'number') return { ...partition, partition: -1 }
  return {
    errorCode: transactions.verify({ ...claim, topic: OFFSETS_TOPIC, partition }),
    partition,
  }
}
