// Lists and alters client quotas. Source: KIP-546.

import { describeClientQuotas } from '../../broker/protocol/48-describe-client-quotas.ts'
import { alterClientQuotas } from '../../broker/protocol/49-alter-client-quotas.ts'
import { assertAccepted } from './client-error.ts'
import type { Cluster } from './cluster.ts'

/** Whom a quota is for, by type (`user`, `client-id`, `ip`); null: whoever has none of its own. */
export type QuotaEntity = Readonly<Record<string, string | null>>

export interface QuotaListing {
  readonly entity: QuotaEntity
  readonly key: string
  readonly value: number
}

const MATCH_EXACT = 0
const MATCH_DEFAULT = 1

/** @param entity what the quotas must name, among other things; empty for all */
export async function listQuotas(cluster: Cluster, entity: QuotaEntity): Promise<QuotaListing[]> {
  const connection = await cluster.anyBroker()
  const { errorCode, errorMessage, entries } = await connection.request(describeClientQuotas, {
    components: Object.entries(entity).map(([entityType, match]) => {
      return { entityType, matchType: match === null ? MATCH_DEFAULT : MATCH_EXACT, match }
    }),
    strict: false,
  })
  assertAccepted(errorCode, 'Quotas', errorMessage)
  const listings = (entries ?? []).flatMap(({ entity: parts, values }) => {
    const found = Object.fromEntries(parts.map((part) => [part.entityType, part.entityName]))
    return values.map(({ key, value }) => ({ entity: found, key, value }))
  })
  return listings.sort((a, b) => (sortText(a) < sortText(b) ? -1 : 1))
}

/** Sets and unsets quotas of one entity: all of them or none. */
export async function alterQuotas(
  cluster: Cluster,
  options: {
    entity: QuotaEntity
    set?: Readonly<Record<string, number>>
    unset?: readonly string[]
    validateOnly: boolean
  },
): Promise<void> {
  const { entity, set = {}, unset = [], validateOnly } = options
  const controller = await cluster.controller()
  const { entries } = await controller.request(alterClientQuotas, {
    entries: [
      {
        entity: Object.entries(entity).map(([entityType, entityName]) => {
          return { entityType, entityName }
        }),
        ops: [
          ...Object.entries(set).map(([key, value]) => ({ key, value, remove: false })),
          ...unset.map((key) => ({ key, value: 0, remove: true })),
        ],
      },
    ],
    validateOnly,
  })
  const { errorCode, errorMessage } = entries[0]!
  assertAccepted(errorCode, 'Quota', errorMessage)
}

function sortText({ entity, key }: QuotaListing): string {
  return JSON.stringify([entity['user'], entity['client-id'], entity['ip'], key])
}
