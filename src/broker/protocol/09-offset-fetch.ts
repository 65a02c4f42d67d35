// API 9, OffsetFetch. Returns how far groups have read.
//
// Versions 1 to 10, flexible from 6:
//   v2  null asks for all topics; an error for the whole request
//   v5  leader epochs (KIP-320)
//   v7  waits out open transactions (KIP-447)
//   v8  several groups at once (KIP-709)
//   v9  member id and epoch (KIP-848)
//   v10 topic ids instead of names (KIP-848)
// Up to v7 one group is at the top level; from v8 it is in `groups`.

import { ApiKey } from '../wire/api-keys.ts'
import { array, bool, int16, int32, int64, string, uuid } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const offsetFetch = defineApi({
  key: ApiKey.OFFSET_FETCH,
  name: 'OffsetFetch',
  versions: [1, 10],
  flexibleFrom: 6,
  request: {
    groupId: string('0-7'),
    topics: array(
      '0-7',
      { nullable: '2-7' },
      {
        name: string('0-7'),
        partitionIndexes: array('0-7', 'int32'),
      },
    ),
    groups: array('8+', {
      groupId: string('8+'),
      memberId: string('9+', { nullable: '9+', default: null }),
      memberEpoch: int32('9+', { default: -1 }),
      topics: array(
        '8+',
        { nullable: '8+' },
        {
          name: string('8-9'),
          topicId: uuid('10+'),
          partitionIndexes: array('8+', 'int32'),
        },
      ),
    }),
    requireStable: bool('7+', { default: false }),
  },
  response: {
    throttleTimeMs: int32('3+', { default: 0 }),
    topics: array('0-7', {
      name: string('0-7'),
      partitions: array('0-7', {
        partitionIndex: int32('0-7'),
        committedOffset: int64('0-7'),
        committedLeaderEpoch: int32('5-7', { default: -1 }),
        metadata: string('0-7', { nullable: '0-7' }),
        errorCode: int16('0-7'),
      }),
    }),
    errorCode: int16('2-7', { default: 0 }),
    groups: array('8+', {
      groupId: string('8+'),
      topics: array('8+', {
        name: string('8-9'),
        topicId: uuid('10+'),
        partitions: array('8+', {
          partitionIndex: int32('8+'),
          committedOffset: int64('8+'),
          committedLeaderEpoch: int32('8+', { default: -1 }),
          metadata: string('8+', { nullable: '8+' }),
          errorCode: int16('8+'),
        }),
      }),
      errorCode: int16('8+', { default: 0 }),
    }),
  },
})

export type OffsetFetchRequest = RequestOf<typeof offsetFetch>
export type OffsetFetchResponse = ResponseOf<typeof offsetFetch>
