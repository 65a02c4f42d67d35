// Versions   0-2.
// Behaviour  84 ELECTION_NOT_NEEDED for every partition that exists: node 1 leads all of them. Asked
//            for all partitions at once, the answer is empty, because only elections are listed then.
// Differs    A partition whose disk failed has no leader, and no election can give it one: 80.

import { electLeaders } from '../../protocol/43-elect-leaders.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'

const PREFERRED = 0
const UNCLEAN = 1

export const handler = defineHandler(electLeaders, (request, context) => {
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
