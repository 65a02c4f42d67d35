// Versions   0-1
// Behaviour  Consumer groups of the new protocol: epochs, assignor, and for each member what it has in
//            hand and what it is to have. A group that does not exist, or a classic one, is 69. v1 says
//            that all members use the new protocol. A hidden group is 30, one with a hidden topic 29.
// Differs    In nothing that is known.
// from Kafka

import type { ConsumerGroupDescription } from '../../coordinators/consumer-groups/describe.ts'
import { consumerGroupDescribe } from '../../protocol/69-consumer-group-describe.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'
import { OPERATIONS_NOT_ASKED } from '../security/supported-operations.ts'

const CONSUMER_MEMBER = 1
const NOTHING = {
  groupState: '',
  groupEpoch: 0,
  assignmentEpoch: 0,
  assignorName: '',
  members: [],
  authorizedOperations: OPERATIONS_NOT_ASKED,
}

const takes = asks('DESCRIBE GROUP', 'DESCRIBE TOPIC')

export const handler = defineHandler(consumerGroupDescribe, takes, (request, context) => {
  const { access, broker } = context
  const groups = [...new Set(request.groupIds)].map((groupId) => {
    if (!access.may(AclOperation.DESCRIBE, AclResource.GROUP, groupId)) {
      return hidden(groupId, ErrorCode.GROUP_AUTHORIZATION_FAILED, null)
    }
    const found = broker.groups.describeConsumerGroup(groupId)
    if (typeof found === 'number') {
      return hidden(groupId, found, whyMissing(groupId, found, broker))
    }
    if (topicsOf(found.description).some((topic) => isHidden(topic, context))) {
      return hidden(groupId, ErrorCode.TOPIC_AUTHORIZATION_FAILED, HIDDEN_TOPIC)
    }
    const { members, ...group } = found.description
    return {
      groupId,
      errorCode: ErrorCode.NONE,
      errorMessage: null,
      ...group,
      authorizedOperations: request.includeAuthorizedOperations
        ? access.operationsOn(AclResource.GROUP, groupId)
        : OPERATIONS_NOT_ASKED,
      members: members.map(({ assignment, targetAssignment, ...member }) => ({
        ...member,
        assignment: { topicPartitions: assignment },
        targetAssignment: { topicPartitions: targetAssignment },
        memberType: CONSUMER_MEMBER,
      })),
    }
  })
  return { throttleTimeMs: 0, groups }
})

const HIDDEN_TOPIC =
  'The group has described topic(s) that the client is not authorized to describe.'

function isHidden(topic: string, { access }: HandlerContext): boolean {
  return !access.may(AclOperation.DESCRIBE, AclResource.TOPIC, topic)
}

/** Those that its members subscribe to by name, have, or are to have. */
function topicsOf({ members }: ConsumerGroupDescription): readonly string[] {
  const names = members.flatMap(({ subscribedTopicNames, assignment, targetAssignment }) => [
    ...subscribedTopicNames,
    ...[...assignment, ...targetAssignment].map(({ topicName }) => topicName),
  ])
  return [...new Set(names)]
}

function hidden(groupId: string, errorCode: ErrorCode, errorMessage: string | null) {
  return { groupId, errorCode, errorMessage, ...NOTHING }
}

function whyMissing(
  groupId: string,
  errorCode: ErrorCode,
  { groups }: HandlerContext['broker'],
): string | null {
  if (errorCode !== ErrorCode.GROUP_ID_NOT_FOUND) return null
  const isOther = groups.kindOf(groupId) === 'classic'
  return isOther ? `Group ${groupId} is not a consumer group.` : `Group ${groupId} not found.`
}
