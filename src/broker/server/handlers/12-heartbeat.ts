// Versions   0-4
// Behaviour  A life sign of a member; the answer tells it to rejoin (27) or to start anew (22, 25, 82).
//            While its group is being loaded it is taken to be alive. A group that may not be used is 30.
// Differs    In nothing that is known.
// from Kafka

import { heartbeat } from '../../protocol/12-heartbeat.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const takes = asks('READ GROUP')

export const handler = defineHandler(heartbeat, takes, (request, { access, broker }) => ({
  throttleTimeMs: 0,
  errorCode: access.may(AclOperation.READ, AclResource.GROUP, request.groupId)
    ? broker.groups.heartbeat(request)
    : ErrorCode.GROUP_AUTHORIZATION_FAILED,
}))
