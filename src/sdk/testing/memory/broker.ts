// What the transports of one memory engine share: topics, groups, transactional ids.

import type { TopicDescription, TopicSpec } from '../../transport/administration.ts'
import type { TopicPartition } from '../../transport/group-member.ts'
import type { World } from '../../transport/transport.ts'
import { Group } from './group.ts'
import type { PartitionLog } from './partition-log.ts'
import { Topics } from './topics.ts'
import { TransactionalIds } from './transactions.ts'

export interface BrokerLimits {
  /** Key, value and headers together; above it a record is refused. */
  readonly maxRecordBytes: number
  readonly defaultPartitions: number
  /** A transaction open for longer is aborted, and its producer fenced. */
  readonly transactionTimeoutMs: number
}

/** Each has a log of its own name. Not a random one: what a seed chooses is the same with and without it. */
let brokers = 0

export class MemoryBroker {
  readonly world: World
  readonly logId: string
  readonly limits: BrokerLimits
  readonly topics: Topics
  readonly transactionalIds: TransactionalIds
  readonly #groups = new Map<string, Group>()

  constructor(world: World, limits: BrokerLimits) {
    this.world = world
    this.logId = `memory-${++brokers}`
    this.limits = limits
    this.topics = new Topics(limits.defaultPartitions)
    this.transactionalIds = new TransactionalIds(world, limits.transactionTimeoutMs)
  }

  ensureTopics(specs: readonly TopicSpec[]): readonly TopicDescription[] {
    this.topics.ensure(specs)
    for (const group of this.#groups.values()) group.reconcile()
    return this.topics.describe(specs.map((spec) => spec.name))
  }

  log(partition: TopicPartition): PartitionLog {
    return this.topics.log(partition)
  }

  group(name: string): Group {
    let group = this.#groups.get(name)
    if (group === undefined) {
      group = new Group(name, this.topics, this.world.timers)
      this.#groups.set(name, group)
    }
    return group
  }

  groupNames(): readonly string[] {
    return [...this.#groups.values()]
      .filter((group) => group.isKnown)
      .map((group) => group.name)
      .sort()
  }
}
