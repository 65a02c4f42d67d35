// API 26, EndTxn. Commits or aborts a transaction.
//
// Versions 0 to 5, flexible from 3:
//   v2  PRODUCER_FENCED (KIP-588)
//   v4  TRANSACTION_ABORTABLE (KIP-890)
//   v5  the producer's next id and epoch in the response (KIP-890)

import { ApiKey } from '../wire/api-keys.ts'
import { bool, int16, int32, int64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const endTxn = defineApi({
  key: ApiKey.END_TXN,
  name: 'EndTxn',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    transactionalId: string('0+'),
    producerId: int64('0+'),
    producerEpoch: int16('0+'),
    committed: bool('0+'),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('0+'),
    producerId: int64('5+', { default: -1 }),
    producerEpoch: int16('5+', { default: -1 }),
  },
})

export type EndTxnRequest = RequestOf<typeof endTxn>
export type EndTxnResponse = ResponseOf<typeof endTxn>
