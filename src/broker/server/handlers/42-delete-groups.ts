// Versions   0-2
// Behaviour  Deletes groups with their offsets, answered once that is durable. A group with members
//            is refused with 68, one that does not exist with 69. Takes DELETE on the group (30).
// Differs    In nothing that is known.
// from Kafka

import { deleteGroups } from '../../protocol/42-delete-groups.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const takes = asks('DELETE GROUP')

export const handler = defineHandler(deleteGroups, takes, async (request, { access, broker }) => {
  const groupIds = [...new Set(request.groupsNames)]
  const results = groupIds.map(async (groupId) => ({
    groupId,
    errorCode: access.may(AclOperation.DELETE, AclResource.GROUP, groupId)
      ? await broker.groups.delete(groupId)
      : ErrorCode.GROUP_AUTHORIZATION_FAILED,
  }))
  return { throttleTimeMs: 0, results: await Promise.all(results) }
})
