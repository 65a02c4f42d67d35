// The credentials of all users, folded from their records. Pure.

import {
  type CredentialRecord,
  type ScramCredential,
  type ScramMechanism,
  scramMechanisms,
} from './credential-record.ts'

export interface KnownCredentials {
  credential(user: string, mechanism: ScramMechanism): ScramCredential | undefined
  /** Of all users and mechanisms. */
  readonly size: number
}

export interface StrongestCredential {
  readonly mechanism: ScramMechanism
  readonly credential: ScramCredential
}

export class CredentialState implements KnownCredentials {
  readonly #byMechanism: Readonly<Record<ScramMechanism, Map<string, ScramCredential>>> = {
    'SCRAM-SHA-256': new Map(),
    'SCRAM-SHA-512': new Map(),
  }

  apply({ user, mechanism, credential }: CredentialRecord): void {
    if (credential === null) this.#byMechanism[mechanism].delete(user)
    else this.#byMechanism[mechanism].set(user, credential)
  }

  credential(user: string, mechanism: ScramMechanism): ScramCredential | undefined {
    return this.#byMechanism[mechanism].get(user)
  }

  get size(): number {
    return Object.values(this.#byMechanism).reduce((sum, { size }) => sum + size, 0)
  }

  /** Everybody with a credential, in the order of the names. */
  users(): string[] {
    const names = Object.values(this.#byMechanism).flatMap((users) => [...users.keys()])
    return [...new Set(names)].sort()
  }

  /** One that exists, chosen by a number, so that it looks like any other; undefined: there is none. */
  sample(mechanism: ScramMechanism, choice: number): ScramCredential | undefined {
    const users = this.#byMechanism[mechanism]
    let left = users.size === 0 ? 0 : choice % users.size
    for (const credential of users.values()) {
      if (left === 0) return credential
      left -= 1
    }
    return undefined
  }

  /** What a password alone is held against. */
  strongest(user: string): StrongestCredential | undefined {
    for (const mechanism of scramMechanisms.toReversed()) {
      const credential = this.credential(user, mechanism)
      if (credential !== undefined) return { mechanism, credential }
    }
    return undefined
  }

  /** That of somebody, chosen by a number. */
  sampleStrongest(choice: number): StrongestCredential | undefined {
    let left = this.size === 0 ? 0 : choice % this.size
    for (const users of Object.values(this.#byMechanism)) {
      if (left >= users.size) left -= users.size
      else for (const user of users.keys()) if (left-- === 0) return this.strongest(user)
    }
    return undefined
  }
}
