// API 27, WriteTxnMarkers. Writes commit and abort markers to partitions; sent by transaction
// coordinators.
//
// Versions 1 to 2, all flexible:
//   v2  the transaction version of each marker (KIP-1228)

import { ApiKey } from '../wire/api-keys.ts'
import { array, bool, int8, int16, int32, int64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const writeTxnMarkers = defineApi({
  key: ApiKey.WRITE_TXN_MARKERS,
  name: 'WriteTxnMarkers',
  versions: [1, 2],
  flexibleFrom: 1,
  request: {
    markers: array('0+', {
      producerId: int64('0+'),
      producerEpoch: int16('0+'),
      transactionResult: bool('0+'),
      topics: array('0+', {
        name: string('0+'),
        partitionIndexes: array('0+', 'int32'),
      }),
      coordinatorEpoch: int32('0+'),
      transactionVersion: int8('2+', { default: 0 }),
    }),
  },
  response: {
    markers: array('0+', {
      producerId: int64('0+'),
      topics: array('0+', {
        name: string('0+'),
        partitions: array('0+', {
          partitionIndex: int32('0+'),
          errorCode: int16('0+'),
        }),
      }),
    }),
  },
})

export type WriteTxnMarkersRequest = RequestOf<typeof writeTxnMarkers>
export type WriteTxnMarkersResponse = ResponseOf<typeof writeTxnMarkers>
