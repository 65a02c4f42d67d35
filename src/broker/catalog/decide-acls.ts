// Which rules a request makes or removes. Pure. Each rule of a request is judged by itself; how many
// one request may make or remove, and how many there may be, is bounded as a whole.
// Source: Kafka's AclControlManager, and MAX_RECORDS_PER_USER_OP of its controller (44 beyond it).

import { ErrorCode } from '../wire/error-codes.ts'
import { type Acl, type AclFilter, explainWrongAcl, isUnknownFilter, matchesFilter } from './acl.ts'
import { type AclSet, aclText } from './acl-set.ts'
import { type Refusal, refuse } from './refusal.ts'

/** Kafka's own bound on what one request changes. */
export const MAX_ACLS_PER_REQUEST = 10_000

export interface NewAcls {
  /** To be written: valid ones that are not there yet, each once. */
  readonly fresh: readonly Acl[]
  /** Of each rule asked for why it is refused, or where in `fresh` it stands. */
  readonly outcomes: readonly {
    readonly refusal: Refusal | undefined
    readonly freshIndex: number | undefined
  }[]
}

/** What a filter found. */
export interface AclRemoval {
  readonly acls: readonly Acl[]
}

const TOO_MANY_AT_ONCE = refuse(
  ErrorCode.POLICY_VIOLATION,
  `One request changes at most ${MAX_ACLS_PER_REQUEST} access rules.`,
)

const UNKNOWN_FILTER = refuse(
  ErrorCode.INVALID_REQUEST,
  'The filter has numbers that stand for nothing.',
)

/** @param maxAcls how many there may be in all */
export function decideNewAcls(acls: readonly Acl[], known: AclSet, maxAcls: number): NewAcls {
  const fresh: Acl[] = []
  const indexes = new Map<string, number>()
  const isTooLarge = acls.length > MAX_ACLS_PER_REQUEST
  const outcomes = acls.map((acl) => {
    if (isTooLarge) return { refusal: TOO_MANY_AT_ONCE, freshIndex: undefined }
    const wrong = explainWrongAcl(acl)
    if (wrong !== undefined) {
      return { refusal: refuse(ErrorCode.INVALID_REQUEST, wrong), freshIndex: undefined }
    }
    if (known.has(acl)) return { refusal: undefined, freshIndex: undefined }
    const text = aclText(acl)
    let freshIndex = indexes.get(text)
    if (freshIndex === undefined) {
      if (known.size + fresh.length >= maxAcls) {
        const message = `There may be ${maxAcls} access rules (millrace.max.acls).`
        return { refusal: refuse(ErrorCode.POLICY_VIOLATION, message), freshIndex: undefined }
      }
      freshIndex = fresh.push(acl) - 1
      indexes.set(text, freshIndex)
    }
    return { refusal: undefined, freshIndex }
  })
  return { fresh, outcomes }
}

/** What filters find, one after the other, and all that is to be removed. */
export class Removals {
  /** Of each filter what it found, or why it is refused. */
  readonly found: (Refusal | Acl[])[] = []
  readonly acls = new Set<Acl>()

  /** @returns why that is too much, or undefined */
  add(filter: AclFilter, known: AclSet): Refusal | undefined {
    if (isUnknownFilter(filter)) {
      this.found.push(UNKNOWN_FILTER)
      return undefined
    }
    const matching = [...known.values()].filter((acl) => matchesFilter(acl, filter))
    for (const acl of matching) this.acls.add(acl)
    this.found.push(matching)
    return this.acls.size > MAX_ACLS_PER_REQUEST ? TOO_MANY_AT_ONCE : undefined
  }
}
