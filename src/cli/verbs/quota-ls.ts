// `millrace quota ls`: the quotas of users, clients and addresses.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { listQuotas, type QuotaListing } from '../client/quotas.ts'
import type { Column } from '../output.ts'
import { addQuotaEntityOptions, type QuotaEntityOptions, quotaEntityOf } from '../quota-entity.ts'
import type { Examples, Session } from '../session.ts'

type Options = BrokerOptions & QuotaEntityOptions

const columns: readonly Column<QuotaListing>[] = [
  { title: 'USER', value: (row) => nameOf(row, 'user') },
  { title: 'CLIENT ID', value: (row) => nameOf(row, 'client-id') },
  { title: 'IP', value: (row) => nameOf(row, 'ip') },
  { title: 'KEY', value: (row) => row.key },
  { title: 'VALUE', value: (row) => row.value, align: 'right' },
]

export const examples: Examples = [
  ['millrace quota ls', 'all quotas'],
  ['millrace quota ls --user alice', 'those that name this user'],
]

export function define(command: Command, session: Session): void {
  addQuotaEntityOptions(command)
  addBrokerOptions(command).action((options: Options) =>
    withCluster(session, options, async (cluster, output) => {
      const quotas = await listQuotas(cluster, quotaEntityOf(options))
      await output.rows(columns, quotas)
      if (quotas.length === 0 && output.format === 'table') await output.note('No quota.')
    }),
  )
}

/** null where the quota does not ask for it. */
function nameOf({ entity }: QuotaListing, type: string): string | null {
  const name = entity[type]
  if (name === undefined) return null
  return name ?? '<any>'
}
