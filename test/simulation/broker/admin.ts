// The administrator of the simulated workload: makes, alters and deletes topics, adds partitions,
// deletes records, takes producer ids. One thing at a time, so that after a lost answer only one
// thing is uncertain, and a look at the cluster settles it.
import { createTopics } from '../../../src/broker/protocol/19-create-topics.ts'
import { deleteTopics } from '../../../src/broker/protocol/20-delete-topics.ts'
import { deleteRecords } from '../../../src/broker/protocol/21-delete-records.ts'
import { createPartitions } from '../../../src/broker/protocol/37-create-partitions.ts'
import { incrementalAlterConfigs } from '../../../src/broker/protocol/44-incremental-alter-configs.ts'
import { assertAccepted } from '../../../src/cli/client/client-error.ts'
import type { Connection } from '../../../src/cli/client/connection.ts'
import type { SimWorld } from '../sim-world.ts'
import { Actor } from './actor.ts'
import type { BrokerSettings } from './broker-settings.ts'
import type { ClusterLedger, TopicFacts } from './cluster-ledger.ts'
import { batchOf, keyOf, valueFrom } from './producers.ts'
import {
  describeCluster,
  earliestOffset,
  fetchFrom,
  produceTo,
  retentionOf,
  takeProducerId,
} from './wire.ts'

export const DATA_TOPIC = 'data'
const OTHER_TOPICS = ['first', 'second', 'third']
const STEPS_PER_LIFE = 8
const TIMEOUT_MS = 10_000
const LONG_RETENTION_MS = 100_000_000
const RESOURCE_TOPIC = 2
const SET_CONFIG = 0
/** After so long whatever a lost connection had asked for has happened, or never will. */
const SETTLED_MS = 50

/** Makes the topic that all the others work with, unless it is there. */
export class Founder extends Actor {
  readonly #settings: BrokerSettings

  constructor(ledger: ClusterLedger, settings: BrokerSettings) {
    super(ledger)
    this.#settings = settings
  }

  begin(): void {
    // There is only one thing to do, once.
  }

  get isDone(): boolean {
    return this.ledger.topic(DATA_TOPIC)?.exists === true
  }

  protected async work(connection: Connection, world: SimWorld): Promise<void> {
    await settle(connection, world, this.ledger)
    if (this.isDone) return
    const { partitions, segmentMs } = this.#settings
    await createTopic(connection, this.ledger, {
      name: DATA_TOPIC,
      partitions,
      retention: String(LONG_RETENTION_MS),
      configs: { 'segment.ms': String(segmentMs), 'file.delete.delay.ms': '10' },
    })
  }
}

export class Admin extends Actor {
  readonly #settings: BrokerSettings
  #stepsLeft = 0
  #count = 0
  /** What it did and was told that it was done, by name. */
  readonly done: Record<string, number> = {}

  constructor(ledger: ClusterLedger, settings: BrokerSettings) {
    super(ledger)
    this.#settings = settings
  }

  begin(): void {
    this.#stepsLeft = STEPS_PER_LIFE
  }

  get isDone(): boolean {
    return this.#stepsLeft === 0
  }

  protected async work(connection: Connection, world: SimWorld): Promise<void> {
    await settle(connection, world, this.ledger)
    while (this.#stepsLeft > 0) {
      this.#stepsLeft--
      const name = await this.#step(connection, world)
      this.done[name] = (this.done[name] ?? 0) + 1
      await world.pass(world.random.fraction() * 5)
    }
  }

  async #step(connection: Connection, world: SimWorld): Promise<string> {
    const { random } = world
    const what = random.below(10)
    if (what === 0) return this.#takeProducerId(connection)
    if (what <= 2) return this.#deleteRecords(connection, world)
    const topic = this.ledger.topic(random.pick(OTHER_TOPICS))
    if (topic?.exists !== true) {
      const name = topic?.name ?? random.pick(OTHER_TOPICS)
      // Perhaps another one than was picked: one that nobody knows, or that is gone.
      const retention = this.#newRetention()
      if (this.ledger.topic(name)?.exists === true) return 'nothing'
      const partitions = 1 + random.below(3)
      await createTopic(connection, this.ledger, { name, partitions, retention, configs: {} })
      return 'create'
    }
    if (what <= 4) return this.#produce(connection, world, topic)
    if (what <= 6) return this.#alterRetention(connection, topic)
    if (what === 7) return this.#addPartition(connection, topic)
    return this.#deleteTopic(connection, topic)
  }

  async #takeProducerId(connection: Connection): Promise<string> {
    this.ledger.gaveProducerId(await takeProducerId(connection))
    return 'producer id'
  }

  async #deleteRecords(connection: Connection, world: SimWorld): Promise<string> {
    const partition = world.random.below(this.#settings.partitions)
    const place = { topic: DATA_TOPIC, partition }
    const key = keyOf(this.ledger, place)
    const fromOffset = await earliestOffset(connection, place)
    const { highWatermark } = await fetchFrom(connection, place, { fromOffset })
    const offset = fromOffset + world.random.below(Math.max(1, highWatermark - fromOffset + 1))
    this.ledger.records.deletionAsked(key, offset)
    const answer = await connection.request(deleteRecords, {
      topics: [{ name: DATA_TOPIC, partitions: [{ partitionIndex: partition, offset }] }],
      timeoutMs: TIMEOUT_MS,
    })
    const { errorCode, lowWatermark } = answer.topics[0]!.partitions[0]!
    assertAccepted(errorCode, 'DeleteRecords')
    this.ledger.logStartAcknowledged(key, lowWatermark)
    return 'delete records'
  }

  async #produce(connection: Connection, world: SimWorld, topic: TopicFacts): Promise<string> {
    const place = { topic: topic.name, partition: world.random.below(topic.minPartitions) }
    const key = keyOf(this.ledger, place)
    const values = [valueFrom(`admin.${this.#count++}|`, this.#settings)]
    this.ledger.records.sent(key, values)
    const baseOffset = await produceTo(
      connection,
      place,
      batchOf(values, world.clock.nowMs(), this.#settings),
    )
    this.ledger.records.acknowledged(key, baseOffset, values)
    return 'produce'
  }

  async #alterRetention(connection: Connection, topic: TopicFacts): Promise<string> {
    const value = this.#newRetention()
    topic.retentions.add(value)
    const configs = [{ name: 'retention.ms', configOperation: SET_CONFIG, value }]
    const answer = await connection.request(incrementalAlterConfigs, {
      resources: [{ resourceType: RESOURCE_TOPIC, resourceName: topic.name, configs }],
      validateOnly: false,
    })
    assertAccepted(answer.responses[0]!.errorCode, 'Alter')
    this.ledger.sawRetention(topic.name, value)
    return 'alter'
  }

  async #addPartition(connection: Connection, topic: TopicFacts): Promise<string> {
    const count = topic.minPartitions + 1
    topic.maxPartitions = count
    const answer = await connection.request(createPartitions, {
      topics: [{ name: topic.name, count, assignments: null }],
      timeoutMs: TIMEOUT_MS,
      validateOnly: false,
    })
    assertAccepted(answer.results[0]!.errorCode, 'Partitions')
    topic.minPartitions = count
    return 'add a partition'
  }

  async #deleteTopic(connection: Connection, topic: TopicFacts): Promise<string> {
    topic.exists = undefined
    const topics = [{ name: null, topicId: topic.topicId! }]
    const answer = await connection.request(deleteTopics, {
      topics,
      topicNames: [],
      timeoutMs: TIMEOUT_MS,
    })
    assertAccepted(answer.responses[0]!.errorCode, 'Delete')
    topic.exists = false
    return 'delete'
  }

  #newRetention(): string {
    return String(LONG_RETENTION_MS + this.#count++)
  }
}

async function createTopic(
  connection: Connection,
  ledger: ClusterLedger,
  wanted: {
    name: string
    partitions: number
    retention: string
    configs: Readonly<Record<string, string>>
  },
): Promise<void> {
  const { name, partitions, retention } = wanted
  ledger.createAsked(name, partitions, retention)
  const configs = Object.entries({ ...wanted.configs, 'retention.ms': retention })
  const answer = await connection.request(createTopics, {
    topics: [
      {
        name,
        numPartitions: partitions,
        replicationFactor: 1,
        assignments: [],
        configs: configs.map(([key, value]) => ({ name: key, value })),
      },
    ],
    timeoutMs: TIMEOUT_MS,
  })
  const { errorCode, errorMessage, topicId } = answer.topics[0]!
  assertAccepted(errorCode, `Topic ${name}`, errorMessage)
  ledger.created(name, topicId)
}

/** What became of a request whose answer was lost. */
async function settle(
  connection: Connection,
  world: SimWorld,
  ledger: ClusterLedger,
): Promise<void> {
  await world.pass(SETTLED_MS)
  const { topics } = await describeCluster(connection)
  ledger.sawTopics(topics)
  for (const { name } of ledger.topics()) {
    ledger.sawRetention(name, await retentionOf(connection, name))
  }
}
