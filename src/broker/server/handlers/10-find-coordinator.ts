// Versions   0-6
// Behaviour  This node coordinates every group and every transaction, at the address that this client
//            reached it by.
// Differs    Share groups (type 2) are refused with 42, as by a Kafka without them.
// from Kafka

import { findCoordinator } from '../../protocol/10-find-coordinator.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'

const GROUP = 0
const TRANSACTION = 1
const NOBODY = { nodeId: -1, host: '', port: -1 }

export const handler = defineHandler(findCoordinator, (request, context) => {
  const { coordinatorKeys, keyType } = request
  const found = find(keyType, context)
  const coordinators = coordinatorKeys.map((one) => ({ key: one, ...found }))
  return { throttleTimeMs: 0, ...found, coordinators }
})

function find(keyType: number, { broker, connection }: HandlerContext) {
  if (keyType === GROUP || keyType === TRANSACTION) {
    const { host, port } = connection.advertised
    return { errorCode: ErrorCode.NONE, errorMessage: null, nodeId: broker.nodeId, host, port }
  }
  const errorMessage = `There are no coordinators of type ${keyType}.`
  return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage, ...NOBODY }
}
