// API 20, DeleteTopics. Deletes topics by name or id.
//
// Versions 1 to 6, flexible from 4:
//   v5  error messages, THROTTLING_QUOTA_EXCEEDED (KIP-599)
//   v6  topic ids (KIP-516)

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, string, uuid } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const deleteTopics = defineApi({
  key: ApiKey.DELETE_TOPICS,
  name: 'DeleteTopics',
  versions: [1, 6],
  flexibleFrom: 4,
  request: {
    topics: array('6+', {
      name: string('6+', { nullable: '6+', default: null }),
      topicId: uuid('6+'),
    }),
    topicNames: array('0-5', 'string'),
    timeoutMs: int32('0+'),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    responses: array('0+', {
      name: string('0+', { nullable: '6+' }),
      topicId: uuid('6+'),
      errorCode: int16('0+'),
      errorMessage: string('5+', { nullable: '5+', default: null }),
    }),
  },
})

export type DeleteTopicsRequest = RequestOf<typeof deleteTopics>
export type DeleteTopicsResponse = ResponseOf<typeof deleteTopics>
