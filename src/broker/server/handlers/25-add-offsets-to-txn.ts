// Versions   0-4
// Behaviour  Makes the partition that keeps a group's offsets part of a transaction, so that
//            TxnOffsetCommit may stage offsets there. Who was fenced hears 90, before v2 47. Takes WRITE on
//            the transactional id (53) and READ on the group (30).
// Differs    In nothing that is known.
// from Kafka

import { addOffsetsToTxn } from '../../protocol/25-add-offsets-to-txn.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'
import { fencedError } from '../transaction-errors.ts'

const FIRST_VERSION_WITH_PRODUCER_FENCED = 2

const takes = asks('WRITE TRANSACTIONAL_ID', 'READ GROUP')

export const handler = defineHandler(
  addOffsetsToTxn,
  takes,
  async (request, { access, apiVersion, broker }) => {
    const { transactionalId, groupId } = request
    if (!access.may(AclOperation.WRITE, AclResource.TRANSACTIONAL_ID, transactionalId)) {
      return { throttleTimeMs: 0, errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED }
    }
    if (!access.may(AclOperation.READ, AclResource.GROUP, groupId)) {
      return { throttleTimeMs: 0, errorCode: ErrorCode.GROUP_AUTHORIZATION_FAILED }
    }
    const { errorCode } = await broker.transactions.addOffsets({ ...request, clientVersion: 0 })
    return {
      throttleTimeMs: 0,
      errorCode: fencedError(errorCode, apiVersion, FIRST_VERSION_WITH_PRODUCER_FENCED),
    }
  },
)
