// API 65, DescribeTransactions. State of transactional ids. Source: KIP-664.
//
// Version 0, flexible.

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, int64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const describeTransactions = defineApi({
  key: ApiKey.DESCRIBE_TRANSACTIONS,
  name: 'DescribeTransactions',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    transactionalIds: array('0+', 'string'),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    transactionStates: array('0+', {
      errorCode: int16('0+'),
      transactionalId: string('0+'),
      transactionState: string('0+'),
      transactionTimeoutMs: int32('0+'),
      transactionStartTimeMs: int64('0+'),
      producerId: int64('0+'),
      producerEpoch: int16('0+'),
      topics: array('0+', {
        topic: string('0+'),
        partitions: array('0+', 'int32'),
      }),
    }),
  },
})

export type DescribeTransactionsRequest = RequestOf<typeof describeTransactions>
export type DescribeTransactionsResponse = ResponseOf<typeof describeTransactions>
