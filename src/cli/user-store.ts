// Where the verbs of users find them: at a running broker, or with `--data` in the folder of one that
// does not run, which is how the first user comes to be.

import { type UserFacts, Users } from '../broker/server/security/users.ts'
import { nodeRandom } from '../host/node-host.ts'
import { withCluster } from './broker-options.ts'
import { listUsers, removeUser, setUserPassword } from './client/users.ts'
import { CliError, ExitCode } from './exit-code.ts'
import { Output } from './output.ts'
import type { Session } from './session.ts'
import { withStoppedCatalog } from './stopped-folder.ts'
import type { StoreOptions } from './store-options.ts'

export interface UserStore {
  list(): Promise<readonly UserFacts[]>
  setPassword(name: string, password: string): Promise<void>
  remove(user: UserFacts): Promise<void>
}

/** @param options.mayMake a data folder that is not there is made */
export async function withUsers(
  session: Session,
  options: StoreOptions & { mayMake?: boolean },
  use: (users: UserStore, output: Output) => Promise<void>,
): Promise<void> {
  const { data, mayMake = false } = options
  if (data === undefined) {
    return await withCluster(session, options, (cluster, output) =>
      use(
        {
          list: () => listUsers(cluster),
          setPassword: (name, password) => setUserPassword(cluster, name, password),
          remove: ({ name, credentials }) => {
            const mechanisms = credentials.map(({ mechanism }) => mechanism)
            return removeUser(cluster, name, mechanisms)
          },
        },
        output,
      ),
    )
  }
  await withStoppedCatalog(data, { mayMake }, async (catalog) => {
    const users = new Users(catalog, nodeRandom)
    const store: UserStore = {
      list: async () => users.list(),
      setPassword: (name, password) => users.setPassword(name, password),
      remove: async ({ name }) => void (await users.remove(name)),
    }
    await use(store, new Output(session.terminal, options))
  })
}

/** @throws CliError (not found) */
export function userNamed(users: readonly UserFacts[], name: string): UserFacts {
  const found = users.find((user) => user.name === name)
  if (found !== undefined) return found
  const message = `User ${name} does not exist: millrace user ls lists those that do.`
  throw new CliError(ExitCode.NOT_FOUND, message)
}
