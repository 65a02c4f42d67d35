// What an engine must offer so that consumers and producers can be built on it. An engine is a plain
// value until `open` is called; a transport is one application's connection to it. Rules that hold on
// every engine (order by key, retry, parking, de-duplication) live above and are not repeated here.

import type { Clock, Timers } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import type { Administration } from './administration.ts'
import type { Capabilities } from './capabilities.ts'
import type { EventStore } from './event-store.ts'
import type { GroupMember, JoinOptions } from './group-member.ts'
import type { Producer, TransactionalProducer } from './producer.ts'
import type { TopicReader } from './topic-reader.ts'

/** The outside world that the SDK lives by: an engine under test brings a virtual one. */
export interface World {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
}

/** Where events go and come from: what `connect({ broker })` takes. Making one does nothing. */
export interface Engine {
  /** `embedded`, `kafka`, `memory` ... */
  readonly name: string
  /** What it can do is known before it is opened, so that `connect` can refuse first. */
  readonly capabilities: Capabilities
  open(options: OpenOptions): Promise<Transport>
}

export interface OpenOptions {
  /** Name of the application: client ids and transactional ids begin with it. */
  readonly service: string
  /** Something went wrong that no call can report: a member that lost its connection and goes on trying. */
  onWarning(message: string, cause?: unknown): void
}

export interface Transport extends AsyncDisposable {
  readonly name: string
  readonly capabilities: Capabilities
  readonly world: World
  /** Of the engine's log as a whole, a Kafka cluster's id: positions mean nothing in another one. */
  readonly logId: string
  readonly administration: Administration
  /** By partition, outside any group: for redrive, parked keys and questions. */
  readonly reader: TopicReader

  producer(): Promise<Producer>
  /**
   * A second producer of the same id, in this process or another, fences the first.
   * @throws CapabilityMissingError where the engine has no transactions
   */
  transactionalProducer(transactionalId: string): Promise<TransactionalProducer>
  join(options: JoinOptions): Promise<GroupMember>
  /** @throws CapabilityMissingError where the engine knows no expected version */
  eventStore(topic: string): EventStore
  /**
   * Closes what was opened through it; members leave. Idempotent. What is asked of it, or of what was
   * opened through it, afterwards rejects with TransportClosedError; a poll with FencedMemberError.
   */
  close(): Promise<void>
}
