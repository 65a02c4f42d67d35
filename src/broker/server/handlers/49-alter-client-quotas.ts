// Versions   0-1.
// Behaviour  Sets and removes quotas of users, client ids, both together, and addresses; each entity
//            as a whole or not at all, with `validate_only` only checked. They act from the next
//            request on. What cannot be is 42. Takes ALTER_CONFIGS on the cluster (31).
// Differs    An entity that is named twice is refused each time, where Kafka takes the first, and so is
// from Kafka one that names two users, where Kafka takes the last. Addresses are addresses: host names
//            are not looked up. NaN is no quota. More entities than `millrace.max.client.quotas` are
//            refused with 44.

import { isQuotaEntityType, quotaEntityText } from '../../catalog/client-quotas.ts'
import { refuse } from '../../catalog/refusal.ts'
import {
  type AlterClientQuotasRequest,
  alterClientQuotas,
} from '../../protocol/49-alter-client-quotas.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { repeated } from '../repeated.ts'
import { asks } from '../security/access-rule.ts'

type Wanted = AlterClientQuotasRequest['entries'][number]

const takes = asks('ALTER_CONFIGS CLUSTER')

export const handler = defineHandler(alterClientQuotas, takes, async (request, context) => {
  const { access, broker } = context
  const { entries, validateOnly } = request
  if (!access.mayOnCluster(AclOperation.ALTER_CONFIGS)) {
    const forbidden = { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, errorMessage: null }
    return { entries: entries.map(({ entity }) => ({ ...forbidden, entity })) }
  }
  const twice = repeated(entries.map(textOf))
  const once = entries.filter((entry) => !twice.has(textOf(entry)))
  const outcomes = (await broker.catalog.alterClientQuotas(once, { validateOnly })).values()
  return {
    entries: entries.map((entry) => {
      const outcome = twice.has(textOf(entry)) ? NAMED_TWICE : outcomes.next().value!
      const isRefused = outcome.kind === 'refused'
      return {
        errorCode: isRefused ? outcome.errorCode : ErrorCode.NONE,
        errorMessage: isRefused ? outcome.message : null,
        entity: entry.entity,
      }
    }),
  }
})

const NAMED_TWICE = refuse(ErrorCode.INVALID_REQUEST, 'The request names this entity twice.')

/** The same for the same entity; what is none is told apart by the catalogue. */
function textOf({ entity }: Wanted): string {
  const parts = entity.map(({ entityType, entityName }) => [entityType, entityName] as const)
  const isKnown = parts.every(([type]) => isQuotaEntityType(type))
  return isKnown ? quotaEntityText(Object.fromEntries(parts)) : JSON.stringify(parts)
}
