// API 22, InitProducerId. Hands out a producer id and epoch, and fences older producers of a
// transactional id.
//
// Versions 0 to 6, flexible from 2:
//   v3  an id to go on from (KIP-360)
//   v4  PRODUCER_FENCED (KIP-588)
//   v5  TRANSACTION_ABORTABLE (KIP-890)
//   v6  two-phase commit (KIP-939), not stable and so not advertised

import { ApiKey } from '../wire/api-keys.ts'
import { bool, int16, int32, int64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const initProducerId = defineApi({
  key: ApiKey.INIT_PRODUCER_ID,
  name: 'InitProducerId',
  versions: [0, 6],
  flexibleFrom: 2,
  request: {
    transactionalId: string('0+', { nullable: '0+' }),
    transactionTimeoutMs: int32('0+'),
    producerId: int64('3+', { default: -1 }),
    producerEpoch: int16('3+', { default: -1 }),
    enable2Pc: bool('6+', { default: false }),
    keepPreparedTxn: bool('6+', { default: false }),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('0+'),
    producerId: int64('0+', { default: -1 }),
    producerEpoch: int16('0+'),
    ongoingTxnProducerId: int64('6+', { default: -1 }),
    ongoingTxnProducerEpoch: int16('6+', { default: -1 }),
  },
})

export type InitProducerIdRequest = RequestOf<typeof initProducerId>
export type InitProducerIdResponse = ResponseOf<typeof initProducerId>
