// Versions   0-1.
// Behaviour  Chooses the mechanism of a login and lists those that the listener allows; another one is
//            33 and the end of the connection. After v0 tokens come bare, after v1 in SaslAuthenticate.
//            Logging in again is possible where sessions end (connections.max.reauth.ms), once a
//            second; else 34, as on a listener without SASL.
// Differs    In nothing that is known.
// from Kafka

import { saslHandshake } from '../../protocol/17-sasl-handshake.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { OPEN } from '../security/access-rule.ts'

const LAST_VERSION_OF_BARE_TOKENS = 0

export const handler = defineHandler(
  saslHandshake,
  OPEN,
  ({ mechanism }, { connection, apiVersion }) => {
    const { login } = connection
    if (login === undefined) return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] }
    return login.choose(mechanism, { isBare: apiVersion === LAST_VERSION_OF_BARE_TOKENS })
  },
)
