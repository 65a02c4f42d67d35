// Versions   0-2.
// Behaviour  Carries the tokens of PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. A failure is 58 for every
//            reason, after connection.failed.authentication.delay.ms, and the end of the connection;
//            the log says why. With connections.max.reauth.ms the session's lifetime is told, and a
//            request after it closes the connection.
// Differs    PLAIN checks stored SCRAM credentials for users that the listener's JAAS text does not
// from Kafka name. Before SaslHandshake the answer is 34, where Kafka closes without one. Kerberos,
//            OAUTHBEARER and delegation tokens do not exist.

import { saslAuthenticate } from '../../protocol/36-sasl-authenticate.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { OPEN } from '../security/access-rule.ts'

export const handler = defineHandler(
  saslAuthenticate,
  OPEN,
  async ({ authBytes }, { connection }) => {
    const { login } = connection
    if (login === undefined) {
      const errorMessage = 'This listener asks nobody to log in.'
      const authBytes = Buffer.alloc(0)
      return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, errorMessage, authBytes }
    }
    const { token, ...answer } = await login.authenticate(authBytes)
    return { ...answer, authBytes: token }
  },
)
