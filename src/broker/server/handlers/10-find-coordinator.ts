// Versions   0-6
// Behaviour  This node coordinates every group, at the address that this client reached it by.
// Differs    Transactions (type 1) are refused with 53 and a message until they exist; share groups
// from Kafka (type 2) with 42, as by a Kafka without them.

import { findCoordinator } from '../../protocol/10-find-coordinator.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'

const GROUP = 0
const TRANSACTION = 1
const FIRST_VERSION_WITH_KEYS = 4
const NOBODY = { nodeId: -1, host: '', port: -1 }
const NO_TRANSACTIONS = 'Transactions are not supported yet: leave transactional.id unset.'

export const handler = defineHandler(findCoordinator, (request, context) => {
  const { coordinatorKeys, key, keyType } = request
  const isSeveral = context.apiVersion >= FIRST_VERSION_WITH_KEYS
  const found = find(keyType, isSeveral ? coordinatorKeys : [key], context)
  const coordinators = coordinatorKeys.map((one) => ({ key: one, ...found }))
  return { throttleTimeMs: 0, ...found, coordinators }
})

function find(keyType: number, keys: readonly string[], context: HandlerContext) {
  const { broker, clientId, connection } = context
  if (keyType === GROUP) {
    const { host, port } = connection.advertised
    return { errorCode: ErrorCode.NONE, errorMessage: null, nodeId: broker.nodeId, host, port }
  }
  if (keyType === TRANSACTION) {
    broker.log.warn('transactions-refused', { clientId, transactionalId: keys.join(', ') })
    const errorCode = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    return { errorCode, errorMessage: NO_TRANSACTIONS, ...NOBODY }
  }
  const errorMessage = `There are no coordinators of type ${keyType}.`
  return { errorCode: ErrorCode.INVALID_REQUEST, errorMessage, ...NOBODY }
}
