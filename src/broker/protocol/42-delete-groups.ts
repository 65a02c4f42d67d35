// API 42, DeleteGroups. Deletes empty groups. Source: KIP-229.
//
// Versions 0 to 2, flexible from 2.

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const deleteGroups = defineApi({
  key: ApiKey.DELETE_GROUPS,
  name: 'DeleteGroups',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    groupsNames: array('0+', 'string'),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    results: array('0+', {
      groupId: string('0+'),
      errorCode: int16('0+'),
    }),
  },
})

export type DeleteGroupsRequest = RequestOf<typeof deleteGroups>
export type DeleteGroupsResponse = ResponseOf<typeof deleteGroups>
