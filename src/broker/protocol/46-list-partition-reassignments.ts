// API 46, ListPartitionReassignments. The reassignments under way. Source: KIP-455.
//
// Version 0, flexible.

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const listPartitionReassignments = defineApi({
  key: ApiKey.LIST_PARTITION_REASSIGNMENTS,
  name: 'ListPartitionReassignments',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    timeoutMs: int32('0+', { default: 60000 }),
    topics: array(
      '0+',
      { nullable: '0+', default: null },
      {
        name: string('0+'),
        partitionIndexes: array('0+', 'int32'),
      },
    ),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    topics: array('0+', {
      name: string('0+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        replicas: array('0+', 'int32'),
        addingReplicas: array('0+', 'int32'),
        removingReplicas: array('0+', 'int32'),
      }),
    }),
  },
})

export type ListPartitionReassignmentsRequest = RequestOf<typeof listPartitionReassignments>
export type ListPartitionReassignmentsResponse = ResponseOf<typeof listPartitionReassignments>
