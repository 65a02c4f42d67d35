// The event stores of this broker as code in the same process uses them: finds a store's partitions by
// the name of its topic, and makes the topic with the first append.

import type { Host } from '../../host/host.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { Topic } from '../catalog/catalog-state.ts'
import { isStore, STORE_KEY } from '../catalog/store-topics.ts'
import type { EventStore } from '../streams/event-store.ts'
import { RunningStore } from '../streams/running-store.ts'
import type { SnapshotFile } from '../streams/snapshot-file.ts'
import type { StorePartition } from '../streams/store-partition.ts'
import type { StoreTransactions } from '../streams/store-transactions.ts'
import type { Stores } from '../streams/stores.ts'

export const DEFAULT_STORE = 'streams'

export interface EventStoresOptions {
  readonly host: Host
  readonly catalog: Catalog
  readonly stores: Stores
  readonly transactions: StoreTransactions
  readonly snapshots: SnapshotFile
}

/** The topic is there and is no event store. */
export class NoStoreError extends Error {
  override readonly name = 'NoStoreError'
  readonly topic: string

  constructor(topic: string) {
    super(
      `Topic ${topic} is no event store: make another one with ${STORE_KEY}=true, which is settled when a topic is made.`,
    )
    this.topic = topic
  }
}

export class EventStores {
  readonly #options: EventStoresOptions
  readonly #byTopic = new Map<string, EventStore>()

  constructor(options: EventStoresOptions) {
    this.#options = options
  }

  get(topic: string): EventStore {
    let store = this.#byTopic.get(topic)
    if (store === undefined) {
      store = this.#make(topic)
      this.#byTopic.set(topic, store)
    }
    return store
  }

  /** Ends what an earlier life left open in streams: until then nobody else can write to those. */
  settled(): Promise<void> {
    return this.#options.transactions.settled()
  }

  /** @returns undefined when there is no such topic @throws NoStoreError */
  partitionsOf(name: string): readonly StorePartition[] | undefined {
    const topic = this.#options.catalog.topic(name)
    return topic && this.#partitionsOf(topic)
  }

  #make(name: string): EventStore {
    const { host, catalog, transactions, snapshots } = this.#options
    let known: Topic | undefined
    let partitions: readonly StorePartition[] | undefined
    const find = () => {
      const topic = catalog.topic(name)
      if (topic === undefined) return undefined
      if (topic === known && partitions !== undefined) return partitions
      partitions = this.#partitionsOf(topic)
      known = topic
      return partitions
    }
    return new RunningStore({
      topic: name,
      clock: host.clock,
      timers: host.timers,
      ...{ transactions, snapshots },
      find,
      make: async () => {
        const configs = [{ name: STORE_KEY, value: 'true' }]
        const asDefault = { partitions: -1, replicationFactor: -1, assignments: [] }
        const [outcome] = await catalog.createTopics([{ name, configs, ...asDefault }])
        // Somebody else may have made it meanwhile.
        const made = find()
        if (made !== undefined) return made
        const why = outcome?.kind === 'refused' ? outcome.message : 'it is gone again'
        throw new Error(`The event store ${name} cannot be made: ${why}`)
      },
      onMade: (listener) =>
        catalog.onChange(({ kind }) => {
          if (kind === 'topic-created') listener()
        }),
    })
  }

  #partitionsOf({ name, id, partitions, configs }: Topic): readonly StorePartition[] {
    if (!isStore(configs)) throw new NoStoreError(name)
    return Array.from({ length: partitions }, (_, partition) => {
      const opened = this.#options.stores.get(id, partition)
      if (opened === undefined) throw new Error(`${name}-${partition} is not open`)
      return opened
    })
  }
}
