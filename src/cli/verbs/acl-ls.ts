// `millrace acl ls`: the access rules that there are, or those that match.

import type { Command } from 'commander'
import {
  aclColumns,
  aclRows,
  addFilterOptions,
  type FilterOptions,
  filterOf,
} from '../acl-options.ts'
import { withAclStore } from '../acl-store.ts'
import type { Examples, Session } from '../session.ts'
import { addStoreOptions, type StoreOptions } from '../store-options.ts'

export const examples: Examples = [
  ['millrace acl ls', 'all of them'],
  ['millrace acl ls --principal alice', 'what alice may do, and may not'],
  ['millrace acl ls --topic orders --applying', 'all that apply to a topic'],
]

export function define(command: Command, session: Session): void {
  addStoreOptions(addFilterOptions(command)).action(
    async (options: FilterOptions & StoreOptions) => {
      const filter = filterOf(options)
      await withAclStore(session, options, async (store, output) => {
        const acls = await store.find(filter)
        await output.rows(aclColumns, aclRows(acls))
        if (acls.length === 0 && output.format === 'table') await output.note('No access rule.')
      })
    },
  )
}
