// `millrace group ls`: the consumer groups that a cluster knows.

import type { Command } from 'commander'
import { addBrokerOptions, type BrokerOptions, withCluster } from '../broker-options.ts'
import { type GroupListing, listAllGroups } from '../client/groups.ts'
import type { Column } from '../output.ts'
import type { Examples, Session } from '../session.ts'

const columns: readonly Column<GroupListing>[] = [
  { title: 'GROUP', value: (row) => row.groupId },
  { title: 'STATE', value: (row) => row.state },
  { title: 'TYPE', value: (row) => row.groupType },
  { title: 'PROTOCOL', value: (row) => row.protocolType },
]

export const examples: Examples = [
  ['millrace group ls', 'names and states'],
  ['millrace group ls --json', 'the same for a script'],
]

export function define(command: Command, session: Session): void {
  addBrokerOptions(command).action((options: BrokerOptions) =>
    withCluster(session, options, async (cluster, output) => {
      const groups = await listAllGroups(cluster)
      await output.rows(columns, groups)
      if (groups.length === 0 && output.format === 'table') await output.note('No group yet.')
    }),
  )
}
