// `millrace acl rm`: removes the access rules that match. What was allowed by them ends at once.

import type { Command } from 'commander'
import {
  aclColumns,
  aclRows,
  addFilterOptions,
  type FilterOptions,
  filterOf,
} from '../acl-options.ts'
import { withAclStore } from '../acl-store.ts'
import { type ConfirmOptions, confirm } from '../confirm.ts'
import { CliError, ExitCode, usageError } from '../exit-code.ts'
import type { Examples, Session } from '../session.ts'
import { addStoreOptions, type StoreOptions } from '../store-options.ts'
import { count } from '../text.ts'

interface Options extends FilterOptions, StoreOptions, ConfirmOptions {
  all?: boolean
}

export const examples: Examples = [
  ['millrace acl rm --principal alice', 'asks first'],
  ['millrace acl rm --principal alice --topic orders -o read --yes', 'one of them'],
  ['millrace acl rm --topic orders --dry-run', 'what would go?'],
]

export function define(command: Command, session: Session): void {
  const verb = addFilterOptions(command)
    .option('--all', 'every rule that there is')
    .option('--dry-run', 'show what would be removed')
    .option('-y, --yes', 'do not ask')
  addStoreOptions(verb).action((options: Options) => remove(session, options))
}

async function remove(session: Session, options: Options): Promise<void> {
  const filter = filterOf(options)
  const isAll = JSON.stringify(filter) === JSON.stringify(filterOf({}))
  if (isAll && options.all !== true)
    throw usageError('Say which: --principal, --topic, ..., or --all.')
  await withAclStore(session, options, async (store, output) => {
    const found = await store.find(filter)
    if (found.length === 0) {
      const message = 'No access rule matches: millrace acl ls lists those that there are.'
      throw new CliError(ExitCode.NOT_FOUND, message)
    }
    const question = `Remove ${count(found.length, 'access rule')}?`
    const isWanted = await confirm(session.terminal, options, question)
    if (!isWanted && options.dryRun !== true) return output.note('Nothing was removed.')
    await output.rows(aclColumns, aclRows(isWanted ? await store.remove(filter) : found))
  })
}
