// Versions   2-10
// Behaviour  Answers once the offsets are durable. A partition that does not exist is refused with 3
//            (by id with 100), metadata that is too long with 12; what is wrong with the sender (22,
//            25, 27, 82, from v9 on 69) refuses all others. v2-4 may say how long to keep offsets. A group
//            that may not be used is 30 for every partition, a topic that may not be read 29.
//            A member of a consumer group needs v9 (else 35), and its epoch: 113 for one that is over,
//            unless it had the partition in hand since (KIP-1251).
// Differs    A client beyond millrace.max.groups hears 44.
// from Kafka

import { ZERO_UUID } from '../../bytes/uuid.ts'
import { type OffsetCommitRequest, offsetCommit } from '../../protocol/08-offset-commit.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

type AskedTopic = OffsetCommitRequest['topics'][number]

const FIRST_VERSION_WITH_TOPIC_IDS = 10
const FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND = 9

const takes = asks('READ GROUP', 'READ TOPIC')

export const handler = defineHandler(offsetCommit, takes, async (request, context) => {
  const { access, apiVersion, broker } = context
  const { groupId } = request
  if (!access.may(AclOperation.READ, AclResource.GROUP, groupId)) {
    return refuseAll(request, ErrorCode.GROUP_AUTHORIZATION_FAILED)
  }
  const topics = request.topics.map((topic) => locate(topic, context))
  const offsets = topics.flatMap(({ asked, name, id, exists }) =>
    asked.partitions
      .filter(({ partitionIndex }) => exists(partitionIndex))
      .map((partition) => ({
        topic: name,
        topicId: id,
        partition: partition.partitionIndex,
        offset: partition.committedOffset,
        leaderEpoch: partition.committedLeaderEpoch,
        metadata: partition.committedMetadata,
      })),
  )
  const call = {
    groupId,
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    generationId: request.generationIdOrMemberEpoch,
    knowsGroupIdNotFound: apiVersion >= FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND,
    retentionTimeMs: request.retentionTimeMs,
    offsets,
  }
  const codes = offsets.length === 0 ? [] : await broker.groups.commitOffsets(call)

  let next = 0
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ asked, exists, unknownCode }) => ({
      name: asked.name,
      topicId: asked.topicId,
      partitions: asked.partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: exists(partitionIndex) ? codes[next++]! : unknownCode,
      })),
    })),
  }
})

function refuseAll({ topics }: OffsetCommitRequest, errorCode: ErrorCode) {
  return {
    throttleTimeMs: 0,
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }
}

function locate(asked: AskedTopic, { access, apiVersion, broker }: HandlerContext) {
  const isById = apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS
  const topic = isById ? broker.catalog.topicById(asked.topicId) : broker.catalog.topic(asked.name)
  const isUnknownId = isById && topic === undefined
  const name = isById ? topic?.name : asked.name
  const isForbidden = name !== undefined && !access.may(AclOperation.READ, AclResource.TOPIC, name)
  const count = isForbidden ? 0 : (topic?.partitions ?? 0)
  const unknownCode = isUnknownId
    ? ErrorCode.UNKNOWN_TOPIC_ID
    : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  return {
    asked,
    name: topic?.name ?? '',
    id: topic?.id ?? ZERO_UUID,
    exists: (partition: number) => partition >= 0 && partition < count,
    unknownCode: isForbidden ? ErrorCode.TOPIC_AUTHORIZATION_FAILED : unknownCode,
  }
}
