// API 37, CreatePartitions. Adds partitions to topics. Source: KIP-195.
//
// Versions 0 to 3, flexible from 2:
//   v3  THROTTLING_QUOTA_EXCEEDED (KIP-599)

import { ApiKey } from '../wire/api-keys.ts'
import { array, bool, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const createPartitions = defineApi({
  key: ApiKey.CREATE_PARTITIONS,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexibleFrom: 2,
  request: {
    topics: array('0+', {
      name: string('0+'),
      count: int32('0+'),
      assignments: array(
        '0+',
        { nullable: '0+' },
        {
          brokerIds: array('0+', 'int32'),
        },
      ),
    }),
    timeoutMs: int32('0+'),
    validateOnly: bool('0+'),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    results: array('0+', {
      name: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+', default: null }),
    }),
  },
})

export type CreatePartitionsRequest = RequestOf<typeof createPartitions>
export type CreatePartitionsResponse = ResponseOf<typeof createPartitions>
