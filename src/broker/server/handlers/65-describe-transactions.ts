// Versions   0
// Behaviour  State, producer, timeout, start and partitions of transactional ids. An unknown one is 105.
// Differs    In nothing that is known.
// from Kafka

import { describeTransactions } from '../../protocol/65-describe-transactions.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'

const UNKNOWN = {
  transactionState: '',
  transactionTimeoutMs: 0,
  transactionStartTimeMs: 0,
  producerId: 0,
  producerEpoch: 0,
  topics: [],
}

export const handler = defineHandler(describeTransactions, (request, { broker }) => ({
  throttleTimeMs: 0,
  transactionStates: request.transactionalIds.map((transactionalId) => {
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
      topics: [...found.partitions].map(([topic, partitions]) => ({
        topic,
        partitions: [...partitions],
      })),
    }
  }),
}))
