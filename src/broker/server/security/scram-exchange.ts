// SCRAM as the server plays it: two tokens each way. Whoever does not exist gets a salt all the same,
// always the same one, and fails where a wrong password fails. A nonce of our own in each exchange
// makes messages worthless that somebody has overheard. Source: RFC 5802.

import type { ScramCredential, ScramMechanism } from '../../catalog/credential-record.ts'
import { failed, type SaslExchange, type SaslStep, WRONG_PASSWORD } from './sasl-exchange.ts'
import { isProof, serverSignature } from './scram-keys.ts'
import {
  type ClientFirst,
  readClientFinal,
  readClientFirst,
  writeServerFinal,
  writeServerFirst,
} from './scram-messages.ts'

export interface ScramExchangeOptions {
  readonly mechanism: ScramMechanism
  /** A made-up one where the user has none: nothing proves that. */
  readonly credentialFor: (user: string) => { credential: ScramCredential; isKnown: boolean }
  /** Printable, without commas. */
  readonly serverNonce: string
}

type Expected =
  | { readonly kind: 'first' }
  | {
      readonly kind: 'final'
      readonly first: ClientFirst
      readonly serverFirst: string
      readonly nonce: string
      readonly credential: ScramCredential
      readonly isKnown: boolean
    }
  | { readonly kind: 'nothing' }

export class ScramExchange implements SaslExchange {
  readonly #options: ScramExchangeOptions
  #expected: Expected = { kind: 'first' }

  constructor(options: ScramExchangeOptions) {
    this.#options = options
  }

  async step(token: Buffer): Promise<SaslStep> {
    const expected = this.#expected
    this.#expected = { kind: 'nothing' }
    const text = token.toString('utf8')
    switch (expected.kind) {
      case 'first':
        return this.#first(text)
      case 'final':
        return this.#final(text, expected)
      case 'nothing':
        return failed('a message after the last one')
    }
  }

  #first(text: string): SaslStep {
    const read = readClientFirst(text)
    if (read.kind === 'wrong') return failed(read.why)
    const first = read.message
    const { credential, isKnown } = this.#options.credentialFor(first.user)
    const nonce = first.nonce + this.#options.serverNonce
    const { salt, iterations } = credential
    const serverFirst = writeServerFirst({ nonce, salt, iterations })
    this.#expected = { kind: 'final', first, serverFirst, nonce, credential, isKnown }
    return { kind: 'continue', token: Buffer.from(serverFirst) }
  }

  #final(text: string, expected: Expected & { kind: 'final' }): SaslStep {
    const { first, serverFirst, nonce, credential, isKnown } = expected
    const { mechanism } = this.#options
    const final = readClientFinal(text)
    if (final === undefined) return failed('the last message is none of SCRAM', first.user)
    if (final.nonce !== nonce) return failed('the nonce is of another exchange', first.user)
    if (final.gs2Header !== first.gs2Header) {
      return failed('the last message does not fit the first', first.user)
    }
    const authMessage = `${first.bare},${serverFirst},${final.withoutProof}`
    const isRight = isProof(mechanism, credential, { authMessage, proof: final.proof })
    if (!isRight || !isKnown) return failed(WRONG_PASSWORD, first.user)
    const signature = serverSignature(mechanism, credential.serverKey, authMessage)
    return { kind: 'done', token: Buffer.from(writeServerFinal(signature)), user: first.user }
  }
}
