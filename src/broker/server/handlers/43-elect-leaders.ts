// Versions   0-2.
// Behaviour  84 ELECTION_NOT_NEEDED for every partition that exists: node 1 leads all of them. Asked
//            for all partitions at once, the answer is empty, because only elections are listed then. Takes
//            ALTER on the cluster (31).
// Differs    A partition whose disk failed has no leader, and no election can give it one: 80.

import { type ElectLeadersRequest, electLeaders } from '../../protocol/43-elect-leaders.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const PREFERRED = 0
const UNCLEAN = 1

const takes = asks('ALTER CLUSTER')

export const handler = defineHandler(electLeaders, takes, (request, context) => {
  if (!context.access.mayOnCluster(AclOperation.ALTER)) return forbid(request)
  if (request.electionType !== PREFERRED && request.electionType !== UNCLEAN) {
    return { errorCode: ErrorCode.INVALID_REQUEST, replicaElectionResults: [] }
  }
  const replicaElectionResults = (request.topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partition) => ({
      partitionId: partition,
      ...elect(topic, partition, context),
    })),
  }))
  return { errorCode: ErrorCode.NONE, replicaElectionResults }
})

function forbid({ topicPartitions }: ElectLeadersRequest) {
  const errorCode = ErrorCode.CLUSTER_AUTHORIZATION_FAILED
  const replicaElectionResults = (topicPartitions ?? []).map(({ topic, partitions }) => ({
    topic,
    partitionResult: partitions.map((partitionId) => ({
      partitionId,
      errorCode,
      errorMessage: null,
    })),
  }))
  return { errorCode, replicaElectionResults }
}

function elect(topic: string, partition: number, { broker }: HandlerContext) {
  const log = broker.partitions.get(topic, partition)
  if (log === undefined) {
    return {
      errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      errorMessage: `There is no partition ${partition} of '${topic}'.`,
    }
  }
  if (log.state === 'offline') {
    return {
      errorCode: ErrorCode.PREFERRED_LEADER_NOT_AVAILABLE,
      errorMessage: 'The only replica is on a disk that failed.',
    }
  }
  return { errorCode: ErrorCode.ELECTION_NOT_NEEDED, errorMessage: 'The only node leads it.' }
}
