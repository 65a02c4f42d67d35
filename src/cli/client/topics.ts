// Creates, deletes, trims and configures topics.
// Source: KIP-4 (create, delete), KIP-107 (DeleteRecords), KIP-339 (incremental configs).

import { createTopics } from '../../broker/protocol/19-create-topics.ts'
import { deleteTopics } from '../../broker/protocol/20-delete-topics.ts'
import { deleteRecords } from '../../broker/protocol/21-delete-records.ts'
import { describeConfigs } from '../../broker/protocol/32-describe-configs.ts'
import { incrementalAlterConfigs } from '../../broker/protocol/44-incremental-alter-configs.ts'
import { assertAccepted } from './client-error.ts'
import type { Cluster, TopicPartition } from './cluster.ts'
import { byTopic } from './offsets.ts'

/** From version 6 on topics may be named by id, in another shape. */
const DELETE_TOPICS_BY_NAME_VERSION = 5
const RESOURCE_TOPIC = 2
const SET_CONFIG = 0
const DELETE_CONFIG = 1

export interface NewTopic {
  readonly name: string
  /** -1: what the broker thinks best. */
  readonly partitions: number
  /** -1: what the broker thinks best. */
  readonly replicationFactor: number
  readonly configs: Readonly<Record<string, string>>
}

/** @param options.validateOnly say only whether it could be done */
export async function createTopic(
  cluster: Cluster,
  topic: NewTopic,
  options: { validateOnly?: boolean } = {},
): Promise<{ topicId: string; partitions: number; replicationFactor: number }> {
  const configs = Object.entries(topic.configs).map(([name, value]) => ({ name, value }))
  const answer = await cluster.retrying(async () => {
    const controller = await cluster.controller()
    const { topics } = await controller.request(createTopics, {
      topics: [
        {
          name: topic.name,
          numPartitions: topic.partitions,
          replicationFactor: topic.replicationFactor,
          assignments: [],
          configs,
        },
      ],
      timeoutMs: cluster.timeoutMs,
      validateOnly: options.validateOnly ?? false,
    })
    const created = topics[0]!
    assertAccepted(created.errorCode, `Topic ${topic.name}`, created.errorMessage)
    return created
  })
  // The controller has it; the brokers of a cluster learn of it a moment later.
  if (options.validateOnly !== true)
    await cluster.retrying(() => cluster.topicIfAppeared(topic.name))
  const { topicId, numPartitions, replicationFactor } = answer
  return { topicId, partitions: numPartitions, replicationFactor }
}

export async function deleteTopic(cluster: Cluster, name: string): Promise<void> {
  await cluster.retrying(async () => {
    const controller = await cluster.controller()
    const { responses } = await controller.request(
      deleteTopics,
      { topics: [], topicNames: [name], timeoutMs: cluster.timeoutMs },
      { maxVersion: DELETE_TOPICS_BY_NAME_VERSION },
    )
    const { errorCode, errorMessage } = responses[0]!
    assertAccepted(errorCode, `Topic ${name}`, errorMessage)
  })
  cluster.forgetTopic(name)
}

export interface TrimPoint extends TopicPartition {
  /** The first offset that stays. */
  readonly beforeOffset: number
}

/** Deletes records below an offset. Answers the new first offsets, in the order of the points. */
export async function deleteRecordsBefore(
  cluster: Cluster,
  points: readonly TrimPoint[],
): Promise<(TopicPartition & { logStartOffset: number })[]> {
  const leaders = await Promise.all(points.map((point) => cluster.leader(point)))
  const byLeader = Map.groupBy(points, (_, index) => leaders[index]!)
  const trimmed = new Map<string, number>()
  for (const [leader, group] of byLeader) {
    const connection = await cluster.broker(leader)
    const answer = await connection.request(deleteRecords, {
      topics: byTopic(group, ({ partition, beforeOffset }) => ({
        partitionIndex: partition,
        offset: beforeOffset,
      })).map(({ topic, partitions }) => ({ name: topic, partitions })),
      timeoutMs: cluster.timeoutMs,
    })
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, errorCode, lowWatermark } of partitions) {
        assertAccepted(errorCode, `Topic ${name} partition ${partitionIndex}`)
        trimmed.set(`${name}/${partitionIndex}`, lowWatermark)
      }
    }
  }
  return points.map(({ topic, partition }) => {
    return { topic, partition, logStartOffset: trimmed.get(`${topic}/${partition}`) ?? -1 }
  })
}

export interface ConfigEntry {
  readonly key: string
  /** null for secrets, which no broker tells. */
  readonly value: string | null
  /** Where the value comes from. */
  readonly source: ConfigSource
  readonly isReadOnly: boolean
  readonly documentation: string | null
}

export type ConfigSource = 'topic' | 'broker' | 'default' | 'unknown'

/** The protocol's numbers; what differs only in how a broker was told is one source to us. */
const CONFIG_SOURCES: readonly ConfigSource[] = [
  'unknown',
  'topic',
  'broker',
  'broker',
  'broker',
  'default',
]

/** @param keys all of them when left out */
export async function topicConfigs(
  cluster: Cluster,
  options: { topic: string; keys?: readonly string[]; withDocumentation?: boolean },
): Promise<ConfigEntry[]> {
  const { topic, keys, withDocumentation = false } = options
  const connection = await cluster.anyBroker()
  const { results } = await connection.request(describeConfigs, {
    resources: [
      { resourceType: RESOURCE_TOPIC, resourceName: topic, configurationKeys: keys ?? null },
    ],
    includeSynonyms: false,
    includeDocumentation: withDocumentation,
  })
  const { errorCode, errorMessage, configs } = results[0]!
  assertAccepted(errorCode, `Topic ${topic}`, errorMessage)
  return configs.map(({ name, value, configSource, readOnly, documentation }) => ({
    key: name,
    value,
    source: CONFIG_SOURCES[configSource] ?? 'unknown',
    isReadOnly: readOnly,
    documentation,
  }))
}

/** Sets and unsets keys in one step: all of them or none. */
export async function alterTopicConfigs(
  cluster: Cluster,
  options: {
    topic: string
    set?: Readonly<Record<string, string>>
    unset?: readonly string[]
    validateOnly?: boolean
  },
): Promise<void> {
  const { topic, set = {}, unset = [], validateOnly = false } = options
  const configs = [
    ...Object.entries(set).map(([name, value]) => ({ name, value, configOperation: SET_CONFIG })),
    ...unset.map((name) => ({ name, value: null, configOperation: DELETE_CONFIG })),
  ]
  const controller = await cluster.controller()
  const { responses } = await controller.request(incrementalAlterConfigs, {
    resources: [{ resourceType: RESOURCE_TOPIC, resourceName: topic, configs }],
    validateOnly,
  })
  const { errorCode, errorMessage } = responses[0]!
  assertAccepted(errorCode, `Topic ${topic}`, errorMessage)
}
