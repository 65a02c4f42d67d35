// API 17, SaslHandshake. Chooses the SASL mechanism.
//
// Versions 0 to 1:
//   v1  is followed by SaslAuthenticate frames instead of bare tokens (KIP-152)
// Never flexible: older clients negotiate its version wrongly (KAFKA-9577).

import { ApiKey } from '../wire/api-keys.ts'
import { array, int16, string } from '../wire/field.ts'
import { defineApi, type RequestOf, type ResponseOf } from './api.ts'

export const saslHandshake = defineApi({
  key: ApiKey.SASL_HANDSHAKE,
  name: 'SaslHandshake',
  versions: [0, 1],
  flexibleFrom: 'never',
  request: {
    mechanism: string('0+'),
  },
  response: {
    errorCode: int16('0+'),
    mechanisms: array('0+', 'string'),
  },
})

export type SaslHandshakeRequest = RequestOf<typeof saslHandshake>
export type SaslHandshakeResponse = ResponseOf<typeof saslHandshake>
