// Versions   0-1
// Behaviour  Joins (epoch 0), stays, leaves (-1, a static member for a while: -2), and tells the member
//            what it has in hand from now on, when it is to know. The answer waits until that is
//            durable. v1 subscribes by a regular expression, and makes the member bring its id.
//            Refused: 42 what makes no sense, 25 and 110 a member or epoch that is not known, 111 an
//            instance id that is still in use, 82 one that was taken over, 112 an assignor that is not
//            there, 128 an expression that cannot be read, 69 no such group or a classic one with
//            members, 81 a full group, 30 and 29 a group or a topic by name that may not be used.
// Differs    Topics of a new expression are found before the answer, not for a later heartbeat. Members
// from Kafka of the classic and the new protocol are never in one group (see
//            group.consumer.migration.policy). A static member that restarts finds its place also in a
//            full group. A group beyond millrace.max.groups is refused with 44, a member beyond
//            millrace.max.group.metadata.bytes with 81.

import { refused } from '../../coordinators/consumer-groups/input.ts'
import { consumerGroupHeartbeat } from '../../protocol/68-consumer-group-heartbeat.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { clientHostOf } from '../client-host.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const FIRST_VERSION_WITH_OWN_MEMBER_ID = 1

const takes = asks('READ GROUP', 'DESCRIBE TOPIC')

export const handler = defineHandler(consumerGroupHeartbeat, takes, async (request, context) => {
  const { access, apiVersion, broker, clientId, connection } = context
  const { groupId, subscribedTopicNames } = request
  if (!access.may(AclOperation.READ, AclResource.GROUP, groupId)) {
    return forbidden(ErrorCode.GROUP_AUTHORIZATION_FAILED)
  }
  const isHidden = (topic: string) => !access.may(AclOperation.DESCRIBE, AclResource.TOPIC, topic)
  if (subscribedTopicNames?.some(isHidden) === true) {
    return forbidden(ErrorCode.TOPIC_AUTHORIZATION_FAILED)
  }
  const call = {
    ...request,
    clientId: clientId ?? '',
    clientHost: clientHostOf(connection.remoteAddress),
  }
  const requiresMemberId = apiVersion >= FIRST_VERSION_WITH_OWN_MEMBER_ID
  const { assignment, ...reply } = await broker.groups.consumerHeartbeat(call, {
    requiresMemberId,
    maySee: (topic) => access.mayQuietly(AclOperation.DESCRIBE, AclResource.TOPIC, topic),
  })
  return {
    throttleTimeMs: 0,
    ...reply,
    assignment: assignment && { topicPartitions: assignment },
  }
})

function forbidden(errorCode: ErrorCode) {
  return { throttleTimeMs: 0, ...refused(errorCode), assignment: null }
}
