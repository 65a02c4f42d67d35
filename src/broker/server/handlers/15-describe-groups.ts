// Versions   0-6
// Behaviour  A group that does not exist is Dead, without an error up to v5 and with 69 in v6. What
//            members know and were assigned is shown while the group is stable.
// Differs    Everybody may do everything until there is access control, and is told so.
// from Kafka

import { describeGroups } from '../../protocol/15-describe-groups.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { groupOperations, OPERATIONS_NOT_ASKED } from '../authorized-operations.ts'
import { defineHandler } from '../handler.ts'

const FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND = 6

export const handler = defineHandler(describeGroups, (request, { apiVersion, broker }) => ({
  throttleTimeMs: 0,
  groups: request.groups.map((groupId) => {
    const { errorCode, description } = broker.groups.describe(groupId)
    const isMissing = errorCode === ErrorCode.GROUP_ID_NOT_FOUND
    const isSilent = isMissing && apiVersion < FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND
    const isDescribed = errorCode === ErrorCode.NONE || isSilent
    return {
      groupId,
      errorCode: isSilent ? ErrorCode.NONE : errorCode,
      errorMessage: isMissing ? `Group ${groupId} not found.` : null,
      ...description,
      authorizedOperations:
        request.includeAuthorizedOperations && isDescribed ? groupOperations : OPERATIONS_NOT_ASKED,
    }
  }),
}))
