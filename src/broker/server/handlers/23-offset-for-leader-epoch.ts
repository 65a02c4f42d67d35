// Versions   2-4.
// Behaviour  Where the asked leader epoch ended: the largest epoch not above it, and the offset at
//            which the next one began, or the end of the log. An epoch that this log never had: -1
//            and -1. A current epoch of the client that is older than ours: 74, newer: 75.
// Differs    In nothing that is known.

import {
  type OffsetForLeaderEpochRequest,
  offsetForLeaderEpoch,
} from '../../protocol/23-offset-for-leader-epoch.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'

type Wanted = OffsetForLeaderEpochRequest['topics'][number]['partitions'][number]

const NOT_CHECKED = -1

export const handler = defineHandler(offsetForLeaderEpoch, (request, context) => ({
  topics: request.topics.map(({ topic, partitions }) => ({
    topic,
    partitions: partitions.map((wanted) => ({
      partition: wanted.partition,
      ...answer(topic, wanted, context),
    })),
  })),
}))

function answer(
  topic: string,
  { partition, currentLeaderEpoch, leaderEpoch }: Wanted,
  { broker }: HandlerContext,
): { errorCode: ErrorCode; leaderEpoch?: number; endOffset?: number } {
  const log = broker.partitions.get(topic, partition)
  if (log === undefined) return { errorCode: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION }
  if (log.state === 'offline') return { errorCode: ErrorCode.KAFKA_STORAGE_ERROR }
  if (currentLeaderEpoch !== NOT_CHECKED && currentLeaderEpoch !== log.leaderEpoch) {
    const isOld = currentLeaderEpoch < log.leaderEpoch
    return { errorCode: isOld ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH }
  }
  const end = log.endOffsetForEpoch(leaderEpoch)
  if (end === undefined) return { errorCode: ErrorCode.NONE }
  return { errorCode: ErrorCode.NONE, leaderEpoch: end.epoch, endOffset: end.endOffset }
}
