// The broker without sockets: what a program in the same process calls. It comes to the rooms that
// requests come to, past access rules and quotas: whoever holds the process holds the broker.
// Everything that passes here is plain data; batches, codes and ids of the protocol stay below.

import type { Host } from '../../host/host.ts'
import type { BrokerServices } from '../server/services.ts'
import { LocalGroups } from './local-groups.ts'
import { LocalProducing } from './local-producing.ts'
import { LocalReading } from './local-reading.ts'
import { LocalStores } from './local-stores.ts'
import { LocalTopics } from './local-topics.ts'

export interface LocalClient {
  /** The broker's own time and randomness. */
  readonly world: Pick<Host, 'clock' | 'timers' | 'random'>
  /** The broker's cluster id. */
  readonly logId: string
  readonly topics: LocalTopics
  readonly producing: LocalProducing
  readonly reading: LocalReading
  readonly groups: LocalGroups
  readonly stores: LocalStores
  /** Resolves when groups and transactions were read back: until then they are not served. */
  loaded(): Promise<void>
}

export function createLocalClient(services: BrokerServices): LocalClient {
  const { clock, timers, random } = services.host
  return {
    world: { clock, timers, random },
    logId: services.catalog.clusterId,
    topics: new LocalTopics(services),
    producing: new LocalProducing(services),
    reading: new LocalReading(services),
    groups: new LocalGroups(services),
    stores: new LocalStores(services),
    loaded: async () => {
      await Promise.all([services.groups.loaded(), services.transactions.loaded()])
    },
  }
}
