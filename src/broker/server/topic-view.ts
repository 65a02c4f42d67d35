// Topics and partitions as Metadata and DescribeTopicPartitions show them: one node leads all of
// them, and a partition whose disk failed has no leader.

import { NODE_ID } from '../catalog/decide-topic.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'

export interface PartitionView {
  readonly errorCode: ErrorCode
  readonly partitionIndex: number
  readonly leaderId: number
  readonly leaderEpoch: number
  readonly replicaNodes: readonly number[]
  readonly isrNodes: readonly number[]
  readonly offlineReplicas: readonly number[]
}

const NO_LEADER = -1
const ONLY_NODE: readonly number[] = [NODE_ID]
const NOBODY: readonly number[] = []

/** @param log undefined while the partition is not open yet */
export function viewPartition(partition: number, log: PartitionLog | undefined): PartitionView {
  const isLed = log?.state === 'online'
  return {
    errorCode: isLed ? ErrorCode.NONE : ErrorCode.LEADER_NOT_AVAILABLE,
    partitionIndex: partition,
    leaderId: isLed ? NODE_ID : NO_LEADER,
    leaderEpoch: log?.leaderEpoch ?? -1,
    replicaNodes: ONLY_NODE,
    isrNodes: ONLY_NODE,
    offlineReplicas: isLed ? NOBODY : ONLY_NODE,
  }
}
