// API 28, TxnOffsetCommit. Stores offsets as part of a transaction.
//
// Versions 0 to 5, flexible from 3:
//   v2  leader epoch (KIP-320)
//   v3  member, generation and instance, checked against the group (KIP-447)
//   v4  TRANSACTION_ABORTABLE (KIP-890)
//   v5  adds the offsets to the transaction by itself (KIP-890)

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, int64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const txnOffsetCommit = defineApi({
  key: ApiKey.TXN_OFFSET_COMMIT,
  name: 'TxnOffsetCommit',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactionalId: string('0+'),
    groupId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    generationId: int32('3+', { default: -1 }),
    memberId: string('3+', { default: '' }),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        committedOffset: int64('0+'),
        committedLeaderEpoch: int32('2+', { default: -1 }),
        committedMetadata: string('0+', { nullable: '0+' }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
})

export type TxnOffsetCommitRequest = RequestOf<typeof txnOffsetCommit>
export type TxnOffsetCommitResponse = ResponseOf<typeof txnOffsetCommit>
