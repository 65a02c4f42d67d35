// API 2, ListOffsets. The offset at a timestamp, or at the start or end of partitions.
//
// Versions 1 to 11, flexible from 6:
//   v1  one offset and its timestamp (KIP-79)
//   v2  isolation level (KIP-98)
//   v4  leader epochs (KIP-320)
//   v5  OFFSET_NOT_AVAILABLE
//   v7  timestamp -3, the largest one (KIP-734)
//   v8  timestamp -4, the local log start (KIP-405)
//   v9  timestamp -5, the end of tiered data (KIP-1005)
//   v10 timeout (KIP-1075)
//   v11 timestamp -6, what is not yet uploaded (KIP-1023)
// timestamp saturates: one beyond 2^53-1 is later than every record.

import { ApiKey } from '../wire/api-keys.ts'
import { array, int8, int16, int32, int64, saturatingInt64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const listOffsets = defineApi({
  key: ApiKey.LIST_OFFSETS,
  name: 'ListOffsets',
  versions: [1, 11],
  flexibleFrom: 6,
  request: {
    replicaId: int32('0+'),
    isolationLevel: int8('2+'),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        currentLeaderEpoch: int32('4+', { default: -1 }),
        timestamp: saturatingInt64('0+'),
      }),
    }),
    timeoutMs: int32('10+'),
  },
  response: {
    throttleTimeMs: int32('2+', { default: 0 }),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
        timestamp: int64('1+', { default: -1 }),
        offset: int64('1+', { default: -1 }),
        leaderEpoch: int32('4+', { default: -1 }),
      }),
    }),
  },
})

export type ListOffsetsRequest = RequestOf<typeof listOffsets>
export type ListOffsetsResponse = ResponseOf<typeof listOffsets>
