// Versions   0-5
// Behaviour  Waits for the leader's assignment, which is answered once it is durable. v5 names the
//            protocol, which must be the group's (23).
// Differs    In nothing that is known.
// from Kafka

import { syncGroup } from '../../protocol/14-sync-group.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'

const FIRST_VERSION_WITH_PROTOCOL = 5

export const handler = defineHandler(syncGroup, async (request, { apiVersion, broker }) => {
  const { protocolType, protocolName } = request
  const lacksProtocol = protocolType === null || protocolName === null
  if (apiVersion >= FIRST_VERSION_WITH_PROTOCOL && lacksProtocol) {
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
      assignment: Buffer.alloc(0),
    }
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
})
