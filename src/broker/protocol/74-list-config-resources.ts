// API 74, ListConfigResources. Names of the resources that have configs.
//
// Versions 0 to 1, all flexible:
//   v0  client metrics only (KIP-714)
//   v1  any type of resource (KIP-1142)

import { ApiKey } from '../wire/api-keys.ts'
import { array, int8, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const listConfigResources = defineApi({
  key: ApiKey.LIST_CONFIG_RESOURCES,
  name: 'ListConfigResources',
  versions: [0, 1],
  flexibleFrom: 0,
  request: {
    resourceTypes: array('1+', 'int8'),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('0+'),
    configResources: array('0+', {
      resourceName: string('0+'),
      resourceType: int8('1+', { default: 16 }),
    }),
  },
})

export type ListConfigResourcesRequest = RequestOf<typeof listConfigResources>
export type ListConfigResourcesResponse = ResponseOf<typeof listConfigResources>
