// API 24, AddPartitionsToTxn. Adds partitions to a transaction.
//
// Versions 0 to 5, flexible from 3:
//   v2  PRODUCER_FENCED (KIP-588)
//   v4  several transactions, from brokers only
//   v5  TRANSACTION_ABORTABLE (KIP-890)
// Clients send up to v3, with the fields prefixed `v3AndBelow`.

import { ApiKey } from '../wire/api-keys.ts'
import { array, bool, int16, int32, int64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

const addPartitionsToTxnTopic = {
  name: string('0+'),
  partitions: array('0+', 'int32'),
} as const

const addPartitionsToTxnPartitionResult = {
  partitionIndex: int32('0+'),
  partitionErrorCode: int16('0+'),
} as const

const addPartitionsToTxnTopicResult = {
  name: string('0+'),
  resultsByPartition: array('0+', addPartitionsToTxnPartitionResult),
} as const

export const addPartitionsToTxn = defineApi({
  key: ApiKey.ADD_PARTITIONS_TO_TXN,
  name: 'AddPartitionsToTxn',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactions: array('4+', {
      transactionalId: string('4+'),
      producerId: int64('4+'),
      producerEpoch: int16('4+'),
      verifyOnly: bool('4+', { default: false }),
      topics: array('4+', addPartitionsToTxnTopic),
    }),
    v3AndBelowTransactionalId: string('0-3'),
    v3AndBelowProducerId: int64('0-3'),
    v3AndBelowProducerEpoch: int16('0-3'),
    v3AndBelowTopics: array('0-3', addPartitionsToTxnTopic),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('4+'),
    resultsByTransaction: array('4+', {
      transactionalId: string('4+'),
      topicResults: array('4+', addPartitionsToTxnTopicResult),
    }),
    resultsByTopicV3AndBelow: array('0-3', addPartitionsToTxnTopicResult),
  },
})

export type AddPartitionsToTxnRequest = RequestOf<typeof addPartitionsToTxn>
export type AddPartitionsToTxnResponse = ResponseOf<typeof addPartitionsToTxn>
