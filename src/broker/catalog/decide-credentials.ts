// May these credentials be stored and taken away? Pure: what is known and the request in, for each
// user the records or a refusal out. The changes to one user are made together or not at all.
// Source: KIP-554.

import { ErrorCode } from '../wire/error-codes.ts'
import type { CredentialRecord, ScramCredential, ScramMechanism } from './credential-record.ts'
import type { KnownCredentials } from './credential-state.ts'
import { type Refusal, refuse } from './refusal.ts'

export const MIN_ITERATIONS = 4096
export const MAX_ITERATIONS = 16_384
/** A user's name stands in keys, logs and answers. */
const MAX_NAME_BYTES = 1024
const MAX_SALT_BYTES = 1024

export type CredentialChange =
  | {
      readonly kind: 'remove'
      readonly user: string
      readonly mechanism: ScramMechanism | undefined
    }
  | {
      readonly kind: 'set'
      readonly user: string
      readonly mechanism: ScramMechanism | undefined
      readonly credential: ScramCredential
    }

export interface CredentialDecision {
  readonly user: string
  readonly outcome: Refusal | { readonly kind: 'allowed'; readonly records: CredentialRecord[] }
}

/** Users in the order in which they are first named. A mechanism that is undefined is an unknown one. */
export function decideCredentials(
  changes: readonly CredentialChange[],
  known: KnownCredentials,
  maxCredentials: number,
): CredentialDecision[] {
  let size = known.size
  const byUser = Map.groupBy(changes, ({ user }) => user)
  return [...byUser].map(([user, ofUser]) => {
    const outcome = decideUser(ofUser, known)
    if (outcome.kind === 'refused') return { user, outcome }
    const growth = growthBy(outcome.records, known)
    if (growth > 0 && size + growth > maxCredentials) {
      const message = `There are ${size} credentials already, and millrace.max.scram.credentials allows no more.`
      return { user, outcome: unacceptable(message) }
    }
    size += growth
    return { user, outcome }
  })
}

function growthBy(records: readonly CredentialRecord[], known: KnownCredentials): number {
  let growth = 0
  for (const { user, mechanism, credential } of records) {
    const isThere = known.credential(user, mechanism) !== undefined
    growth += Number(credential !== null) - Number(isThere)
  }
  return growth
}

function decideUser(
  changes: readonly CredentialChange[],
  known: KnownCredentials,
): CredentialDecision['outcome'] {
  const records: CredentialRecord[] = []
  for (const change of changes) {
    const record = recordOf(change, known)
    if (record.kind === 'refused') return record
    if (records.some(({ mechanism }) => mechanism === record.mechanism)) {
      return refuse(
        ErrorCode.DUPLICATE_RESOURCE,
        'A credential cannot be changed twice in one request.',
      )
    }
    records.push(record)
  }
  return { kind: 'allowed', records }
}

function recordOf(change: CredentialChange, known: KnownCredentials): Refusal | CredentialRecord {
  const { user, mechanism } = change
  if (user === '') return unacceptable('A user needs a name.')
  if (Buffer.byteLength(user) > MAX_NAME_BYTES) {
    return unacceptable(`A user's name has at most ${MAX_NAME_BYTES} bytes.`)
  }
  if (mechanism === undefined) {
    return refuse(ErrorCode.UNSUPPORTED_SASL_MECHANISM, 'There is no such SCRAM mechanism.')
  }
  if (change.kind === 'remove') {
    if (known.credential(user, mechanism) === undefined) {
      return refuse(ErrorCode.RESOURCE_NOT_FOUND, `The user has no credential for ${mechanism}.`)
    }
    return { kind: 'credential', user, mechanism, credential: null }
  }
  const { iterations, salt } = change.credential
  if (iterations < MIN_ITERATIONS || iterations > MAX_ITERATIONS) {
    return unacceptable(
      `${iterations} iterations are refused: ${MIN_ITERATIONS} to ${MAX_ITERATIONS} are allowed.`,
    )
  }
  if (salt.length === 0 || salt.length > MAX_SALT_BYTES) {
    return unacceptable(`A salt has 1 to ${MAX_SALT_BYTES} bytes.`)
  }
  return { kind: 'credential', user, mechanism, credential: change.credential }
}

function unacceptable(message: string): Refusal {
  return refuse(ErrorCode.UNACCEPTABLE_CREDENTIAL, message)
}
