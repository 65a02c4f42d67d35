// API 11, JoinGroup. Joins a classic consumer group and waits for the rebalance.
//
// Versions 0 to 9, flexible from 6:
//   v1  rebalance timeout (KIP-62)
//   v4  MEMBER_ID_REQUIRED before a second join (KIP-394)
//   v5  static membership (KIP-345)
//   v7  protocol type in the response (KIP-559)
//   v8  the reason of joining (KIP-800)
//   v9  skip assignment (KIP-814)
// Before v1 the session timeout is the rebalance timeout too; -1 stands for that.

import { ApiKey } from '../wire/api-keys.ts'
import { array, bool, bytes, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const joinGroup = defineApi({
  key: ApiKey.JOIN_GROUP,
  name: 'JoinGroup',
  versions: [0, 9],
  flexibleFrom: 6,
  request: {
    groupId: string('0+'),
    sessionTimeoutMs: int32('0+'),
    rebalanceTimeoutMs: int32('1+', { default: -1 }),
    memberId: string('0+'),
    groupInstanceId: string('5+', { nullable: '5+', default: null }),
    protocolType: string('0+'),
    protocols: array('0+', {
      name: string('0+'),
      metadata: bytes('0+'),
    }),
    reason: string('8+', { nullable: '8+', default: null }),
  },
  response: {
    throttleTimeMs: int32('2+', { default: 0 }),
    errorCode: int16('0+'),
    generationId: int32('0+', { default: -1 }),
    protocolType: string('7+', { nullable: '7+', default: null }),
    protocolName: string('0+', { nullable: '7+' }),
    leader: string('0+'),
    skipAssignment: bool('9+', { default: false }),
    memberId: string('0+'),
    members: array('0+', {
      memberId: string('0+'),
      groupInstanceId: string('5+', { nullable: '5+', default: null }),
      metadata: bytes('0+'),
    }),
  },
})

export type JoinGroupRequest = RequestOf<typeof joinGroup>
export type JoinGroupResponse = ResponseOf<typeof joinGroup>
