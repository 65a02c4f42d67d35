// The engine for every Kafka cluster, Millrace among them. `kafka()` makes a plain value; `open`
// connects, and what is opened through the transport ends with it.

import { keepProcessAlive } from '../../host/keep-alive.ts'
import { nodeClock, nodeRandom, nodeTimers } from '../../host/node-host.ts'
import type { Capabilities } from '../../sdk/transport/capabilities.ts'
import { CapabilityMissingError } from '../../sdk/transport/errors.ts'
import type { EventStore } from '../../sdk/transport/event-store.ts'
import type { GroupMember, JoinOptions } from '../../sdk/transport/group-member.ts'
import type { Producer, TransactionalProducer } from '../../sdk/transport/producer.ts'
import type { Engine, OpenOptions, Transport, World } from '../../sdk/transport/transport.ts'
import { administration } from './administration.ts'
import { ClassicMembership } from './classic-membership.ts'
import { Cluster } from './cluster.ts'
import { KafkaError } from './errors.ts'
import { KafkaGroupMember } from './group-member.ts'
import { type CheckedOptions, checkOptions, type KafkaOptions } from './kafka-options.ts'
import { NewMembership } from './new-membership.ts'
import { idempotentProducer } from './producer.ts'
import { topicReader } from './topic-reader.ts'
import { KafkaTransactionalProducer } from './transactional-producer.ts'

const capabilities: Capabilities = {
  order: 'partition',
  replay: true,
  atomicOutput: true,
  expectedVersion: false,
  idempotentProducer: true,
  compaction: true,
  positions: true,
}

const DEFAULT_SESSION_TIMEOUT_MS = 45_000
const DEFAULT_REBALANCE_TIMEOUT_MS = 60_000

/** @throws TypeError for options that cannot be */
export function kafka(options: KafkaOptions): Engine {
  const checked = checkOptions(options)
  return { name: 'kafka', capabilities, open: (how) => openTransport(checked, how) }
}

async function openTransport(checked: CheckedOptions, how: OpenOptions): Promise<Transport> {
  const world: World = { clock: nodeClock, timers: nodeTimers, random: nodeRandom }
  const cluster = new Cluster({ ...checked, clientId: checked.clientId ?? how.service, world })
  const letGo = keepProcessAlive()
  try {
    await cluster.open(world.clock.monotonicMs() + checked.connectTimeoutMs)
    return new KafkaTransport(cluster, checked, how, letGo)
  } catch (error) {
    await cluster.close()
    letGo()
    throw error
  }
}

export class KafkaTransport implements Transport {
  readonly name = 'kafka'
  readonly capabilities = capabilities
  readonly administration
  readonly reader
  readonly #cluster: Cluster
  readonly #checked: CheckedOptions
  readonly #how: OpenOptions
  readonly #letGo: () => void
  readonly #opened: AsyncDisposable[] = []
  #closing: Promise<void> | undefined

  constructor(cluster: Cluster, checked: CheckedOptions, how: OpenOptions, letGo: () => void) {
    this.#cluster = cluster
    this.#checked = checked
    this.#how = how
    this.#letGo = letGo
    this.administration = administration(cluster)
    this.reader = topicReader(cluster)
  }

  get logId(): string {
    return this.#cluster.clusterId
  }

  get world(): World {
    return this.#cluster.world
  }

  async producer(): Promise<Producer> {
    this.#cluster.expectOpen()
    return this.#keep(idempotentProducer(this.#cluster, this.#checked))
  }

  async transactionalProducer(transactionalId: string): Promise<TransactionalProducer> {
    const producer = await KafkaTransactionalProducer.open(this.#cluster, {
      ...this.#checked,
      transactionalId,
      onWarning: (message, cause) => this.#how.onWarning(message, cause),
    })
    return this.#keep(producer)
  }

  async join(options: JoinOptions): Promise<GroupMember> {
    await this.#lookFor(options)
    const protocol = this.#protocol()
    const timeouts = {
      sessionTimeoutMs: options.sessionTimeoutMs ?? DEFAULT_SESSION_TIMEOUT_MS,
      rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? DEFAULT_REBALANCE_TIMEOUT_MS,
    }
    const Membership = protocol === 'consumer' ? NewMembership : ClassicMembership
    const member = new KafkaGroupMember(
      this.#cluster,
      options,
      {
        ...timeouts,
        protocol,
        onWarning: (message, cause) => this.#how.onWarning(message, cause),
      },
      (host) => new Membership(this.#cluster, options, timeouts, host),
    )
    await member.join()
    return this.#keep(member)
  }

  eventStore(topic: string): EventStore {
    throw new CapabilityMissingError(
      `Apache Kafka cannot append to ${topic} with an expected version: keep the event store in ` +
        'PostgreSQL, or in Millrace itself.',
    )
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** @internal For tests: as if the process had ended. Nobody is told anything. */
  async abandon(): Promise<void> {
    this.#closing = Promise.resolve()
    await this.#cluster.close()
    this.#letGo()
  }

  /** @internal For tests: in the middle of what they carry. */
  breakConnections(): Promise<void> {
    return this.#cluster.breakConnections()
  }

  async #close(): Promise<void> {
    try {
      await Promise.all(this.#opened.map((each) => each[Symbol.asyncDispose]()))
    } finally {
      await this.#cluster.close()
      this.#letGo()
    }
  }

  #keep<T extends AsyncDisposable>(opened: T): T {
    this.#opened.push(opened)
    return opened
  }

  /** A topic that does not exist yet is taken up once it does; one that is misspelled never is. */
  async #lookFor({ group, topics }: JoinOptions): Promise<void> {
    const deadlineMs = this.world.clock.monotonicMs() + this.#checked.requestTimeoutMs
    await this.#cluster.persist('Looking for topics', deadlineMs, () =>
      this.#cluster.refresh(topics),
    )
    const missing = topics.find((topic) => this.#cluster.topic(topic) === undefined)
    if (missing === undefined) return
    this.#how.onWarning(`Group ${group} waits for topic ${missing}, which does not exist.`)
  }

  #protocol(): 'consumer' | 'classic' {
    const has = this.#cluster.hasNewGroups
    if (this.#checked.groupProtocol === 'consumer' && !has) {
      throw new KafkaError(
        "This cluster has no groups of the protocol 'consumer' (KIP-848): set groupProtocol to 'classic'.",
      )
    }
    return this.#checked.groupProtocol ?? (has ? 'consumer' : 'classic')
  }
}
