// `millrace user ls`: who can log in, and how.

import type { Command } from 'commander'
import type { UserFacts } from '../../broker/server/security/users.ts'
import type { Column } from '../output.ts'
import type { Examples, Session } from '../session.ts'
import { addStoreOptions, type StoreOptions } from '../store-options.ts'
import { withUsers } from '../user-store.ts'

const columns: readonly Column<UserFacts>[] = [
  { title: 'USER', value: ({ name }) => name },
  {
    title: 'MECHANISMS',
    value: ({ credentials }) => credentials.map(({ mechanism }) => mechanism).join(','),
    show: ({ credentials }) => credentials.map(({ mechanism }) => mechanism).join(', '),
  },
]

export const examples: Examples = [
  ['millrace user ls', 'names and mechanisms'],
  ['millrace user ls --data ./.millrace', 'of a broker that does not run'],
]

export function define(command: Command, session: Session): void {
  addStoreOptions(command).action((options: StoreOptions) =>
    withUsers(session, options, async (store, output) => {
      const users = await store.list()
      await output.rows(columns, users)
      if (users.length === 0 && output.format === 'table') await output.note('No user yet.')
    }),
  )
}
