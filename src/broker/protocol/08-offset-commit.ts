// API 8, OffsetCommit. Stores how far a group has read.
//
// Versions 2 to 10, flexible from 8:
//   v2  retention time
//   v5  without retention time, which is the broker's (KIP-211)
//   v6  leader epoch (KIP-320)
//   v7  static membership (KIP-345)
//   v9  groups of the new protocol, GROUP_ID_NOT_FOUND, STALE_MEMBER_EPOCH (KIP-848)
//   v10 topic ids instead of names (KIP-848)

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, int64, saturatingInt64, string, uuid } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const offsetCommit = defineApi({
  key: ApiKey.OFFSET_COMMIT,
  name: 'OffsetCommit',
  versions: [2, 10],
  flexibleFrom: 8,
  request: {
    groupId: string('0+'),
    generationIdOrMemberEpoch: int32('1+', { default: -1 }),
    memberId: string('1+'),
    groupInstanceId: string('7+', { nullable: '7+', default: null }),
    retentionTimeMs: saturatingInt64('2-4', { default: -1 }),
    topics: array('0+', {
      name: string('0-9'),
      topicId: uuid('10+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        committedOffset: int64('0+'),
        committedLeaderEpoch: int32('6+', { default: -1 }),
        committedMetadata: string('0+', { nullable: '0+' }),
      }),
    }),
  },
  response: {
    throttleTimeMs: int32('3+', { default: 0 }),
    topics: array('0+', {
      name: string('0-9'),
      topicId: uuid('10+'),
      partitions: array('0+', {
        partitionIndex: int32('0+'),
        errorCode: int16('0+'),
      }),
    }),
  },
})

export type OffsetCommitRequest = RequestOf<typeof offsetCommit>
export type OffsetCommitResponse = ResponseOf<typeof offsetCommit>
