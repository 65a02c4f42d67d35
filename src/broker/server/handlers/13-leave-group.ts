// Versions   0-5
// Behaviour  Takes members out; the others rebalance. Up to v2 one member, by id; from v3 on several,
//            a static one by its instance id alone (an operator's way). v5 gives a reason, which is
//            for the log of whoever sends it.
// Differs    A member that was only given an id leaves without a rebalance of a stable group.
// from Kafka

import { leaveGroup } from '../../protocol/13-leave-group.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'

const FIRST_VERSION_WITH_MEMBERS = 3

export const handler = defineHandler(leaveGroup, async (request, { apiVersion, broker }) => {
  const { groupId, memberId } = request
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
})
