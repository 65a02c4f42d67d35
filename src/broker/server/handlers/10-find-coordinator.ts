// Versions   0-6
// Behaviour  This node coordinates every group and every transaction, at the address that this client
//            reached it by. A hidden group is 30, a hidden transactional id 53.
// Differs    Share groups (type 2) are refused with 42, as by a Kafka without them.
// from Kafka

import { findCoordinator } from '../../protocol/10-find-coordinator.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const FIRST_VERSION_WITH_MANY_KEYS = 4
const GROUP = 0
const TRANSACTION = 1
const NOBODY = { nodeId: -1, host: '', port: -1 }

const takes = asks('DESCRIBE GROUP', 'DESCRIBE TRANSACTIONAL_ID')

export const handler = defineHandler(findCoordinator, takes, (request, context) => {
  const { coordinatorKeys, keyType } = request
  if (context.apiVersion < FIRST_VERSION_WITH_MANY_KEYS) {
    return { throttleTimeMs: 0, ...find(keyType, request.key, context), coordinators: [] }
  }
  const coordinators = coordinatorKeys.map((key) => ({ key, ...find(keyType, key, context) }))
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    ...NOBODY,
    coordinators,
  }
})

function find(keyType: number, key: string, { access, broker, connection }: HandlerContext) {
  if (keyType === GROUP && !access.may(AclOperation.DESCRIBE, AclResource.GROUP, key)) {
    return { errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED, errorMessage: null, ...NOBODY }
  }
  if (
    keyType === TRANSACTION &&
    !access.may(AclOperation.DESCRIBE, AclResource.TRANSACTIONAL_ID, key)
  ) {
    const errorCode = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    return { errorCode, errorMessage: null, ...NOBODY }
  }
  if (keyType === GROUP || keyType === TRANSACTION) {
    const { host, port } = connection.advertised
    return { errorCode: ErrorCode.NONE, errorMessage: null, nodeId: broker.nodeId, host, port }
  }
  const errorMessage = `There are no coordinators of type ${keyType}.`
  return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage, ...NOBODY }
}
