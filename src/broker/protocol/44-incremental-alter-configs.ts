// API 44, IncrementalAlterConfigs. Sets, deletes, appends to and subtracts from single configs.
// Source: KIP-339.
//
// Versions 0 to 1, flexible from 1.

import { ApiKey } from '../wire/api-keys.ts'
import { array, bool, int8, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const incrementalAlterConfigs = defineApi({
  key: ApiKey.INCREMENTAL_ALTER_CONFIGS,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexibleFrom: 1,
  request: {
    resources: array('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configs: array('0+', {
        name: string('0+'),
        configOperation: int8('0+'),
        value: string('0+', { nullable: '0+' }),
      }),
    }),
    validateOnly: bool('0+'),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    responses: array('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      resourceType: int8('0+'),
      resourceName: string('0+'),
    }),
  },
})

export type IncrementalAlterConfigsRequest = RequestOf<typeof incrementalAlterConfigs>
export type IncrementalAlterConfigsResponse = ResponseOf<typeof incrementalAlterConfigs>
