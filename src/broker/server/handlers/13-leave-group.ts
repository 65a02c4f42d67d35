// Versions   0-5
// Behaviour  Takes members out; the others rebalance. Up to v2 one member, by id; from v3 on several,
//            a static one by its instance id alone (an operator's way). v5 gives a reason, which is
//            for the log of whoever sends it. A group that may not be used is 30.
// Differs    A member that was only given an id leaves without a rebalance of a stable group.
// from Kafka

import { leaveGroup } from '../../protocol/13-leave-group.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const FIRST_VERSION_WITH_MEMBERS = 3

const takes = asks('READ GROUP')

export const handler = defineHandler(
  leaveGroup,
  takes,
  async (request, { access, apiVersion, broker }) => {
    const { groupId, memberId } = request
    if (!access.may(AclOperation.READ, AclResource.GROUP, groupId)) {
      return { throttleTimeMs: 0, errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED, members: [] }
    }
    if (apiVersion >= FIRST_VERSION_WITH_MEMBERS) {
      const { errorCode, members } = await broker.groups.leave(groupId, request.members)
      return { throttleTimeMs: 0, errorCode, members }
    }
    const { errorCode, members } = await broker.groups.leave(groupId, [
      { memberId, groupInstanceId: null },
    ])
    const ofMember = members[0]?.errorCode ?? ErrorCode.NONE
    return {
      throttleTimeMs: 0,
      errorCode: errorCode === ErrorCode.NONE ? ofMember : errorCode,
      members: [],
    }
  },
)
