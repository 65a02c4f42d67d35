// API 25, AddOffsetsToTxn. Adds a group's offsets to a transaction.
//
// Versions 0 to 4, flexible from 3:
//   v2  PRODUCER_FENCED (KIP-588)
//   v4  TRANSACTION_ABORTABLE (KIP-890)

import { ApiKey } from '../wire/api-keys.ts'
import { int16, int32, int64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const addOffsetsToTxn = defineApi({
  key: ApiKey.ADD_OFFSETS_TO_TXN,
  name: 'AddOffsetsToTxn',
  versions: [0, 4],
  flexibleFrom: 3,
  request: {
    transactionalId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    groupId: string('0+'),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('0+'),
  },
})

export type AddOffsetsToTxnRequest = RequestOf<typeof addOffsetsToTxn>
export type AddOffsetsToTxnResponse = ResponseOf<typeof addOffsetsToTxn>
