// The users of a broker, for who runs it in this process. A password is made into what is stored at
// once, and is kept nowhere. Over the network the same is done by AlterUserScramCredentials.

import type { Random } from '../../../host/random.ts'
import type { Catalog } from '../../catalog/catalog.ts'
import {
  type ScramCredential,
  type ScramMechanism,
  scramMechanisms,
} from '../../catalog/credential-record.ts'
import type { CredentialChange } from '../../catalog/decide-credentials.ts'
import { credentialOf, saltPassword } from './scram-keys.ts'

export interface UserFacts {
  readonly name: string
  readonly credentials: readonly {
    readonly mechanism: ScramMechanism
    readonly iterations: number
  }[]
}

/** Guessing a stolen password costs as much as Kafka allows; a client that logs in pays it once. */
export const USER_ITERATIONS = 16_384
const SALT_BYTES = 20

export class Users {
  readonly #catalog: Catalog
  readonly #random: Random

  /** @internal The broker makes it. */
  constructor(catalog: Catalog, random: Random) {
    this.#catalog = catalog
    this.#random = random
  }

  /** In the order of the names. */
  list(): UserFacts[] {
    const { credentials } = this.#catalog
    return credentials.users().map((name) => ({
      name,
      credentials: scramMechanisms.flatMap((mechanism) => {
        const credential = credentials.credential(name, mechanism)
        return credential === undefined ? [] : { mechanism, iterations: credential.iterations }
      }),
    }))
  }

  /** Makes a user or gives one another password, for every mechanism; durable when it resolves. @throws Error */
  async setPassword(name: string, password: string): Promise<void> {
    const changes: CredentialChange[] = []
    for (const mechanism of scramMechanisms) {
      const credential = await makeCredential(mechanism, password, this.#random)
      changes.push({ kind: 'set', user: name, mechanism, credential })
    }
    await this.#alter(changes)
  }

  /** @returns false when there is no such user. @throws Error when it cannot be stored */
  async remove(name: string): Promise<boolean> {
    const changes: CredentialChange[] = scramMechanisms
      .filter((mechanism) => this.#catalog.credentials.credential(name, mechanism) !== undefined)
      .map((mechanism) => ({ kind: 'remove', user: name, mechanism }))
    if (changes.length === 0) return false
    await this.#alter(changes)
    return true
  }

  async #alter(changes: readonly CredentialChange[]): Promise<void> {
    for (const { outcome } of await this.#catalog.alterCredentials(changes)) {
      if (outcome.kind === 'refused') throw new Error(outcome.message)
    }
  }
}

async function makeCredential(
  mechanism: ScramMechanism,
  password: string,
  random: Random,
): Promise<ScramCredential> {
  const how = { salt: random.bytes(SALT_BYTES), iterations: USER_ITERATIONS }
  return credentialOf(mechanism, await saltPassword(mechanism, password, how), how)
}
