// What becomes of a request to set or remove quotas. Pure. Source: KIP-546; the checks, and their
// order, are those of Kafka's controller.

import { ErrorCode } from '../wire/error-codes.ts'
import {
  type ClientQuota,
  isQuotaEntityType,
  isQuotaKey,
  type QuotaEntity,
  type QuotaKey,
  type QuotaValues,
  quotaEntityText,
  quotaKeys,
} from './client-quotas.ts'
import { canonicalAddress } from './ip-address.ts'
import { type Refusal, refuse } from './refusal.ts'

export interface QuotaAlteration {
  /** As the client wrote it: a type may stand twice, or be none. */
  readonly entity: readonly { readonly entityType: string; readonly entityName: string | null }[]
  readonly ops: readonly QuotaOperation[]
}

interface QuotaOperation {
  readonly key: string
  readonly value: number
  readonly remove: boolean
}

export type QuotaDecision =
  | Refusal
  /** `values` is the whole new set. */
  | { readonly kind: 'allowed'; readonly entity: QuotaEntity; readonly values: QuotaValues }

const INT_MAX = 2 ** 31 - 1
const LONG_MAX = 2 ** 63
/** What a whole number may be off by, in Kafka. */
const WHOLE_TOLERANCE = 1e-6

const TOO_MANY_QUOTAS = refuse(
  ErrorCode.POLICY_VIOLATION,
  'There are as many quotas as millrace.max.client.quotas allows.',
)

/**
 * Each entity by itself.
 * @param known by the text of whom they are for
 * @param maxQuotas how many entities may have some
 */
export function decideAllQuotas(
  alterations: readonly QuotaAlteration[],
  known: ReadonlyMap<string, ClientQuota>,
  maxQuotas: number,
): QuotaDecision[] {
  let count = known.size
  return alterations.map((alteration) => {
    const decision = decideQuotas(alteration, (text) => known.get(text)?.values)
    if (decision.kind === 'refused') return decision
    const isEmpty = Object.keys(decision.values).length === 0
    const isNew = !known.has(quotaEntityText(decision.entity))
    return isNew && !isEmpty && ++count > maxQuotas ? TOO_MANY_QUOTAS : decision
  })
}

/** @param current what is set for an entity now, by its text */
export function decideQuotas(
  { entity: parts, ops }: QuotaAlteration,
  current: (entityText: string) => QuotaValues | undefined,
): QuotaDecision {
  const entity = readEntity(parts)
  if ('kind' in entity) return entity
  const isFor = entity.ip === undefined ? 'clients' : 'addresses'
  const values: Partial<Record<QuotaKey, number>> = { ...current(quotaEntityText(entity)) }
  const named = new Set<string>()
  for (const { key, value, remove } of ops) {
    if (named.has(key)) return invalid(`Quota '${key}' is named twice.`)
    named.add(key)
    const isKnown = isQuotaKey(key) && quotaKeys[key].isFor === isFor
    if (remove) {
      if (isKnown) delete values[key]
      continue
    }
    if (!isKnown) return invalid(`There is no quota '${key}' for ${isFor}.`)
    const wrong = explainWrongValue(key, value)
    if (wrong !== undefined) return invalid(wrong)
    values[key] = value
  }
  return { kind: 'allowed', entity, values }
}

function readEntity(parts: QuotaAlteration['entity']): QuotaEntity | Refusal {
  const entity: Partial<Record<string, string | null>> = {}
  for (const { entityType: type, entityName: name } of parts) {
    if (!isQuotaEntityType(type)) return invalid(`There is no quota entity of type '${type}'.`)
    if (entity[type] !== undefined) return invalid(`The entity names its ${type} twice.`)
    if (name === '') return invalid(`The ${type} of a quota must not be empty.`)
    entity[type] = name
  }
  if (parts.length === 0) return invalid('A quota needs an entity.')
  if (entity['ip'] !== undefined) {
    if (parts.length > 1) return invalid('A quota for an address names no user and no client id.')
    if (entity['ip'] !== null && canonicalAddress(entity['ip']) === undefined) {
      return invalid(`'${entity['ip']}' is no IP address.`)
    }
  }
  return entity
}

function explainWrongValue(key: QuotaKey, value: number): string | undefined {
  if (!(value > 0)) return `Quota '${key}' must be greater than 0.`
  const { type } = quotaKeys[key]
  const isTooLarge = type === 'int' ? value > INT_MAX : value > LONG_MAX
  if (isTooLarge) return `Quota '${key}' cannot be as large as ${value}.`
  if (type !== 'double' && value % 1 > WHOLE_TOLERANCE) {
    return `Quota '${key}' must be a whole number.`
  }
  return undefined
}

function invalid(message: string): Refusal {
  return refuse(ErrorCode.INVALID_REQUEST, message)
}
