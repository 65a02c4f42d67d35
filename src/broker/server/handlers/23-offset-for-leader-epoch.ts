// Versions   2-4.
// Behaviour  Where the asked leader epoch ended: the largest epoch not above it, and the offset at
//            which the next one began, or the end of the log. An epoch that this log never had: -1
//            and -1. A current epoch of the client that is older than ours: 74, newer: 75. A hidden topic:
//            29, but not for who may CLUSTER_ACTION.
// Differs    In nothing that is known.

import { CLUSTER_NAME } from '../../catalog/acl.ts'
import {
  type OffsetForLeaderEpochRequest,
  offsetForLeaderEpoch,
} from '../../protocol/23-offset-for-leader-epoch.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

type Wanted = OffsetForLeaderEpochRequest['topics'][number]['partitions'][number]

const NOT_CHECKED = -1

const takes = asks('DESCRIBE TOPIC', 'CLUSTER_ACTION CLUSTER')

export const handler = defineHandler(offsetForLeaderEpoch, takes, (request, context) => ({
  topics: request.topics.map(({ topic, partitions }) => {
    const isVisible = mayLookAt(topic, context)
    return {
      topic,
      partitions: partitions.map((wanted) => ({
        partition: wanted.partition,
        ...(isVisible ? answer(topic, wanted, context) : HIDDEN),
      })),
    }
  }),
}))

const HIDDEN = { errorCode: ErrorCode.TOPIC_AUTHORIZATION_FAILED }

function mayLookAt(topic: string, { access }: HandlerContext): boolean {
  const { CLUSTER_ACTION, DESCRIBE } = AclOperation
  if (access.mayQuietly(CLUSTER_ACTION, AclResource.CLUSTER, CLUSTER_NAME)) return true
  return access.may(DESCRIBE, AclResource.TOPIC, topic)
}

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
