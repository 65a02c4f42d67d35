// API 43, ElectLeaders. Elects preferred or unclean leaders. Source: KIP-183.
//
// Versions 0 to 2, flexible from 2:
//   v1  election type and an error for the whole request (KIP-460)

import { ApiKey } from '../wire/api-keys.ts'
import { array, int8, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const electLeaders = defineApi({
  key: ApiKey.ELECT_LEADERS,
  name: 'ElectLeaders',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    electionType: int8('1+'),
    topicPartitions: array(
      '0+',
      { nullable: '0+' },
      {
        topic: string('0+'),
        partitions: array('0+', 'int32'),
      },
    ),
    timeoutMs: int32('0+', { default: 60000 }),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('1+'),
    replicaElectionResults: array('0+', {
      topic: string('0+'),
      partitionResult: array('0+', {
        partitionId: int32('0+'),
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+' }),
      }),
    }),
  },
})

export type ElectLeadersRequest = RequestOf<typeof electLeaders>
export type ElectLeadersResponse = ResponseOf<typeof electLeaders>
