// API 47, OffsetDelete. Deletes committed offsets of a group. Source: KIP-496.
//
// Version 0.
// Never flexible, as the first and only version is not.

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const offsetDelete = defineApi({
  key: ApiKey.OFFSET_DELETE,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexibleFrom: 'never',
  request: {
    groupId: string('0+'),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
      }),
    }),
  },
  response: {
    errorCode: int16('0+'),
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

export type OffsetDeleteRequest = RequestOf<typeof offsetDelete>
export type OffsetDeleteResponse = ResponseOf<typeof offsetDelete>
