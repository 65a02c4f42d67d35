// PLAIN: one token with name and password, `[authzid] NUL name NUL password`. Source: RFC 4616.
// The password is held against the users that the listener's settings name, and for everybody else
// against the stored SCRAM credentials, so that one store of users serves both (decision 13). Both
// comparisons are made for everybody, so that time does not tell who exists.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { ScramCredential, ScramMechanism } from '../../catalog/credential-record.ts'
import { failed, type SaslExchange, type SaslStep, WRONG_PASSWORD } from './sasl-exchange.ts'
import { credentialOf } from './scram-keys.ts'

export interface StoredCredential {
  readonly mechanism: ScramMechanism
  readonly credential: ScramCredential
  /** false: made up, for a user who has none. */
  readonly isKnown: boolean
}

export interface PlainExchangeOptions {
  /** Passwords by name, of users that the settings name. */
  readonly users: ReadonlyMap<string, string>
  readonly credentialFor: (user: string) => StoredCredential
  /** Hi() of SCRAM; undefined when there is no time for it, and the client must come again. */
  readonly saltPassword: (
    mechanism: ScramMechanism,
    password: string,
    how: { readonly salt: Buffer; readonly iterations: number },
  ) => Promise<Buffer | undefined>
  /** For comparisons of passwords; nobody else knows it. */
  readonly secret: Buffer
}

const NO_TOKEN = Buffer.alloc(0)

export class PlainExchange implements SaslExchange {
  readonly #options: PlainExchangeOptions
  #isUsed = false

  constructor(options: PlainExchangeOptions) {
    this.#options = options
  }

  async step(token: Buffer): Promise<SaslStep> {
    if (this.#isUsed) return failed('a message after the last one')
    this.#isUsed = true
    const parts = token.toString('utf8').split('\0')
    const [authzid, user, password] = parts
    if (parts.length !== 3 || !user || !password) {
      return failed('the message is none of PLAIN')
    }
    if (authzid !== '' && authzid !== user) return failed('it wants to act as another user', user)
    return this.#check(user, password)
  }

  async #check(user: string, password: string): Promise<SaslStep> {
    const { users, credentialFor, saltPassword, secret } = this.#options
    const digest = (text: string) => createHmac('sha256', secret).update(text).digest()
    const named = users.get(user)
    const isNamed = timingSafeEqual(digest(password), digest(named ?? `${password}.`))
    const { mechanism, credential, isKnown } = credentialFor(user)
    const salted = await saltPassword(mechanism, password, credential)
    if (salted === undefined) return failed('too many logins at once', user)
    const { storedKey } = credentialOf(mechanism, salted, credential)
    const isStored = timingSafeEqual(storedKey, credential.storedKey) && isKnown
    // Whom the settings name has no other password than that one.
    const isRight = named === undefined ? isStored : isNamed
    return isRight ? { kind: 'done', token: NO_TOKEN, user } : failed(WRONG_PASSWORD, user)
  }
}
