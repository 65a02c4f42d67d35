// `millrace user add`: makes a user who can log in by SCRAM and PLAIN.

import type { Command } from 'commander'
import { CliError, ExitCode } from '../exit-code.ts'
import { readPassword } from '../password.ts'
import type { Examples, Session } from '../session.ts'
import { addStoreOptions, type StoreOptions } from '../store-options.ts'
import { withUsers } from '../user-store.ts'

interface Options extends StoreOptions {
  passwordFile?: string
}

export const examples: Examples = [
  ['millrace user add alice', 'asks for her password'],
  [
    'millrace user add alice --password-file alice.txt --data ./.millrace',
    'before the first start',
  ],
  ['openssl rand -base64 24 | tee alice.txt | millrace user add alice', 'a password for a program'],
]

export function define(command: Command, session: Session): void {
  command
    .argument('<user>', 'name of a user')
    .option('--password-file <file>', 'a file with the password (default: standard input)')
  addStoreOptions(command).action(async (name: string, options: Options) => {
    const password = await readPassword(session.terminal, options, name)
    await withUsers(session, { ...options, mayMake: true }, async (users, output) => {
      const known = await users.list()
      if (known.some((user) => user.name === name)) {
        const message = `User ${name} exists: millrace user passwd gives another password.`
        throw new CliError(ExitCode.CONFLICT, message)
      }
      await users.setPassword(name, password)
      await output.note(`Added user ${name}.`)
      if (output.format === 'json' || output.format === 'jsonl') await output.json({ user: name })
    })
  })
}
