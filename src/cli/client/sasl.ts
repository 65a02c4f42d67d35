// Logging in as a client: the tokens of PLAIN and SCRAM, and the check that a SCRAM server knows the
// password too. Pure but for the random nonce and the thread that salts the password.
// Source: RFC 4616, RFC 5802.

import { timingSafeEqual } from 'node:crypto'
import type { ScramMechanism } from '../../broker/catalog/credential-record.ts'
import {
  proofOf,
  saltPassword,
  serverKeyOf,
  serverSignature,
} from '../../broker/server/security/scram-keys.ts'
import { writeName } from '../../broker/server/security/scram-messages.ts'
import { ErrorCode } from '../../broker/wire/error-codes.ts'
import { ClientError } from './client-error.ts'
import type { SaslClientSettings } from './security.ts'

/** Sends one token and resolves with the server's. */
export type ExchangeToken = (token: Buffer) => Promise<Buffer>

/** A server may not make a client work for minutes. */
const MAX_ITERATIONS = 1_000_000
const GS2_HEADER = 'n,,'
const SERVER_FIRST = /^r=([^,]+),s=([^,]+),i=(\d+)/

/** @param nonce printable, without commas. @throws ClientError */
export async function logIn(
  { mechanism, user, password }: SaslClientSettings,
  exchange: ExchangeToken,
  nonce: string,
): Promise<void> {
  if (mechanism === 'PLAIN') {
    await exchange(Buffer.from(`\0${user}\0${password}`))
    return
  }
  await logInByScram(mechanism, { user, password, nonce }, exchange)
}

async function logInByScram(
  mechanism: ScramMechanism,
  { user, password, nonce }: { user: string; password: string; nonce: string },
  exchange: ExchangeToken,
): Promise<void> {
  const bare = `n=${writeName(user)},r=${nonce}`
  const serverFirst = (await exchange(Buffer.from(GS2_HEADER + bare))).toString()
  const [, fullNonce, salt, iterationsText] = SERVER_FIRST.exec(serverFirst) ?? []
  const iterations = Number(iterationsText)
  const isSound = fullNonce?.startsWith(nonce) === true && fullNonce.length > nonce.length
  if (!isSound || salt === undefined || !(iterations > 0 && iterations <= MAX_ITERATIONS)) {
    throw distrust('what it sent is none of SCRAM')
  }
  const how = { salt: Buffer.from(salt, 'base64'), iterations }
  const salted = await saltPassword(mechanism, password, how)
  const withoutProof = `c=${Buffer.from(GS2_HEADER).toString('base64')},r=${fullNonce}`
  const authMessage = `${bare},${serverFirst},${withoutProof}`
  const proof = proofOf(mechanism, salted, authMessage).toString('base64')
  const serverFinal = (await exchange(Buffer.from(`${withoutProof},p=${proof}`))).toString()
  const signature = Buffer.from(/^v=([^,]+)/.exec(serverFinal)?.[1] ?? '', 'base64')
  const expected = serverSignature(mechanism, serverKeyOf(mechanism, salted), authMessage)
  const isServer = signature.length === expected.length && timingSafeEqual(signature, expected)
  if (!isServer) throw distrust('it does not know the password')
}

function distrust(why: string): ClientError {
  return new ClientError('refused', `The broker is not the one that was logged in to: ${why}.`, {
    errorCode: ErrorCode.SASL_AUTHENTICATION_FAILED,
    retriable: false,
  })
}
