// API 66, ListTransactions. Transactions of this coordinator. Source: KIP-664.
//
// Versions 0 to 2, all flexible:
//   v1  filter by duration (KIP-994)
//   v2  filter by a pattern of ids (KIP-1152)
// durationFilter saturates, as it is only compared.

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, int64, saturatingInt64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const listTransactions = defineApi({
  key: ApiKey.LIST_TRANSACTIONS,
  name: 'ListTransactions',
  versions: [0, 2],
  flexibleFrom: 0,
  request: {
    stateFilters: array('0+', 'string'),
    producerIdFilters: array('0+', 'int64'),
    durationFilter: saturatingInt64('1+', { default: -1 }),
    transactionalIdPattern: string('2+', { nullable: '2+', default: null }),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('0+'),
    unknownStateFilters: array('0+', 'string'),
    transactionStates: array('0+', {
      transactionalId: string('0+'),
      producerId: int64('0+'),
      transactionState: string('0+'),
    }),
  },
})

export type ListTransactionsRequest = RequestOf<typeof listTransactions>
export type ListTransactionsResponse = ResponseOf<typeof listTransactions>
