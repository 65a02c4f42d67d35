// API 50, DescribeUserScramCredentials. Which SCRAM mechanisms users have credentials for. Source:
// KIP-554.
//
// Version 0, flexible.

import { ApiKey } from '../wire/api-keys.ts'
import { array, int8, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const describeUserScramCredentials = defineApi({
  key: ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS,
  name: 'DescribeUserScramCredentials',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    users: array(
      '0+',
      { nullable: '0+' },
      {
        name: string('0+'),
      },
    ),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    results: array('0+', {
      user: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      credentialInfos: array('0+', {
        mechanism: int8('0+'),
        iterations: int32('0+'),
      }),
    }),
  },
})

export type DescribeUserScramCredentialsRequest = RequestOf<typeof describeUserScramCredentials>
export type DescribeUserScramCredentialsResponse = ResponseOf<typeof describeUserScramCredentials>
