// API 12, Heartbeat. Tells the group coordinator that a member is alive.
//
// Versions 0 to 4, flexible from 4:
//   v3  static membership (KIP-345)

import { ApiKey } from '../wire/api-keys.ts'
import { int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const heartbeat = defineApi({
  key: ApiKey.HEARTBEAT,
  name: 'Heartbeat',
  versions: [0, 4],
  flexibleFrom: 4,
  request: {
    groupId: string('0+'),
    generationId: int32('0+'),
    memberId: string('0+'),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    errorCode: int16('0+'),
  },
})

export type HeartbeatRequest = RequestOf<typeof heartbeat>
export type HeartbeatResponse = ResponseOf<typeof heartbeat>
