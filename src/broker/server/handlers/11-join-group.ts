// Versions   0-9
// Behaviour  Waits until the group's members have joined, or the rebalance timeout is over. v4+ sends
//            a newcomer away once, with the member id to come back with (79). Only the leader hears of
//            the others. From v9 on a static leader that restarted is told to skip the assignment. A group
//            that may not be used is 30.
// Differs    A group beyond millrace.max.groups is refused with 44, a member beyond
// from Kafka millrace.max.group.metadata.bytes with 81. A JoinGroup that is overtaken by
//            another one of the same member is answered with 27, not left unanswered. A static member
//            that restarts finds its place also in a full group. A consumer group of the new
//            protocol that has members takes no classic ones beside them, and answers 23.

import { joinGroup } from '../../protocol/11-join-group.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { clientHostOf } from '../client-host.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const FIRST_VERSION_WITH_REBALANCE_TIMEOUT = 1
const FIRST_VERSION_WITH_REQUIRED_MEMBER_ID = 4
const FIRST_VERSION_WITH_NULL_PROTOCOL = 7
const FIRST_VERSION_WITH_SKIP_ASSIGNMENT = 9

const takes = asks('READ GROUP')

export const handler = defineHandler(joinGroup, takes, async (request, context) => {
  const { access, apiVersion, broker, clientId, connection } = context
  const mayBeNull = apiVersion >= FIRST_VERSION_WITH_NULL_PROTOCOL
  if (!access.may(AclOperation.READ, AclResource.GROUP, request.groupId)) {
    return { throttleTimeMs: 0, ...FORBIDDEN, protocolName: mayBeNull ? null : '' }
  }
  const hasRebalanceTimeout = apiVersion >= FIRST_VERSION_WITH_REBALANCE_TIMEOUT
  const reply = await broker.groups.join({
    groupId: request.groupId,
    memberId: request.memberId,
    groupInstanceId: request.groupInstanceId,
    clientId: clientId ?? '',
    clientHost: clientHostOf(connection.remoteAddress),
    sessionTimeoutMs: request.sessionTimeoutMs,
    rebalanceTimeoutMs: hasRebalanceTimeout ? request.rebalanceTimeoutMs : request.sessionTimeoutMs,
    protocolType: request.protocolType,
    // Copies: the frame goes, the member stays.
    protocols: request.protocols.map(({ name, metadata }) => ({
      name,
      metadata: Buffer.from(metadata),
    })),
    requiresMemberId: apiVersion >= FIRST_VERSION_WITH_REQUIRED_MEMBER_ID,
    maySkipAssignment: apiVersion >= FIRST_VERSION_WITH_SKIP_ASSIGNMENT,
  })
  const protocolName = reply.protocolName ?? (mayBeNull ? null : '')
  return { throttleTimeMs: 0, ...reply, protocolName }
})

const FORBIDDEN = {
  errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED,
  generationId: -1,
  protocolType: null,
  leader: '',
  skipAssignment: false,
  memberId: '',
  members: [],
}
