// `millrace user passwd`: gives a user another password, for every mechanism at once. Connections that
// are logged in stay so.

import type { Command } from 'commander'
import { readPassword } from '../password.ts'
import type { Examples, Session } from '../session.ts'
import { addStoreOptions, type StoreOptions } from '../store-options.ts'
import { userNamed, withUsers } from '../user-store.ts'

interface Options extends StoreOptions {
  passwordFile?: string
}

export const examples: Examples = [
  ['millrace user passwd alice', 'asks for her new password'],
  ['millrace user passwd alice --password-file alice.txt', 'takes it from a file'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<user>', 'name of a user')
    .option('--password-file <file>', 'a file with the password (default: standard input)')
  addStoreOptions(command).action(async (name: string, options: Options) => {
    const password = await readPassword(session.terminal, options, name)
    await withUsers(session, options, async (users, output) => {
      userNamed(await users.list(), name)
      await users.setPassword(name, password)
      await output.note(`Changed the password of user ${name}.`)
      if (output.format === 'json' || output.format === 'jsonl') await output.json({ user: name })
    })
  })
}
