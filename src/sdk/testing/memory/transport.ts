// One application's connection to a memory engine.

import type { Administration } from '../../transport/administration.ts'
import type { Capabilities } from '../../transport/capabilities.ts'
import { CapabilityMissingError } from '../../transport/errors.ts'
import type { EventStore } from '../../transport/event-store.ts'
import type { GroupMember, JoinOptions, TopicPartition } from '../../transport/group-member.ts'
import type { Producer, TransactionalProducer } from '../../transport/producer.ts'
import type { ReadRequest, TopicReader } from '../../transport/topic-reader.ts'
import type { Transport, World } from '../../transport/transport.ts'
import type { MemoryBroker } from './broker.ts'
import { MemoryMember } from './member.ts'
import { MemoryProducer, MemoryTransactionalProducer } from './producers.ts'

export class MemoryTransport implements Transport {
  readonly name = 'memory'
  readonly capabilities: Capabilities
  readonly world: World
  readonly administration: Administration
  readonly reader: TopicReader
  readonly #broker: MemoryBroker
  readonly #members = new Set<MemoryMember>()

  constructor(broker: MemoryBroker, capabilities: Capabilities) {
    this.#broker = broker
    this.capabilities = capabilities
    this.world = broker.world
    this.administration = administrationOf(broker)
    this.reader = readerOf(broker)
  }

  async producer(): Promise<Producer> {
    return new MemoryProducer(this.#broker)
  }

  async transactionalProducer(transactionalId: string): Promise<TransactionalProducer> {
    return new MemoryTransactionalProducer(this.#broker, transactionalId)
  }

  async join(options: JoinOptions): Promise<GroupMember> {
    const member = new MemoryMember(this.#broker, options)
    this.#members.add(member)
    // The caller has its member before it is told of partitions.
    void this.world.timers.yield().then(() => member.join())
    return member
  }

  eventStore(topic: string): EventStore {
    throw new CapabilityMissingError(
      `The memory engine has no event store yet: ${topic} cannot be one.`,
    )
  }

  async close(): Promise<void> {
    await Promise.all([...this.#members].map((member) => member.leave()))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function administrationOf(broker: MemoryBroker): Administration {
  return {
    ensureTopics: async (topics) => broker.ensureTopics(topics),
    describeTopics: async (names) => broker.topics.describe(names),
    committed: async (group, partitions) =>
      partitions.flatMap((partition) => broker.group(group).offsets.get(partition) ?? []),
    groups: async () => broker.groupNames(),
  }
}

function readerOf(broker: MemoryBroker): TopicReader {
  return {
    read: async (request) => {
      const log = broker.log(request)
      const { topic, partition } = request
      const fetched = log.read(request.fromOffset, request.maxBytes)
      if (fetched.records.length > 0 || request.waitMs === undefined) {
        return { topic, partition, ...fetched }
      }
      await growth(broker, request, request.waitMs)
      return { topic, partition, ...log.read(request.fromOffset, request.maxBytes) }
    },
    bounds: async (partitions: readonly TopicPartition[]) =>
      partitions.map(({ topic, partition }) => ({
        topic,
        partition,
        startOffset: 0,
        endOffset: broker.log({ topic, partition }).lastStableOffset,
      })),
  }
}

/** Resolves when records have become readable, the time is over, or the signal is aborted. */
function growth(broker: MemoryBroker, request: ReadRequest, waitMs: number): Promise<void> {
  const log = broker.log(request)
  return new Promise((resolve) => {
    const finish = () => {
      stopWatching()
      timer.cancel()
      request.signal?.removeEventListener('abort', finish)
      resolve()
    }
    const stopWatching = log.watch(() => {
      if (log.read(request.fromOffset, 0).records.length > 0) finish()
    })
    const timer = broker.world.timers.after(waitMs, finish)
    if (request.signal?.aborted) finish()
    else request.signal?.addEventListener('abort', finish)
  })
}
