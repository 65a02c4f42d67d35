// Versions   0
// Behaviour  Deletes committed offsets, answered once that is durable. Topics that a member subscribes
//            to are refused with 86, partitions that do not exist with 3; a group whose members speak
//            another protocol than the consumers' with 68. Takes DELETE on the group (30) and READ on each
//            topic (29).
// Differs    In nothing that is known.
// from Kafka

import { offsetDelete } from '../../protocol/47-offset-delete.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const takes = asks('DELETE GROUP', 'READ TOPIC')

export const handler = defineHandler(offsetDelete, takes, async (request, { access, broker }) => {
  const { DELETE, READ } = AclOperation
  if (!access.may(DELETE, AclResource.GROUP, request.groupId)) {
    return { throttleTimeMs: 0, errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED, topics: [] }
  }
  const topics = request.topics.map(({ name, partitions }) => {
    const isAllowed = access.may(READ, AclResource.TOPIC, name)
    const count = isAllowed ? (broker.catalog.topic(name)?.partitions ?? 0) : 0
    return {
      name,
      partitions: partitions.map(({ partitionIndex }) => partitionIndex),
      exists: (partition: number) => partition >= 0 && partition < count,
      otherwise: isAllowed
        ? ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
        : ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    }
  })
  const known = topics.flatMap(({ name, partitions, exists }) =>
    partitions.filter(exists).map((partition) => ({ topic: name, partition })),
  )
  const codes = await broker.groups.deleteOffsets(request.groupId, known)
  if (typeof codes === 'number') return { throttleTimeMs: 0, errorCode: codes, topics: [] }

  let next = 0
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    topics: topics.map(({ name, partitions, exists, otherwise }) => ({
      name,
      partitions: partitions.map((partitionIndex) => ({
        partitionIndex,
        errorCode: exists(partitionIndex) ? codes[next++]! : otherwise,
      })),
    })),
  }
})
