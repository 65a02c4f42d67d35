// API 16, ListGroups. All groups of this coordinator.
//
// Versions 0 to 5, flexible from 3:
//   v4  filters by state (KIP-518)
//   v5  filters by type (KIP-848)

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const listGroups = defineApi({
  key: ApiKey.LIST_GROUPS,
  name: 'ListGroups',
  versions: [0, 5],
  flexibleFrom: 3,
  request: {
    statesFilter: array('4+', 'string'),
    typesFilter: array('5+', 'string'),
  },
  response: {
    throttleTimeMs: int32('1+', { default: 0 }),
    errorCode: int16('0+'),
    groups: array('0+', {
      groupId: string('0+'),
      protocolType: string('0+'),
      groupState: string('4+'),
      groupType: string('5+'),
    }),
  },
})

export type ListGroupsRequest = RequestOf<typeof listGroups>
export type ListGroupsResponse = ResponseOf<typeof listGroups>
