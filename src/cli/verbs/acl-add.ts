// `millrace acl add`: allows or denies somebody something.

import type { Command } from 'commander'
import { aclColumns, aclRows, addRuleOptions, type RuleOptions, rulesOf } from '../acl-options.ts'
import { withAclStore } from '../acl-store.ts'
import type { Examples, Session } from '../session.ts'
import { addStoreOptions, type StoreOptions } from '../store-options.ts'

export const examples: Examples = [
  ['millrace acl add alice --producer --topic orders', 'what a producer needs'],
  ['millrace acl add bob --consumer --topic orders --group billing', 'what a consumer needs'],
  ['millrace acl add carol -o read --topic team. --prefixed', 'every topic that begins so'],
  ['millrace acl add eve -o all --topic secret --deny', 'denying wins over allowing'],
  ['millrace acl add alice --cluster -o alter --data DIR', 'before the broker runs'],
]

export function define(command: Command, session: Session): void {
  const verb = command.argument('<principal...>', 'for whom: alice, or User:alice; User:* for all')
  addStoreOptions(addRuleOptions(verb)).action(
    async (principals: string[], options: RuleOptions & StoreOptions) => {
      const acls = rulesOf(principals, options)
      await withAclStore(session, { ...options, mayMake: true }, async (store, output) => {
        await store.make(acls)
        await output.rows(aclColumns, aclRows(acls))
      })
    },
  )
}
