// Which quota counts for a client, and with whom it shares it. Pure. Source: KIP-55. The first that
// is there, for each key by itself:
//
//   user and client id     user, any client id      user
//   any user, client id    any user, any client id  any user
//                          client id                any client id
//
// A quota of a user is shared by all that user's clients, one of a client id by all its users; a
// default gives each user, client or pair that it is for as much.

import type { ClientQuota, QuotaEntity, QuotaKey } from '../../catalog/client-quotas.ts'

/** Empty text: no client id. */
export interface QuotaClient {
  readonly user: string
  readonly clientId: string
}

export interface FoundQuota {
  readonly bound: number
  /** The same text for all who share it. */
  readonly sharedBy: string
}

/** The bounds of one key, by whom they are for. */
export class QuotaBounds {
  readonly #bounds = new Map<string, number>()

  constructor(quotas: Iterable<ClientQuota>, key: QuotaKey) {
    for (const { entity, values } of quotas) {
      const bound = values[key]
      if (bound !== undefined) this.#bounds.set(entityText(entity), bound)
    }
  }

  get isEmpty(): boolean {
    return this.#bounds.size === 0
  }

  find({ user, clientId }: QuotaClient): FoundQuota | undefined {
    if (this.isEmpty) return undefined
    const pair = this.#first(clientId, { user }, [clientId, null])
    if (pair !== undefined) return { bound: pair, sharedBy: text(user, clientId) }
    const own = this.#bounds.get(text(user, undefined))
    if (own !== undefined) return { bound: own, sharedBy: text(user, undefined) }
    const anyPair = this.#first(clientId, { user: null }, [clientId, null])
    if (anyPair !== undefined) return { bound: anyPair, sharedBy: text(user, clientId) }
    const anyUser = this.#bounds.get(text(null, undefined))
    if (anyUser !== undefined) return { bound: anyUser, sharedBy: text(user, undefined) }
    const client = this.#first(clientId, {}, [clientId, null])
    return client === undefined ? undefined : { bound: client, sharedBy: text(undefined, clientId) }
  }

  /** Who has no client id has no quota of one, not even the default. */
  #first(clientId: string, { user }: QuotaEntity, names: readonly (string | null)[]) {
    if (clientId === '') return undefined
    for (const name of names) {
      const bound = this.#bounds.get(text(user, name))
      if (bound !== undefined) return bound
    }
    return undefined
  }
}

function entityText({ user, 'client-id': clientId }: QuotaEntity): string {
  return text(user, clientId)
}

/** No name can pass for another: that of the user has its length in front. */
function text(user: string | null | undefined, clientId: string | null | undefined): string {
  return `${part(user)}/${part(clientId)}`
}

function part(name: string | null | undefined): string {
  if (name === undefined) return ''
  return name === null ? '*' : `${name.length}:${name}`
}
