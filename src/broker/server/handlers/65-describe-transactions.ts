// Versions   0
// Behaviour  State, producer, timeout, start and partitions of transactional ids. An unknown one is 105, a
//            hidden one 53; hidden topics are left out.
// Differs    In nothing that is known.
// from Kafka

import { describeTransactions } from '../../protocol/65-describe-transactions.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const UNKNOWN = {
  transactionState: '',
  transactionTimeoutMs: 0,
  transactionStartTimeMs: 0,
  producerId: 0,
  producerEpoch: 0,
  topics: [],
}

const takes = asks('DESCRIBE TRANSACTIONAL_ID', 'DESCRIBE TOPIC')

export const handler = defineHandler(
  describeTransactions,
  takes,
  (request, { access, broker }) => ({
    throttleTimeMs: 0,
    transactionStates: request.transactionalIds.map((transactionalId) => {
      if (!access.may(AclOperation.DESCRIBE, AclResource.TRANSACTIONAL_ID, transactionalId)) {
        const errorCode = ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        return { errorCode, transactionalId, ...UNKNOWN }
      }
      const found = broker.transactions.describe(transactionalId)
      if (typeof found === 'number') return { errorCode: found, transactionalId, ...UNKNOWN }
      return {
        errorCode: ErrorCode.NONE,
        transactionalId,
        transactionState: found.state,
        transactionTimeoutMs: found.timeoutMs,
        transactionStartTimeMs: found.startedMs,
        producerId: found.producerId,
        producerEpoch: found.producerEpoch,
        topics: [...found.partitions]
          .filter(([topic]) => access.mayQuietly(AclOperation.DESCRIBE, AclResource.TOPIC, topic))
          .map(([topic, partitions]) => ({ topic, partitions: [...partitions] })),
      }
    }),
  }),
)
