// One application's connection to a memory engine.

import type { Administration } from '../../transport/administration.ts'
import type { Capabilities } from '../../transport/capabilities.ts'
import type { EventStore } from '../../transport/event-store.ts'
import type { GroupMember, JoinOptions, TopicPartition } from '../../transport/group-member.ts'
import type { Producer, TransactionalProducer } from '../../transport/producer.ts'
import type { ReadRequest, TopicReader } from '../../transport/topic-reader.ts'
import type { Transport, World } from '../../transport/transport.ts'
import type { Connection } from './connection.ts'
import { MemoryEventStore } from './event-store.ts'
import { MemoryMember } from './member.ts'
import { MemoryProducer, MemoryTransactionalProducer } from './producers.ts'

export class MemoryTransport implements Transport {
  readonly name = 'memory'
  readonly capabilities: Capabilities
  readonly world: World
  readonly logId: string
  readonly administration: Administration
  readonly reader: TopicReader
  readonly #connection: Connection
  readonly #members = new Set<MemoryMember>()
  readonly #producers = new Set<Producer | TransactionalProducer>()
  #closing: Promise<void> | undefined

  constructor(connection: Connection, capabilities: Capabilities) {
    this.#connection = connection
    this.capabilities = capabilities
    this.world = connection.broker.world
    this.logId = connection.broker.logId
    this.administration = administrationOf(connection)
    this.reader = readerOf(connection)
  }

  producer(): Promise<Producer> {
    return this.#connection.request(() => {
      const producer = new MemoryProducer(this.#connection)
      this.#producers.add(producer)
      return producer
    })
  }

  transactionalProducer(transactionalId: string): Promise<TransactionalProducer> {
    return this.#connection.request(() => {
      const producer = new MemoryTransactionalProducer(this.#connection, transactionalId)
      this.#producers.add(producer)
      return producer
    })
  }

  async join(options: JoinOptions): Promise<GroupMember> {
    const member = await this.#connection.request(() => new MemoryMember(this.#connection, options))
    this.#members.add(member)
    // The caller has its member before it is told of partitions.
    void this.world.timers.yield().then(() => member.join())
    return member
  }

  eventStore(topic: string): EventStore {
    return new MemoryEventStore(topic, this.#connection)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  kill(): void {
    this.#connection.kill()
  }

  async #close(): Promise<void> {
    if (this.#connection.isDead) return
    await Promise.all([...this.#members].map((member) => member.leave()))
    await Promise.all([...this.#producers].map((producer) => producer.close()))
    this.#connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function administrationOf(connection: Connection): Administration {
  const { broker } = connection
  return {
    ensureTopics: (topics) => connection.request(() => broker.ensureTopics(topics)),
    describeTopics: (names) => connection.request(() => broker.topics.describe(names)),
    committed: (group, partitions) =>
      connection.request(() =>
        partitions.flatMap((partition) => broker.group(group).offsets.get(partition) ?? []),
      ),
    groups: () => connection.request(() => broker.groupNames()),
  }
}

function readerOf(connection: Connection): TopicReader {
  const { broker } = connection
  const read = ({ topic, partition, fromOffset, maxBytes }: ReadRequest) =>
    connection.request(() => ({
      topic,
      partition,
      ...broker.log({ topic, partition }).read(fromOffset, maxBytes),
    }))
  return {
    read: async (request) => {
      const fetched = await read(request)
      if (fetched.records.length > 0 || request.waitMs === undefined) return fetched
      await growth(connection, request, request.waitMs)
      return read(request)
    },
    bounds: (partitions: readonly TopicPartition[]) =>
      connection.request(() =>
        partitions.map(({ topic, partition }) => ({
          topic,
          partition,
          startOffset: 0,
          endOffset: broker.log({ topic, partition }).lastStableOffset,
        })),
      ),
  }
}

/** Resolves when records have become readable, the time is over, or the signal is aborted. */
function growth({ broker }: Connection, request: ReadRequest, waitMs: number): Promise<void> {
  const log = broker.log(request)
  return new Promise((resolve) => {
    const finish = () => {
      stopWatching()
      timer.cancel()
      request.signal?.removeEventListener('abort', finish)
      resolve()
    }
    const hasGrown = () => log.read(request.fromOffset, 0).records.length > 0
    const stopWatching = log.watch(() => {
      if (hasGrown()) finish()
    })
    const timer = broker.world.timers.after(waitMs, finish)
    // It may have grown while the first answer was on its way.
    if (request.signal?.aborted || hasGrown()) finish()
    else request.signal?.addEventListener('abort', finish)
  })
}
