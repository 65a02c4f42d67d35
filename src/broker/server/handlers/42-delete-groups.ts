// Versions   0-2
// Behaviour  Deletes groups with their offsets, answered once that is durable. A group with members
//            is refused with 68, one that does not exist with 69.
// Differs    In nothing that is known.
// from Kafka

import { deleteGroups } from '../../protocol/42-delete-groups.ts'
import { defineHandler } from '../handler.ts'

export const handler = defineHandler(deleteGroups, async (request, { broker }) => {
  const groupIds = [...new Set(request.groupsNames)]
  const results = groupIds.map(async (groupId) => ({
    groupId,
    errorCode: await broker.groups.delete(groupId),
  }))
  return { throttleTimeMs: 0, results: await Promise.all(results) }
})
