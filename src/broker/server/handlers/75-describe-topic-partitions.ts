// Versions   0.
// Behaviour  Topics sorted by name with their partitions, in pages: at most as many partitions as the
//            request and `max.request.partition.size.limit` allow, and a cursor to where the next page
//            begins. No topic named means all. Makes no topic. A cursor before partition 0: 42. Hidden
//            topics are left out of all, and 29 when they are named.
// Differs    With one replica there is never another that could lead, so those lists are empty.

import { ZERO_UUID } from '../../bytes/uuid.ts'
import { explainIllegalTopicName } from '../../catalog/topic-name.ts'
import {
  type DescribeTopicPartitionsRequest,
  type DescribeTopicPartitionsResponse,
  describeTopicPartitions,
} from '../../protocol/75-describe-topic-partitions.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'
import { OPERATIONS_NOT_ASKED } from '../security/supported-operations.ts'
import { viewPartition } from '../topic-view.ts'

type TopicAnswer = DescribeTopicPartitionsResponse['topics'][number]
type Cursor = NonNullable<DescribeTopicPartitionsResponse['nextCursor']>

const takes = asks('DESCRIBE TOPIC')

export const handler = defineHandler(describeTopicPartitions, takes, (request, context) => {
  const { cursor } = request
  const { names, hidden } = visible(request, context)
  if (cursor !== null && cursor.partitionIndex < 0) {
    const asked = [...names, ...hidden]
    return { topics: asked.map((name) => without(name, ErrorCode.INVALID_REQUEST)) }
  }
  const refused = hidden.map((name) => without(name, ErrorCode.TOPIC_AUTHORIZATION_FAILED))
  let room = Math.max(
    1,
    Math.min(request.responsePartitionLimit, context.broker.config.maxRequestPartitionSizeLimit),
  )
  const topics: TopicAnswer[] = []
  for (const name of names) {
    const from = cursor?.topicName === name ? cursor.partitionIndex : 0
    if (room === 0) return { topics: [...topics, ...refused], nextCursor: at(name, from) }
    const { answer, next } = page(name, { from, room }, context)
    topics.push(answer)
    if (next !== undefined) {
      return { topics: [...topics, ...refused], nextCursor: at(name, next) }
    }
    room -= answer.partitions.length
  }
  return { topics: [...topics, ...refused], nextCursor: null }
})

/** Hidden topics are told of only to who named them. */
function visible(request: DescribeTopicPartitionsRequest, context: HandlerContext) {
  const all = namesFrom(request, context)
  const { access } = context
  const { DESCRIBE } = AclOperation
  if (request.topics.length === 0) {
    const names = all.filter((name) => access.mayQuietly(DESCRIBE, AclResource.TOPIC, name))
    return { names, hidden: [] }
  }
  const names = new Set(all.filter((name) => access.may(DESCRIBE, AclResource.TOPIC, name)))
  return { names: [...names], hidden: all.filter((name) => !names.has(name)) }
}

/** Sorted, each once, from the cursor's topic on. */
function namesFrom(
  { topics, cursor }: DescribeTopicPartitionsRequest,
  { broker }: HandlerContext,
): string[] {
  const asked =
    topics.length === 0
      ? [...broker.catalog.topics()].map(({ name }) => name)
      : [...new Set(topics.map(({ name }) => name))]
  return asked.filter((name) => cursor === null || name >= cursor.topicName).sort()
}

/** Partitions `from` on, at most `room` of them; `next` when some are left. */
function page(
  name: string,
  { from, room }: { from: number; room: number },
  { access, broker }: HandlerContext,
): { answer: TopicAnswer; next?: number } {
  const topic = broker.catalog.topic(name)
  if (topic === undefined) {
    const isIllegal = explainIllegalTopicName(name) !== undefined
    const code = isIllegal
      ? ErrorCode.INVALID_TOPIC_EXCEPTION
      : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    const topicAuthorizedOperations = access.operationsOn(AclResource.TOPIC, name)
    return { answer: { ...without(name, code), topicAuthorizedOperations } }
  }
  const end = Math.min(topic.partitions, from + room)
  const partitions = []
  for (let partition = from; partition < end; partition++) {
    partitions.push({
      ...viewPartition(partition, broker.partitions.get(name, partition)),
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
    })
  }
  const answer = {
    ...without(name, ErrorCode.NONE),
    topicId: topic.id,
    isInternal: topic.isInternal,
    partitions,
    topicAuthorizedOperations: access.operationsOn(AclResource.TOPIC, name),
  }
  return end < topic.partitions ? { answer, next: end } : { answer }
}

function without(name: string, errorCode: ErrorCode): TopicAnswer {
  return {
    errorCode,
    name,
    topicId: ZERO_UUID,
    isInternal: false,
    partitions: [],
    topicAuthorizedOperations: OPERATIONS_NOT_ASKED,
  }
}

function at(topicName: string, partitionIndex: number): Cursor {
  return { topicName, partitionIndex }
}
