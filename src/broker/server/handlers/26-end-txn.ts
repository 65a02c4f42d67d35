// Versions   0-5
// Behaviour  Commits or aborts. The decision is durable before anything follows from it, and the answer
//            comes when every partition has its marker, so that a reader of committed data sees what was
//            answered; a partition that cannot be written keeps neither waiting. Asked again after a
//            lost answer the same outcome succeeds, the other is 48. v5 moves the producer on to its
//            next epoch (KIP-890); one whose transaction outlived its timeout may abort it with v5 and so go
//            on. Who was fenced hears 90, before v2 47. Takes WRITE on the transactional id (53).
// Differs    Kafka answers before the markers are written.
// from Kafka

import { endTxn } from '../../protocol/26-end-txn.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'
import { fencedError } from '../transaction-errors.ts'

const FIRST_VERSION_WITH_PRODUCER_FENCED = 2
const FIRST_VERSION_WITH_EPOCH = 5

const takes = asks('WRITE TRANSACTIONAL_ID')

export const handler = defineHandler(
  endTxn,
  takes,
  async (request, { access, apiVersion, broker }) => {
    const { transactionalId, producerId, producerEpoch, committed: isCommit } = request
    if (!access.may(AclOperation.WRITE, AclResource.TRANSACTIONAL_ID, transactionalId)) {
      return { throttleTimeMs: 0, errorCode: ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED }
    }
    const reply = await broker.transactions.end({
      transactionalId,
      producerId,
      producerEpoch,
      isCommit,
      bumpsEpoch: apiVersion >= FIRST_VERSION_WITH_EPOCH,
    })
    return {
      throttleTimeMs: 0,
      ...reply,
      errorCode: fencedError(reply.errorCode, apiVersion, FIRST_VERSION_WITH_PRODUCER_FENCED),
    }
  },
)
