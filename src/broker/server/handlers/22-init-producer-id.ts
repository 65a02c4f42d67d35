// Versions   0-5
// Behaviour  Gives an idempotent producer an id that no other ever had: ids come from blocks that the
//            catalogue stored durably before the first of them is answered. Like Kafka, a producer
//            without a transactional id always gets a new id with epoch 0, also when it names the one
//            it had (KIP-360 bumps the epoch of such a producer in the client). With a transactional
//            id it takes over from whoever had it: the next epoch, or after the last one a new id;
//            51 while an open transaction is being aborted, 50 for a timeout beyond the maximum, and
//            for who was fenced 90, before v4 47. A producer that names what it had goes on also when
//            its transaction was aborted meanwhile (KIP-360), unless another has taken over. Takes WRITE
//            on the transactional id (53); without one IDEMPOTENT_WRITE on the cluster, or WRITE on any
//            topic (31, KIP-679).
// Differs    A transactional id beyond millrace.max.transactional.ids is refused with 44. A fenced
// from Kafka producer that asks to go on does not abort its successor's open transaction.

import { CLUSTER_NAME } from '../../catalog/acl.ts'
import { initProducerId } from '../../protocol/22-init-producer-id.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { describeError } from '../json-log.ts'
import type { Access } from '../security/access.ts'
import { asks } from '../security/access-rule.ts'
import { fencedError } from '../transaction-errors.ts'

const NO_PRODUCER_ID = -1
const NO_PRODUCER_EPOCH = -1
const FIRST_VERSION_WITH_PRODUCER_FENCED = 4

const takes = asks('WRITE TRANSACTIONAL_ID', 'IDEMPOTENT_WRITE CLUSTER', 'WRITE TOPIC')

export const handler = defineHandler(
  initProducerId,
  takes,
  async (request, { access, broker, apiVersion }) => {
    const { transactionalId, transactionTimeoutMs: timeoutMs, producerId, producerEpoch } = request
    const forbidden = explainForbidden(transactionalId, access)
    if (forbidden !== undefined) return refuse(forbidden)
    const hasId = producerId !== NO_PRODUCER_ID
    const hasEpoch = producerEpoch !== NO_PRODUCER_EPOCH
    if (hasId !== hasEpoch) return refuse(ErrorCode.INVALID_REQUEST)
    if (transactionalId !== null) {
      const expected = hasId ? { producerId, producerEpoch } : null
      const reply = await broker.transactions.init({ transactionalId, timeoutMs, expected })
      const from = FIRST_VERSION_WITH_PRODUCER_FENCED
      return {
        throttleTimeMs: 0,
        ...reply,
        errorCode: fencedError(reply.errorCode, apiVersion, from),
      }
    }
    try {
      const newProducerId = await broker.producerIds.take()
      return {
        throttleTimeMs: 0,
        errorCode: ErrorCode.NONE,
        producerId: newProducerId,
        producerEpoch: 0,
      }
    } catch (error) {
      // The disk may have room again in a while: a code that clients retry.
      broker.log.error('producer-ids-not-stored', { error: describeError(error) })
      return refuse(ErrorCode.COORDINATOR_NOT_AVAILABLE)
    }
  },
)

function explainForbidden(transactionalId: string | null, access: Access): ErrorCode | undefined {
  const { IDEMPOTENT_WRITE, WRITE } = AclOperation
  if (transactionalId !== null) {
    const isAllowed = access.may(WRITE, AclResource.TRANSACTIONAL_ID, transactionalId)
    return isAllowed ? undefined : ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  }
  if (access.mayQuietly(IDEMPOTENT_WRITE, AclResource.CLUSTER, CLUSTER_NAME)) return undefined
  const isAllowed = access.maySomewhere(WRITE, AclResource.TOPIC)
  return isAllowed ? undefined : ErrorCode.CLUSTER_AUTHORIZATION_FAILED
}

function refuse(errorCode: ErrorCode) {
  return {
    throttleTimeMs: 0,
    errorCode,
    producerId: NO_PRODUCER_ID,
    producerEpoch: NO_PRODUCER_EPOCH,
  }
}
