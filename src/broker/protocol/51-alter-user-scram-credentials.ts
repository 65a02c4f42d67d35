// API 51, AlterUserScramCredentials. Sets and removes SCRAM credentials. Source: KIP-554.
//
// Version 0, flexible.

import { ApiKey } from '../wire/api-keys.ts'
import { array, bytes, int8, int16, int32, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const alterUserScramCredentials = defineApi({
  key: ApiKey.ALTER_USER_SCRAM_CREDENTIALS,
  name: 'AlterUserScramCredentials',
  versions: [0, 0],
  flexibleFrom: 0,
  request: {
    deletions: array('0+', {
      name: string('0+'),
      mechanism: int8('0+'),
    }),
    upsertions: array('0+', {
      name: string('0+'),
      mechanism: int8('0+'),
      iterations: int32('0+'),
      salt: bytes('0+'),
      saltedPassword: bytes('0+'),
    }),
  },
  response: {
    throttleTimeMs: int32('0+', { default: 0 }),
    results: array('0+', {
      user: string('0+'),
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
    }),
  },
})

export type AlterUserScramCredentialsRequest = RequestOf<typeof alterUserScramCredentials>
export type AlterUserScramCredentialsResponse = ResponseOf<typeof alterUserScramCredentials>
