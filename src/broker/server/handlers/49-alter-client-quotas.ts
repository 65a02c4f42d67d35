// Versions   0-1.
// Behaviour  Sets and removes quotas of users, client ids, both together, and addresses; each entity
//            as a whole or not at all, with `validate_only` only checked. They act from the next
//            request on. What cannot be is 42.
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
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'
import { repeated } from '../repeated.ts'

type Wanted = AlterClientQuotasRequest['entries'][number]

export const handler = defineHandler(alterClientQuotas, async (request, { broker }) => {
  const { entries, validateOnly } = request
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
