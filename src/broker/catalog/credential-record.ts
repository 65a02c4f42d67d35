// What the catalogue keeps of users: for each mechanism the SCRAM credential of RFC 5802, from which
// the password cannot be read back; and the secret that makes credentials for users who do not
// exist, so that a stranger cannot tell the two apart, before and after a restart.
//
//   key                      value (absent = the user has none)
//   user/MECHANISM/NAME      { salt, iterations, storedKey, serverKey }   bytes in base64
//   login-secret             { secret }

export type ScramMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512'

export const scramMechanisms: readonly ScramMechanism[] = ['SCRAM-SHA-256', 'SCRAM-SHA-512']

export interface ScramCredential {
  readonly salt: Buffer
  readonly iterations: number
  readonly storedKey: Buffer
  readonly serverKey: Buffer
}

export interface CredentialRecord {
  readonly kind: 'credential'
  readonly user: string
  readonly mechanism: ScramMechanism
  readonly credential: ScramCredential | null
}

export interface LoginSecretRecord {
  readonly kind: 'login-secret'
  readonly secret: Buffer
}

export function credentialKey({ user, mechanism }: CredentialRecord): string {
  return `user/${mechanism}/${user}`
}

export function credentialFields({ credential }: CredentialRecord): object | null {
  if (credential === null) return null
  const { salt, iterations, storedKey, serverKey } = credential
  return {
    salt: salt.toString('base64'),
    iterations,
    storedKey: storedKey.toString('base64'),
    serverKey: serverKey.toString('base64'),
  }
}

/** @param path what follows `user/` in the key; undefined when this is no credential */
export function decodeCredential(
  [mechanism, ...name]: readonly string[],
  fields: Readonly<Record<string, unknown>> | null,
): CredentialRecord | undefined {
  const known = scramMechanisms.find((one) => one === mechanism)
  if (known === undefined) return undefined
  const user = name.join('/')
  if (fields === null) return { kind: 'credential', user, mechanism: known, credential: null }
  const { salt, iterations, storedKey, serverKey } = fields
  if (typeof salt !== 'string' || typeof storedKey !== 'string') return undefined
  if (typeof serverKey !== 'string' || typeof iterations !== 'number') return undefined
  const bytes = (text: string) => Buffer.from(text, 'base64')
  const credential = {
    salt: bytes(salt),
    iterations,
    storedKey: bytes(storedKey),
    serverKey: bytes(serverKey),
  }
  return { kind: 'credential', user, mechanism: known, credential }
}

/** undefined when the record holds no secret. */
export function decodeLoginSecret(
  fields: Readonly<Record<string, unknown>> | null,
): LoginSecretRecord | undefined {
  const secret = fields?.['secret']
  if (typeof secret !== 'string') return undefined
  return { kind: 'login-secret', secret: Buffer.from(secret, 'base64') }
}
