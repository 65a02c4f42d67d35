// A cluster as a client sees it: which brokers there are, who leads which partition, one connection
// to each broker that is needed, and retries with a bounded backoff. Works with one node of
// Millrace and with any Apache Kafka cluster.
// Invariant: at most one connection per broker; what was learned from metadata is forgotten as soon
// as an answer shows that it was stale.

import { ZERO_UUID } from '../../broker/bytes/uuid.ts'
import { metadata } from '../../broker/protocol/03-metadata.ts'
import { findCoordinator } from '../../broker/protocol/10-find-coordinator.ts'
import type { DecodedResponseOf } from '../../broker/protocol/api.ts'
import { ErrorCode } from '../../broker/wire/error-codes.ts'
import type { Clock, Timers } from '../../host/clock.ts'
import type { Net } from '../../host/net.ts'
import type { Random } from '../../host/random.ts'
import { type Address, formatAddress } from './address.ts'
import { assertAccepted, ClientError, refusal } from './client-error.ts'
import { Connection } from './connection.ts'
import type { ClientSecurity } from './security.ts'

const FIRST_BACKOFF_MS = 50
const MAX_BACKOFF_MS = 1000
const COORDINATOR_TYPES = { group: 0, transaction: 1 } as const
/** How long a topic that isn't there may take to appear. */
const AUTO_CREATION_MS = 3000

export interface ClusterOptions {
  /** Asked in turn until one answers. */
  readonly bootstrap: readonly Address[]
  readonly net: Net
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly clientId?: string
  /** TLS and login, the same for every broker. */
  readonly security?: ClientSecurity | undefined
  /** How long an operation may take, retries included. */
  readonly timeoutMs?: number
}

export interface ClusterBroker extends Address {
  readonly nodeId: number
}

export interface PartitionInfo {
  readonly partition: number
  /** -1 when there is none. */
  readonly leader: number
  readonly leaderEpoch: number
  readonly replicas: readonly number[]
  readonly inSyncReplicas: readonly number[]
}

export interface TopicInfo {
  readonly name: string
  readonly topicId: string
  readonly isInternal: boolean
  /** By partition, ascending. */
  readonly partitions: readonly PartitionInfo[]
}

export interface ClusterInfo {
  readonly clusterId: string | null
  readonly controllerId: number
  readonly brokers: readonly ClusterBroker[]
  readonly topics: readonly TopicInfo[]
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export class Cluster {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  readonly timeoutMs: number
  readonly #options: ClusterOptions
  readonly #brokers = new Map<number, ClusterBroker>()
  readonly #topics = new Map<string, TopicInfo>()
  readonly #connections = new Map<string, Promise<Connection>>()
  #isClosed = false

  /** Connects to the first bootstrap address that answers. @throws ClientError unreachable, timeout */
  static async connect(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options)
    try {
      await cluster.anyBroker()
    } catch (error) {
      cluster.close()
      throw error
    }
    return cluster
  }

  private constructor(options: ClusterOptions) {
    this.#options = options
    this.clock = options.clock
    this.timers = options.timers
    this.random = options.random
    this.timeoutMs = options.timeoutMs ?? 10_000
  }

  /** A broker that is connected already, else the first that answers. */
  async anyBroker(): Promise<Connection> {
    const known = [...this.#brokers.values(), ...this.#options.bootstrap]
    const connected = known.filter((address) => this.#connections.has(formatAddress(address)))
    let failure: unknown
    for (const address of [...connected, ...this.#options.bootstrap, ...known]) {
      try {
        return await this.#connection(address)
      } catch (error) {
        failure ??= error
      }
    }
    throw failure
  }

  /** @throws ClientError refused when metadata does not name that node */
  async broker(nodeId: number): Promise<Connection> {
    if (!this.#brokers.has(nodeId)) await this.describe({ topics: [] })
    const broker = this.#brokers.get(nodeId)
    if (broker === undefined) throw refusal(ErrorCode.BROKER_NOT_AVAILABLE, `Broker ${nodeId}`)
    return this.#connection(broker)
  }

  /** The broker that changes topics. */
  async controller(): Promise<Connection> {
    const { controllerId } = await this.describe({ topics: [] })
    return this.broker(controllerId)
  }

  async coordinator(key: string, of: 'group' | 'transaction' = 'group'): Promise<Connection> {
    const connection = await this.anyBroker()
    const body = { key, keyType: COORDINATOR_TYPES[of], coordinatorKeys: [key] }
    const answer = await connection.request(findCoordinator, body)
    // Version 4 (KIP-699) answers a list, older ones a single coordinator.
    const found = answer.coordinators[0] ?? answer
    assertAccepted(found.errorCode, `Coordinator of ${of} ${key}`, found.errorMessage)
    const { nodeId, host, port } = found
    this.#brokers.set(nodeId, { nodeId, host, port })
    return this.#connection({ host, port })
  }

  /** The leader of a partition. @throws ClientError refused: unknown topic, no leader */
  async leader({ topic, partition }: TopicPartition): Promise<number> {
    const info = await this.topic(topic)
    const found = info.partitions.find((entry) => entry.partition === partition)
    if (found === undefined) {
      const what = `Topic ${topic} has ${info.partitions.length} partitions, no partition ${partition}`
      throw notThere(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, what)
    }
    if (found.leader < 0) {
      throw refusal(ErrorCode.LEADER_NOT_AVAILABLE, `Topic ${topic} partition ${partition}`)
    }
    return found.leader
  }

  /** What is known of a topic, asked for when nothing is. @throws ClientError refused: unknown topic */
  async topic(name: string): Promise<TopicInfo> {
    const known = this.#topics.get(name)
    if (known !== undefined) return known
    const { topics } = await this.describe({ topics: [name] })
    return topics[0]!
  }

  /** Like `topic`, but a broker that creates topics by itself may do so, and is given the time. */
  async topicOrNew(name: string): Promise<TopicInfo> {
    const ask = () =>
      this.describe({ topics: [name], mayAppear: true, allowAutoTopicCreation: true })
    const timeoutMs = Math.min(this.timeoutMs, AUTO_CREATION_MS)
    const { topics } = await this.retrying(ask, { timeoutMs })
    return topics[0]!
  }

  /** Like `topic`, of one that is known to have been created: its absence is worth a retry. */
  async topicIfAppeared(name: string): Promise<TopicInfo> {
    const { topics } = await this.describe({ topics: [name], mayAppear: true })
    return topics[0]!
  }

  /** What is known of a topic without asking. */
  knownTopic(name: string): TopicInfo | undefined {
    return this.#topics.get(name)
  }

  forgetTopic(name: string): void {
    this.#topics.delete(name)
  }

  /** What the cluster says of itself and of topics: all of them, unless some are named. */
  async describe(
    request: {
      topics?: readonly string[]
      allowAutoTopicCreation?: boolean
      /** A topic that isn't there may be about to: the error is a retriable one. */
      mayAppear?: boolean
    } = {},
  ): Promise<ClusterInfo> {
    const { allowAutoTopicCreation = false, mayAppear = false } = request
    const connection = await this.anyBroker()
    const answer = await connection.request(metadata, {
      topics: request.topics?.map((name) => ({ name, topicId: ZERO_UUID })) ?? null,
      allowAutoTopicCreation,
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    })
    const brokers = answer.brokers.map(({ nodeId, host, port }) => ({ nodeId, host, port }))
    this.#brokers.clear()
    for (const broker of brokers) this.#brokers.set(broker.nodeId, broker)
    const topics = answer.topics.map((topic) => topicInfo(topic, mayAppear))
    for (const topic of topics) this.#topics.set(topic.name, topic)
    return { clusterId: answer.clusterId, controllerId: answer.controllerId, brokers, topics }
  }

  /**
   * Runs an operation until it succeeds, fails for good, or `timeoutMs` have passed since it began.
   * @param topics whose metadata a retry must not trust any more
   */
  async retrying<T>(
    operation: () => Promise<T>,
    options: { timeoutMs?: number; topics?: readonly string[] } = {},
  ): Promise<T> {
    const deadlineMs = this.clock.monotonicMs() + (options.timeoutMs ?? this.timeoutMs)
    for (let backoffMs = FIRST_BACKOFF_MS; ; backoffMs = Math.min(backoffMs * 2, MAX_BACKOFF_MS)) {
      try {
        return await operation()
      } catch (error) {
        const isWorthwhile = error instanceof ClientError && error.retriable && !this.#isClosed
        if (!isWorthwhile || this.clock.monotonicMs() + backoffMs > deadlineMs) throw error
      }
      for (const topic of options.topics ?? []) this.forgetTopic(topic)
      await this.pause(backoffMs)
    }
  }

  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.timers.after(delayMs, resolve)
    })
  }

  close(): void {
    this.#isClosed = true
    for (const opening of this.#connections.values()) {
      opening.then((connection) => connection.close(), ignoreFailedConnection)
    }
    this.#connections.clear()
  }

  async #connection(address: Address): Promise<Connection> {
    if (this.#isClosed) throw new ClientError('closed', 'This client was closed.')
    const name = formatAddress(address)
    const known = this.#connections.get(name)
    if (known !== undefined) {
      const connection = await known
      if (connection.isOpen && !connection.isRetiring) return connection
      if (this.#connections.get(name) === known) this.#connections.delete(name)
      if (connection.isOpen) connection.retire()
      return this.#connection(address)
    }
    const { clientId = 'millrace-cli', net, timers, clock, random, security } = this.#options
    const requestTimeoutMs = this.timeoutMs
    const opening = Connection.open({
      ...{ address, clientId, net, timers, requestTimeoutMs },
      security: security && { ...security, clock, random },
    })
    this.#connections.set(name, opening)
    try {
      return await opening
    } catch (error) {
      if (this.#connections.get(name) === opening) this.#connections.delete(name)
      throw error
    }
  }
}

function topicInfo(
  topic: DecodedResponseOf<typeof metadata>['topics'][number],
  mayAppear: boolean,
): TopicInfo {
  const name = topic.name ?? topic.topicId
  if (topic.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION && !mayAppear) {
    throw notThere(topic.errorCode, `Topic ${name} does not exist`)
  }
  assertAccepted(topic.errorCode, `Topic ${name}`)
  const partitions = topic.partitions.map((partition) => ({
    partition: partition.partitionIndex,
    leader: partition.leaderId,
    leaderEpoch: partition.leaderEpoch,
    replicas: partition.replicaNodes,
    inSyncReplicas: partition.isrNodes,
  }))
  partitions.sort((a, b) => a.partition - b.partition)
  return { name, topicId: topic.topicId, isInternal: topic.isInternal, partitions }
}

/** The cluster has said that it isn't there: asking again won't help. */
function notThere(errorCode: number, message: string): ClientError {
  return new ClientError('refused', `${message}.`, { errorCode, retriable: false })
}

function ignoreFailedConnection(): void {
  // Whoever waits for it is told.
}
