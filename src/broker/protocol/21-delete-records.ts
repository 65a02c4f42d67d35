// API 21, DeleteRecords. Moves the start of partitions forward; -1 means the high watermark.
// Source: KIP-107.
//
// Versions 0 to 2, flexible from 2.
// offset saturates: one beyond 2^53-1 lies beyond every end.

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, int64, saturatingInt64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const deleteRecords = defineApi({
  key: ApiKey.DELETE_RECORDS,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        offset: saturatingInt64('0+'),
      }),
    }),
    timeoutMs: int32('0+'),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        lowWatermark: int64('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
})

export type DeleteRecordsRequest = RequestOf<typeof deleteRecords>
export type DeleteRecordsResponse = ResponseOf<typeof deleteRecords>
