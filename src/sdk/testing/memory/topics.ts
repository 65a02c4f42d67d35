// The topics of a memory engine. Only compaction ever removes something, and a topic keeps the partitions
// it was made with. One with `millrace.store=true` is an event store: its partitions know their streams.

import type { TopicDescription, TopicSpec } from '../../transport/administration.ts'
import { InvalidAppendError, UnknownTopicError } from '../../transport/errors.ts'
import type { TopicPartition } from '../../transport/group-member.ts'
import { PartitionLog } from './partition-log.ts'
import type { StorePartition } from './store-append.ts'
import { Streams } from './streams.ts'

interface Partition {
  readonly log: PartitionLog
  /** Of a store. */
  readonly streams: Streams | undefined
}

export class Topics {
  readonly #defaultPartitions: number
  readonly #topics = new Map<string, readonly Partition[]>()
  readonly #watchers = new Set<() => void>()
  /** By store, stream and name. */
  readonly #snapshots = new Map<string, Map<string, Map<string, Uint8Array>>>()

  constructor(defaultPartitions: number) {
    this.#defaultPartitions = defaultPartitions
  }

  ensure(specs: readonly TopicSpec[]): void {
    for (const { name, partitions = this.#defaultPartitions, config } of specs) {
      if (this.#topics.has(name)) continue
      const isCompacted = config?.['cleanup.policy']?.split(',').includes('compact') ?? false
      const isStore = config?.['millrace.store'] === 'true'
      this.#topics.set(
        name,
        Array.from({ length: partitions }, (_, partition) => ({
          log: new PartitionLog({ topic: name, partition, isCompacted }),
          streams: isStore ? new Streams() : undefined,
        })),
      )
    }
    for (const watcher of [...this.#watchers]) watcher()
  }

  ensureStore(topic: string): readonly StorePartition[] {
    const config = { 'millrace.store': 'true' }
    if (!this.#topics.has(topic)) this.ensure([{ name: topic, partitions: 1, config }])
    return this.findStore(topic)!
  }

  /** @returns undefined when there is no such topic @throws InvalidAppendError when it is no store */
  findStore(topic: string): readonly StorePartition[] | undefined {
    return this.#topics.get(topic)?.map(({ log, streams }) => {
      if (streams !== undefined) return { log, streams }
      throw new InvalidAppendError(
        topic,
        'The topic is no event store: make it with millrace.store=true.',
      )
    })
  }

  snapshotsOf(store: string): Map<string, Map<string, Uint8Array>> {
    const kept = this.#snapshots.get(store) ?? new Map<string, Map<string, Uint8Array>>()
    this.#snapshots.set(store, kept)
    return kept
  }

  describe(names: readonly string[]): readonly TopicDescription[] {
    return names.flatMap((name) => {
      const partitions = this.#topics.get(name)
      return partitions === undefined ? [] : [{ name, partitions: partitions.length }]
    })
  }

  partitionCount(topic: string): number {
    return this.#topics.get(topic)?.length ?? 0
  }

  /** @throws UnknownTopicError also for a partition that the topic has not */
  log(partition: TopicPartition): PartitionLog {
    return this.partition(partition).log
  }

  /** @throws UnknownTopicError also for a partition that the topic has not */
  partition({ topic, partition }: TopicPartition): Partition {
    const found = this.#topics.get(topic)?.[partition]
    if (found === undefined) throw new UnknownTopicError(topic)
    return found
  }

  /** Called when topics may have been made. @returns ends the calls */
  watch(onMade: () => void): () => void {
    this.#watchers.add(onMade)
    return () => this.#watchers.delete(onMade)
  }
}
