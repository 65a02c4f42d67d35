// API 10, FindCoordinator. Which broker coordinates a group (key type 0), transactional id (1) or
// share partition (2).
//
// Versions 0 to 6, flexible from 3:
//   v1  key type and error message (KIP-98)
//   v4  several keys at once (KIP-699)
//   v5  TRANSACTION_ABORTABLE (KIP-890)
//   v6  share groups (KIP-932)

import { ApiKey } from '../wire/api-keys.ts'
import { array, int8, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const findCoordinator = defineApi({
  key: ApiKey.FIND_COORDINATOR,
  name: 'FindCoordinator',
  versions: [0, 6],
  flexibleFrom: 3,
  request: {
    key: string('0-3'),
    keyType: int8('1+', { default: 0 }),
    coordinatorKeys: array('4+', 'string'),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    errorCode: int16('0-3'),
    errorMessage: string('1-3', { nullable: '1-3' }),
    nodeId: int32('0-3'),
    host: string('0-3'),
    port: int32('0-3'),
    coordinators: array('4+', {
      key: string('4+'),
      nodeId: int32('4+'),
      host: string('4+'),
      port: int32('4+'),
      errorCode: int16('4+'),
      errorMessage: string('4+', { nullable: '4+' }),
    }),
  },
})

export type FindCoordinatorRequest = RequestOf<typeof findCoordinator>
export type FindCoordinatorResponse = ResponseOf<typeof findCoordinator>
