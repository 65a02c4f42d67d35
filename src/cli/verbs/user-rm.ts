// `millrace user rm`: takes users away. Connections that are logged in stay so until they end.

import type { Command } from 'commander'
import { type ConfirmOptions, confirm } from '../confirm.ts'
import type { Column } from '../output.ts'
import type { Examples, Session } from '../session.ts'
import { addStoreOptions, type StoreOptions } from '../store-options.ts'
import { count } from '../text.ts'
import { userNamed, withUsers } from '../user-store.ts'

interface Options extends StoreOptions, ConfirmOptions {}

interface Row {
  readonly user: string
  readonly result: 'deleted' | 'would be deleted'
}

const columns: readonly Column<Row>[] = [
  { title: 'USER', value: ({ user }) => user },
  { title: 'RESULT', value: ({ result }) => result },
]

export const examples: Examples = [
  ['millrace user rm alice', 'asks first'],
  ['millrace user rm alice bob --yes', 'for a script'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<user...>', 'names of users')
    .option('--dry-run', 'show what would be deleted')
    .option('-y, --yes', 'do not ask')
  addStoreOptions(command).action((names: string[], options: Options) =>
    withUsers(session, options, async (store, output) => {
      const known = await store.list()
      const users = [...new Set(names)].map((name) => userNamed(known, name))
      const what = users.length === 1 ? `user ${names[0]}` : count(users.length, 'user')
      const isWanted = await confirm(session.terminal, options, `Delete ${what}?`)
      if (!isWanted && options.dryRun !== true) return output.note('Nothing was deleted.')
      if (isWanted) for (const user of users) await store.remove(user)
      const result = isWanted ? 'deleted' : 'would be deleted'
      await output.rows(
        columns,
        users.map(({ name }) => ({ user: name, result })),
      )
    }),
  )
}
