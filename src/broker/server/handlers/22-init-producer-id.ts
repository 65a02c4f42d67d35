// Versions   0-5
// Behaviour  Gives an idempotent producer an id that no other ever had: ids come from blocks that the
//            catalogue stored durably before the first of them is answered. Like Kafka, a producer
//            without a transactional id always gets a new id with epoch 0, also when it names the one
//            it had (KIP-360 bumps the epoch of such a producer in the client).
// Differs    A transactional id is refused with 53 until transactions exist.
// from Kafka

import { initProducerId } from '../../protocol/22-init-producer-id.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { describeError } from '../json-log.ts'

const NO_PRODUCER_ID = -1
const NO_PRODUCER_EPOCH = -1

export const handler = defineHandler(initProducerId, async (request, { broker, clientId }) => {
  if (request.transactionalId !== null) {
    broker.log.warn('transactions-refused', { clientId, transactionalId: request.transactionalId })
    return refuse(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
  }
  const hasId = request.producerId !== NO_PRODUCER_ID
  const hasEpoch = request.producerEpoch !== NO_PRODUCER_EPOCH
  if (hasId !== hasEpoch) return refuse(ErrorCode.INVALID_REQUEST)
  try {
    const producerId = await broker.producerIds.take()
    return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, producerId, producerEpoch: 0 }
  } catch (error) {
    // The disk may have room again in a while: a code that clients retry.
    broker.log.error('producer-ids-not-stored', { error: describeError(error) })
    return refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE)
  }
})

function refuse(errorCode: ErrorCode) {
  return {
    throttleTimeMs: 0,
    errorCode,
    producerId: NO_PRODUCER_ID,
    producerEpoch: NO_PRODUCER_EPOCH,
  }
}
