// The cluster as one client sees it: its nodes, who leads which partition, who coordinates what, and
// the connections to them. Connections are made when they are first asked for and again after they
// broke; each purpose has its own, because a broker answers one connection in the order of requests
// and a fetch or a join that waits would hold up a commit.
// Invariant: after `close` no connection is left and none is made.

import { type API, Connection, type ConnectionOptions } from '@platformatic/kafka'
import { TransportClosedError } from '../../sdk/transport/errors.ts'
import type { World } from '../../sdk/transport/transport.ts'
import { apis, newGroupApis } from './apis.ts'
import { answered, Code, isConnectionTrouble, KafkaError, reasonOf, refusal } from './errors.ts'
import { waitFor } from './waiting.ts'

export interface Address {
  readonly host: string
  readonly port: number
}

export interface TopicMetadata {
  readonly name: string
  /** As the library writes it: 8-4-4-4-12 hexadecimal digits. */
  readonly topicId: string
  /** Node id by partition; below 0 while there is none. */
  readonly leaders: readonly number[]
  /** By partition; -1 where the cluster tells none. */
  readonly leaderEpochs: readonly number[]
}

export interface ClusterOptions {
  readonly bootstrap: readonly Address[]
  readonly clientId: string
  readonly connection: Pick<ConnectionOptions, 'tls' | 'tlsServerName' | 'sasl'>
  readonly requestTimeoutMs: number
  readonly world: World
}

export type CoordinatorKind = 'group' | 'transaction'

const COORDINATOR_TYPE = { group: 0, transaction: 1 } as const
const NO_LEADER = -1
export const NO_EPOCH = -1
const CONNECT_TIMEOUT_MS = 5000
/** Of a connection; whoever sends bounds what it has under way. */
const MAX_REQUESTS_IN_FLIGHT = 64
const MIN_BACKOFF_MS = 30
const MAX_BACKOFF_MS = 1000
const SOFTWARE = ['millrace', '1'] as const

interface Line {
  readonly connection: Promise<Connection>
}

export class Cluster {
  readonly options: ClusterOptions
  readonly #nodes = new Map<number, Address>()
  readonly #topics = new Map<string, TopicMetadata>()
  readonly #coordinators = new Map<string, number>()
  readonly #lines = new Map<string, Line>()
  #refreshing: { names: Set<string>; done: Promise<void> } | undefined
  #controllerId: number | undefined
  #clusterId = ''
  #isClosed = false
  #hasNewGroups = false

  constructor(options: ClusterOptions) {
    this.options = options
  }

  get world(): World {
    return this.options.world
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** @throws TransportClosedError */
  expectOpen(): void {
    if (this.#isClosed) throw new TransportClosedError()
  }

  /** Known once it is open. */
  get clusterId(): string {
    return this.#clusterId
  }

  /** Of the protocol of KIP-848. */
  get hasNewGroups(): boolean {
    return this.#hasNewGroups
  }

  /** @throws KafkaError when nobody answers in time, login fails, or the cluster is too old */
  async open(deadlineMs: number): Promise<void> {
    await this.persist('Connecting to Kafka', deadlineMs, async () => {
      const connection = await this.#anyConnection()
      const { apiKeys } = await answered(apis.apiVersions.async(connection, ...SOFTWARE))
      const serves = (api: { key: number; version: number }) => {
        const range = apiKeys.find(({ apiKey }) => apiKey === api.key)
        return (
          range !== undefined && range.minVersion <= api.version && api.version <= range.maxVersion
        )
      }
      const missing = Object.entries(apis).find(([, api]) => !serves(api))
      if (missing !== undefined) {
        throw new KafkaError(
          `This cluster does not serve ${missing[0]} in version ${missing[1].version}: ` +
            'Apache Kafka 2.8 or newer is needed, or another broker that serves what it does.',
        )
      }
      this.#hasNewGroups = Object.values(newGroupApis).every(serves)
      await this.refresh([])
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const lines = [...this.#lines.values()]
    this.#lines.clear()
    await Promise.all(lines.map(({ connection }) => connection.then(closed, () => undefined)))
  }

  /** Sends to a node. Rejects as the library does when the connection cannot be made or breaks. */
  async send<Arguments extends unknown[], Answer>(
    api: API<Arguments, Answer>,
    to: { nodeId: number; purpose: string; timeoutMs?: number },
    ...parameters: Arguments
  ): Promise<Answer> {
    const connection = await this.connection(to)
    return answered(api.async(connection, ...parameters))
  }

  /** Asks whichever node answers. */
  async ask<Arguments extends unknown[], Answer>(
    api: API<Arguments, Answer>,
    ...parameters: Arguments
  ): Promise<Answer> {
    return answered(api.async(await this.#anyConnection(), ...parameters))
  }

  connection(to: { nodeId: number; purpose: string; timeoutMs?: number }): Promise<Connection> {
    const address = this.#nodes.get(to.nodeId)
    if (address === undefined) {
      return Promise.reject(new KafkaError(`Node ${to.nodeId} is not known.`, { retriable: true }))
    }
    return this.#line(`${to.nodeId} ${to.purpose}`, address, to.timeoutMs)
  }

  /** Closes the connections of one purpose, at every node: what waits on them fails. */
  async hangUp(purpose: string): Promise<void> {
    for (const [key, { connection }] of this.#lines) {
      if (!`${key} `.includes(` ${purpose} `)) continue
      this.#lines.delete(key)
      await connection.then(closed, () => undefined)
    }
  }

  /** @internal */
  async breakConnections(): Promise<void> {
    for (const { connection } of this.#lines.values()) {
      await connection.then(
        ({ socket }) => socket.destroy(),
        () => undefined,
      )
    }
  }

  /** As the cluster knows them now. */
  async nodeIds(): Promise<readonly number[]> {
    await this.refresh([])
    return [...this.#nodes.keys()]
  }

  /** The node that makes topics; in KRaft any, which passes it on. */
  async controller(): Promise<number> {
    await this.refresh([])
    const isKnown = this.#controllerId !== undefined && this.#nodes.has(this.#controllerId)
    if (isKnown) return this.#controllerId!
    throw refusal('Looking for the controller', Code.NOT_CONTROLLER)
  }

  /** What was last heard. */
  topic(name: string): TopicMetadata | undefined {
    return this.#topics.get(name)
  }

  topicOfId(topicId: string): TopicMetadata | undefined {
    return [...this.#topics.values()].find((topic) => topic.topicId === topicId)
  }

  /** Asks the cluster when the topic, the partition or its leader is not known. */
  async leaderOf(topic: string, partition: number): Promise<number | undefined> {
    const known = this.#topics.get(topic)?.leaders[partition]
    if (known !== undefined && known >= 0) return known
    await this.refresh([topic])
    const leader = this.#topics.get(topic)?.leaders[partition]
    return leader !== undefined && leader >= 0 ? leader : undefined
  }

  /** The next question about them goes to the cluster. */
  forgetLeaders(topic: string): void {
    const known = this.#topics.get(topic)
    if (known === undefined) return
    this.#topics.set(topic, { ...known, leaders: known.leaders.map(() => NO_LEADER) })
  }

  /** Calls that come while one is under way share the next. */
  async refresh(names: readonly string[]): Promise<void> {
    const running = this.#refreshing
    if (running !== undefined && names.every((name) => running.names.has(name))) return running.done
    await running?.done.catch(() => undefined)
    if (this.#refreshing !== undefined) return this.refresh(names)
    const done = this.#refresh(names).finally(() => {
      this.#refreshing = undefined
    })
    this.#refreshing = { names: new Set(names), done }
    return done
  }

  async #refresh(names: readonly string[]): Promise<void> {
    const connection = await this.#anyConnection()
    const answer = await answered(apis.metadata.async(connection, [...names], false))
    for (const { nodeId, host, port } of answer.brokers) this.#nodes.set(nodeId, { host, port })
    for (const known of this.#nodes.keys()) {
      if (answer.brokers.every(({ nodeId }) => nodeId !== known)) this.#nodes.delete(known)
    }
    this.#controllerId = answer.controllerId
    this.#clusterId = answer.clusterId ?? ''
    for (const { errorCode, name, topicId, partitions } of answer.topics) {
      if (name === null || name === undefined) continue
      if (errorCode !== Code.NONE) {
        this.#topics.delete(name)
        if (errorCode === Code.UNKNOWN_TOPIC_OR_PARTITION) continue
        if (errorCode === Code.LEADER_NOT_AVAILABLE) continue
        throw refusal(`Looking for topic ${name}`, errorCode)
      }
      const known = this.#topics.get(name)
      const knownEpochs = known?.topicId === topicId ? known.leaderEpochs : []
      const leaders: number[] = []
      const leaderEpochs: number[] = []
      for (const { partitionIndex, leaderId, leaderEpoch } of partitions) {
        leaders[partitionIndex] = leaderId
        // A node that has not heard of an election yet answers with the epoch before it.
        leaderEpochs[partitionIndex] = Math.max(
          leaderEpoch,
          knownEpochs[partitionIndex] ?? NO_EPOCH,
        )
      }
      this.#topics.set(name, {
        name,
        topicId,
        leaders: Array.from(leaders, (id) => id ?? NO_LEADER),
        leaderEpochs: Array.from(leaderEpochs, (epoch) => epoch ?? NO_EPOCH),
      })
    }
  }

  async coordinator(kind: CoordinatorKind, key: string): Promise<number> {
    const known = this.#coordinators.get(`${kind} ${key}`)
    if (known !== undefined) return known
    const connection = await this.#anyConnection()
    const answer = await answered(
      apis.findCoordinator.async(connection, COORDINATOR_TYPE[kind], [key]),
    )
    const found = answer.coordinators[0]
    if (found === undefined || found.errorCode !== Code.NONE) {
      throw refusal(
        `Looking for the coordinator of ${kind} ${key}`,
        found?.errorCode ?? Code.COORDINATOR_NOT_AVAILABLE,
        found?.errorMessage,
      )
    }
    this.#nodes.set(found.nodeId, { host: found.host, port: found.port })
    this.#coordinators.set(`${kind} ${key}`, found.nodeId)
    return found.nodeId
  }

  forgetCoordinator(kind: CoordinatorKind, key: string): void {
    this.#coordinators.delete(`${kind} ${key}`)
  }

  /**
   * Repeats what fails in passing, with growing pauses, until `deadlineMs` of the monotonic clock.
   * @throws what the last attempt failed with, in a sentence
   */
  async persist<T>(
    what: string,
    deadlineMs: number,
    attempt: () => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    for (let failures = 0; ; failures += 1) {
      this.expectOpen()
      try {
        return await attempt()
      } catch (error) {
        const cause = this.#explained(what, error)
        const pauseMs = this.backoffMs(failures)
        const isLate = this.world.clock.monotonicMs() + pauseMs >= deadlineMs
        this.expectOpen()
        if (!cause.retriable || isLate || signal?.aborted === true) throw cause
        await waitFor(this.world.timers, pauseMs, signal)
      }
    }
  }

  /** Between half of it and all of it, so that clients that lost the same broker do not come together. */
  backoffMs(failures: number): number {
    const full = Math.min(MAX_BACKOFF_MS, MIN_BACKOFF_MS * 2 ** Math.min(failures, 10))
    return full * (0.5 + this.world.random.bytes(1)[0]! / 512)
  }

  #explained(what: string, error: unknown): Error & { retriable: boolean } {
    if (error instanceof Error && 'retriable' in error && typeof error.retriable === 'boolean') {
      return Object.assign(error, { retriable: error.retriable })
    }
    const reason = reasonOf(error)
    if (reason !== undefined) {
      return new KafkaError(`${what} failed: ${reason}`, { cause: error })
    }
    if (!isConnectionTrouble(error)) throw error
    const places = this.options.bootstrap.map(({ host, port }) => `${host}:${port}`).join(', ')
    return new KafkaError(
      `${what} got no answer from ${places} (${rootOf(error).message}): is the cluster up, are ` +
        'these its addresses, and is TLS spoken on both sides?',
      { retriable: true, cause: error },
    )
  }

  /** To whichever node answers: those that are known first, then the addresses that were given. */
  async #anyConnection(): Promise<Connection> {
    let failure: unknown
    for (const [nodeId, address] of this.#nodes) {
      try {
        return await this.#line(`${nodeId} questions`, address)
      } catch (error) {
        failure = error
      }
    }
    for (const address of this.options.bootstrap) {
      try {
        return await this.#line(`${address.host}:${address.port} questions`, address)
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  #line(key: string, address: Address, timeoutMs?: number): Promise<Connection> {
    if (this.#isClosed) return Promise.reject(new TransportClosedError())
    const existing = this.#lines.get(key)
    if (existing !== undefined) return existing.connection
    const connection = new Connection(this.options.clientId, {
      ...this.options.connection,
      connectTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: timeoutMs ?? this.options.requestTimeoutMs,
      maxInflights: MAX_REQUESTS_IN_FLIGHT,
    })
    const line: Line = { connection: connected(connection, address) }
    const forget = () => {
      if (this.#lines.get(key) === line) this.#lines.delete(key)
    }
    connection.on('error', forget)
    connection.on('close', forget)
    line.connection.catch(forget)
    this.#lines.set(key, line)
    return line.connection
  }
}

function rootOf(error: Error): Error {
  return error.cause instanceof Error ? rootOf(error.cause) : error
}

async function connected(connection: Connection, { host, port }: Address): Promise<Connection> {
  await connection.connect(host, port)
  return connection
}

async function closed(connection: Connection): Promise<void> {
  await connection.close()
}
