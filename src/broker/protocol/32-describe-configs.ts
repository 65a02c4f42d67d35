// API 32, DescribeConfigs. The configs of topics, brokers and groups, with where each value comes
// from.
//
// Versions 1 to 4, flexible from 4:
//   v1  source and synonyms (KIP-226)
//   v3  type and documentation (KIP-569)

import { ApiKey } from '../wire/api-keys.ts'
import { array, bool, int8, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const describeConfigs = defineApi({
  key: ApiKey.DESCRIBE_CONFIGS,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexibleFrom: 4,
  request: {
    resources: array('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configurationKeys: array('0+', { nullable: '0+' }, 'string'),
    }),
    includeSynonyms: bool('1+', { default: false }),
    includeDocumentation: bool('3+', { default: false }),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    results: array('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      resourceType: int8('0+'),
      resourceName: string('0+'),
      configs: array('0+', {
        name: string('0+'),
        value: string('0+', { nullable: '0+' }),
        readOnly: bool('0+'),
        configSource: int8('1+', { default: -1 }),
        isSensitive: bool('0+'),
        synonyms: array('1+', {
          name: string('1+'),
          value: string('1+', { nullable: '0+' }),
          source: int8('1+'),
        }),
        configType: int8('3+', { default: 0 }),
        documentation: string('3+', { nullable: '0+' }),
      }),
    }),
  },
})

export type DescribeConfigsRequest = RequestOf<typeof describeConfigs>
export type DescribeConfigsResponse = ResponseOf<typeof describeConfigs>
