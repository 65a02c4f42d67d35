// Versions   0-6
// Behaviour  A group that does not exist is Dead, without an error up to v5 and with 69 in v6. What
//            members know and were assigned is shown while the group is stable. A hidden group is 30. A
//            group of the new protocol is none here: ConsumerGroupDescribe knows it.
// Differs    In nothing that is known.
// from Kafka

import { describeGroups } from '../../protocol/15-describe-groups.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'
import { OPERATIONS_NOT_ASKED } from '../security/supported-operations.ts'

const FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND = 6

const takes = asks('DESCRIBE GROUP')

export const handler = defineHandler(
  describeGroups,
  takes,
  (request, { access, apiVersion, broker }) => ({
    throttleTimeMs: 0,
    groups: request.groups.map((groupId) => {
      if (!access.may(AclOperation.DESCRIBE, AclResource.GROUP, groupId)) return hidden(groupId)
      const { errorCode, description } = broker.groups.describe(groupId)
      const isMissing = errorCode === ErrorCode.GROUP_ID_NOT_FOUND
      const isSilent = isMissing && apiVersion < FIRST_VERSION_WITH_GROUP_ID_NOT_FOUND
      const isDescribed = errorCode === ErrorCode.NONE || isSilent
      return {
        groupId,
        errorCode: isSilent ? ErrorCode.NONE : errorCode,
        errorMessage: isMissing && !isSilent ? whyMissing(groupId, broker) : null,
        ...description,
        authorizedOperations:
          request.includeAuthorizedOperations && isDescribed
            ? access.operationsOn(AclResource.GROUP, groupId)
            : OPERATIONS_NOT_ASKED,
      }
    }),
  }),
)

function hidden(groupId: string) {
  return {
    groupId,
    errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED,
    errorMessage: null,
    groupState: '',
    protocolType: '',
    protocolData: '',
    members: [],
    authorizedOperations: OPERATIONS_NOT_ASKED,
  }
}

function whyMissing(groupId: string, { groups }: HandlerContext['broker']): string {
  const isOther = groups.kindOf(groupId) === 'consumer'
  return isOther ? `Group ${groupId} is not a classic group.` : `Group ${groupId} not found.`
}
