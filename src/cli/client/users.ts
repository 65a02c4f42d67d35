// Users over the wire. The password stays here: what travels is salted. Source: KIP-554.

import { type ScramMechanism, scramMechanisms } from '../../broker/catalog/credential-record.ts'
import { describeUserScramCredentials } from '../../broker/protocol/50-describe-user-scram-credentials.ts'
import {
  type AlterUserScramCredentialsRequest,
  alterUserScramCredentials,
} from '../../broker/protocol/51-alter-user-scram-credentials.ts'
import { saltPassword } from '../../broker/server/security/scram-keys.ts'
import {
  mechanismOfCode,
  scramMechanismCodes,
} from '../../broker/server/security/scram-mechanism-codes.ts'
import { USER_ITERATIONS, type UserFacts } from '../../broker/server/security/users.ts'
import { assertAccepted } from './client-error.ts'
import type { Cluster } from './cluster.ts'

const SALT_BYTES = 20

/** In the order of the names. */
export async function listUsers(cluster: Cluster): Promise<UserFacts[]> {
  const broker = await cluster.anyBroker()
  const answer = await broker.request(describeUserScramCredentials, { users: null })
  assertAccepted(answer.errorCode, 'Users', answer.errorMessage)
  const users = answer.results.map(({ user, credentialInfos }) => ({
    name: user,
    credentials: credentialInfos.flatMap(({ mechanism: code, iterations }) => {
      const mechanism = mechanismOfCode(code)
      return mechanism === undefined ? [] : { mechanism, iterations }
    }),
  }))
  return users.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Makes a user or changes its password, for every mechanism. */
export async function setUserPassword(
  cluster: Cluster,
  name: string,
  password: string,
): Promise<void> {
  // One at a time: Kafka takes no user twice in one request.
  for (const mechanism of scramMechanisms) {
    const how = { salt: cluster.random.bytes(SALT_BYTES), iterations: USER_ITERATIONS }
    const saltedPassword = await saltPassword(mechanism, password, how)
    const upsertion = { name, mechanism: scramMechanismCodes[mechanism], ...how, saltedPassword }
    await alter(cluster, name, { deletions: [], upsertions: [upsertion] })
  }
}

/** @param mechanisms those that the user has credentials for */
export async function removeUser(
  cluster: Cluster,
  name: string,
  mechanisms: readonly ScramMechanism[],
): Promise<void> {
  for (const mechanism of mechanisms) {
    const deletion = { name, mechanism: scramMechanismCodes[mechanism] }
    await alter(cluster, name, { deletions: [deletion], upsertions: [] })
  }
}

async function alter(
  cluster: Cluster,
  name: string,
  request: AlterUserScramCredentialsRequest,
): Promise<void> {
  const controller = await cluster.controller()
  const { results } = await controller.request(alterUserScramCredentials, request)
  for (const { errorCode, errorMessage } of results) {
    assertAccepted(errorCode, `User ${name}`, errorMessage)
  }
}
