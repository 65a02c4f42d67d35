// Where the verbs of access rules find them: at a running broker, or with `--data` in the folder of one
// that does not run, which is how the first rules come there.

import { type Acl, type AclFilter, matchesFilter } from '../broker/catalog/acl.ts'
import { withCluster } from './broker-options.ts'
import { findAcls, makeAcls, removeAcls } from './client/acls.ts'
import { refusal } from './client/client-error.ts'
import { Output } from './output.ts'
import type { Session } from './session.ts'
import { withStoppedCatalog } from './stopped-folder.ts'
import type { StoreOptions } from './store-options.ts'

export interface AclStore {
  make(acls: readonly Acl[]): Promise<void>
  find(filter: AclFilter): Promise<Acl[]>
  /** @returns what was removed */
  remove(filter: AclFilter): Promise<Acl[]>
}

/** @param options.mayMake a data folder that is not there is made */
export async function withAclStore(
  session: Session,
  options: StoreOptions & { mayMake?: boolean },
  use: (store: AclStore, output: Output) => Promise<void>,
): Promise<void> {
  const { data, mayMake = false } = options
  if (data === undefined) {
    return await withCluster(session, options, (cluster, output) =>
      use(
        {
          make: (acls) => makeAcls(cluster, acls),
          find: (filter) => findAcls(cluster, filter),
          remove: (filter) => removeAcls(cluster, filter),
        },
        output,
      ),
    )
  }
  await withStoppedCatalog(data, { mayMake }, async (catalog) => {
    const store: AclStore = {
      async make(acls) {
        for (const outcome of await catalog.createAcls(acls)) {
          if (outcome.kind === 'refused') throw refused(outcome)
        }
      },
      find: async (filter) => [...catalog.acls()].filter((acl) => matchesFilter(acl, filter)),
      async remove(filter) {
        const [outcome] = await catalog.removeAcls([filter])
        if (outcome?.kind === 'refused') throw refused(outcome)
        return [...(outcome?.acls ?? [])]
      },
    }
    await use(store, new Output(session.terminal, options))
  })
}

function refused({ errorCode, message }: { errorCode: number; message: string }) {
  return refusal(errorCode, 'Access rules', message)
}
