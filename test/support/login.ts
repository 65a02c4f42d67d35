// Logs a test client in over the declared protocol.

import { saslHandshake } from '../../src/broker/protocol/17-sasl-handshake.ts'
import { saslAuthenticate } from '../../src/broker/protocol/36-sasl-authenticate.ts'
import { logIn } from '../../src/cli/client/sasl.ts'
import type { SaslClientSettings } from '../../src/cli/client/security.ts'
import type { KafkaClient } from './kafka-client.ts'

/** The broker said no. */
export class LoginRefused extends Error {
  readonly errorCode: number

  constructor(errorCode: number, message: string | null) {
    super(message ?? `error ${errorCode}`)
    this.errorCode = errorCode
  }
}

/** @returns how long the session lasts; 0 for ever. @throws LoginRefused */
export async function logInAs(
  client: KafkaClient,
  settings: SaslClientSettings,
  { nonce = 'cnonce' }: { nonce?: string } = {},
): Promise<number> {
  const { mechanism } = settings
  const { errorCode } = await client.send(saslHandshake, 1, { mechanism })
  if (errorCode !== 0) throw new LoginRefused(errorCode, null)
  let lifetimeMs = 0
  await logIn(
    settings,
    async (authBytes) => {
      const answer = await client.send(saslAuthenticate, 2, { authBytes })
      if (answer.errorCode !== 0) throw new LoginRefused(answer.errorCode, answer.errorMessage)
      lifetimeMs = answer.sessionLifetimeMs
      return answer.authBytes
    },
    nonce,
  )
  return lifetimeMs
}
