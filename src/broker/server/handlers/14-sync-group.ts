// Versions   0-5
// Behaviour  Waits for the leader's assignment, which is answered once it is durable. v5 names the
//            protocol, which must be the group's (23). A group that may not be used is 30.
// Differs    In nothing that is known.
// from Kafka

import { syncGroup } from '../../protocol/14-sync-group.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const FIRST_VERSION_WITH_PROTOCOL = 5

const takes = asks('READ GROUP')

export const handler = defineHandler(
  syncGroup,
  takes,
  async (request, { access, apiVersion, broker }) => {
    const { protocolType, protocolName } = request
    const lacksProtocol = protocolType === null || protocolName === null
    if (apiVersion >= FIRST_VERSION_WITH_PROTOCOL && lacksProtocol) {
      return refuse(ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    }
    if (!access.may(AclOperation.READ, AclResource.GROUP, request.groupId)) {
      return refuse(ErrorCode.GROUP_AUTHORIZATION_FAILED)
    }
    const reply = await broker.groups.sync({
      ...request,
      // Copies: the frame goes, the member stays.
      assignments: request.assignments.map(({ memberId, assignment }) => ({
        memberId,
        assignment: Buffer.from(assignment),
      })),
    })
    return { throttleTimeMs: 0, ...reply }
  },
)

function refuse(errorCode: ErrorCode) {
  return { throttleTimeMs: 0, errorCode, assignment: Buffer.alloc(0) }
}
