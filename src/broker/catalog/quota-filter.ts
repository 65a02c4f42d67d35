// Which quotas a filter of DescribeClientQuotas means. Pure. Source: KIP-546.

import { ErrorCode } from '../wire/error-codes.ts'
import { isQuotaEntityType, type QuotaEntity, type QuotaEntityType } from './client-quotas.ts'
import { type Refusal, refuse } from './refusal.ts'

export interface QuotaFilterComponent {
  readonly entityType: string
  readonly matchType: number
  readonly match: string | null
}

export interface QuotaFilter {
  /** By type: this name, null for the default, or any of them. */
  readonly wanted: ReadonlyMap<QuotaEntityType, string | null | typeof ANY_NAME>
  /** Entities that name more than the filter does are left out. */
  readonly isStrict: boolean
}

const MATCH_EXACT = 0
/** Between them is 1, the default: a null name. */
const MATCH_ANY = 2
const ANY_NAME = Symbol('any name')

export function readQuotaFilter(
  components: readonly QuotaFilterComponent[],
  isStrict: boolean,
): QuotaFilter | Refusal {
  const wanted = new Map<QuotaEntityType, string | null | typeof ANY_NAME>()
  for (const { entityType, matchType, match } of components) {
    if (entityType === '') return invalid('A filter names the type of its entities.')
    if (!isQuotaEntityType(entityType)) {
      const message = `There is no quota entity of type '${entityType}'.`
      return refuse(ErrorCode.UNSUPPORTED_VERSION, message)
    }
    if (wanted.has(entityType)) return invalid(`The filter names ${entityType} twice.`)
    if (matchType < MATCH_EXACT || matchType > MATCH_ANY) {
      return invalid(`There is no match type ${matchType}.`)
    }
    if ((matchType === MATCH_EXACT) !== (match !== null)) {
      return invalid('An exact match needs a name, and no other match has one.')
    }
    wanted.set(entityType, matchType === MATCH_ANY ? ANY_NAME : match)
  }
  if (wanted.has('ip') && wanted.size > 1) {
    return invalid('A filter of addresses names no users and no client ids.')
  }
  return { wanted, isStrict }
}

export function matchesQuotaFilter({ wanted, isStrict }: QuotaFilter, entity: QuotaEntity) {
  if (isStrict && Object.keys(entity).length !== wanted.size) return false
  for (const [type, name] of wanted) {
    const has = entity[type]
    if (has === undefined || (name !== ANY_NAME && has !== name)) return false
  }
  return true
}

function invalid(message: string): Refusal {
  return refuse(ErrorCode.INVALID_REQUEST, message)
}
