// API 36, SaslAuthenticate. Carries the tokens of the SASL mechanism. Source: KIP-152.
//
// Versions 0 to 2, flexible from 2:
//   v1  how long the session lasts (KIP-368)

import { ApiKey } from '../wire/api-keys.ts'
import { bytes, int16, int64, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const saslAuthenticate = defineApi({
  key: ApiKey.SASL_AUTHENTICATE,
  name: 'SaslAuthenticate',
  versions: [0, 2],
  flexibleFrom: 2,
  request: {
    authBytes: bytes('0+'),
  },
  response: {
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    authBytes: bytes('0+'),
    sessionLifetimeMs: int64('1+', { default: 0 }),
  },
})

export type SaslAuthenticateRequest = RequestOf<typeof saslAuthenticate>
export type SaslAuthenticateResponse = ResponseOf<typeof saslAuthenticate>
