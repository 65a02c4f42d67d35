// Versions   0-13.
// Behaviour  Brokers, cluster id and topics. All topics: an empty list in v0, null from v1 on. A topic
//            that is not there is made when both the request and `auto.create.topics.enable` allow
//            it, and is complete in this very answer. A name asked for twice is answered once.
// Differs    Kafka makes the topic after it has answered 5 LEADER_NOT_AVAILABLE; we make it first.
//            A partition whose disk failed is 5 as well, with node 1 as its offline replica.

import { ZERO_UUID } from '../../bytes/uuid.ts'
import type { Topic } from '../../catalog/catalog-state.ts'
import { NODE_ID } from '../../catalog/decide-topic.ts'
import { explainIllegalTopicName, isInternalTopic } from '../../catalog/topic-name.ts'
import {
  type MetadataRequest,
  type MetadataResponse,
  metadata,
} from '../../protocol/03-metadata.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import {
  clusterOperations,
  OPERATIONS_NOT_ASKED,
  topicOperations,
} from '../authorized-operations.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { endMutations, mutationsOf } from '../quotas/request-mutations.ts'
import { viewPartition } from '../topic-view.ts'

type TopicAnswer = MetadataResponse['topics'][number]

/** Topics with so many partitions are put together before others get their turn. */
const PARTITIONS_PER_TURN = 2_000

export const handler = defineHandler(metadata, async (request, context) => {
  const { broker, connection } = context
  const topics = isForAll(request, context.apiVersion)
    ? await answerAll(request, context)
    : await answerNamed(request, context)
  return {
    brokers: [
      {
        nodeId: NODE_ID,
        ...connection.advertised,
        rack: broker.config.brokerRack ?? null,
      },
    ],
    clusterId: broker.catalog.clusterId,
    controllerId: NODE_ID,
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? clusterOperations
      : OPERATIONS_NOT_ASKED,
    errorCode: ErrorCode.NONE,
  }
})

function isForAll({ topics }: MetadataRequest, apiVersion: number): boolean {
  return topics === null || (apiVersion === 0 && topics.length === 0)
}

async function answerAll(request: MetadataRequest, context: HandlerContext) {
  const turns = new PartitionTurns(context)
  const answers: TopicAnswer[] = []
  for (const topic of [...context.broker.catalog.topics()]) {
    answers.push(answerTopic(topic, request, context))
    await turns.after(topic.partitions)
  }
  return answers
}

/** Lets others have their turn after so many partitions. */
class PartitionTurns {
  readonly #context: HandlerContext
  #partitions = 0

  constructor(context: HandlerContext) {
    this.#context = context
  }

  async after(partitions: number): Promise<void> {
    this.#partitions += partitions
    if (this.#partitions < PARTITIONS_PER_TURN) return
    this.#partitions = 0
    await this.#context.broker.host.timers.yield()
  }
}

async function answerNamed(request: MetadataRequest, context: HandlerContext) {
  const { broker } = context
  const names = new Set<string>()
  const ids = new Set<string>()
  for (const { name, topicId } of request.topics ?? []) {
    if (topicId !== ZERO_UUID) ids.add(topicId)
    else if (name !== null) names.add(name)
  }
  await createMissing([...names], request, context)
  const turns = new PartitionTurns(context)
  const answers: TopicAnswer[] = []
  for (const name of names) {
    const topic = broker.catalog.topic(name)
    answers.push(topic === undefined ? unknownName(name) : answerTopic(topic, request, context))
    await turns.after(topic?.partitions ?? 1)
  }
  for (const id of ids) {
    const topic = broker.catalog.topicById(id)
    answers.push(
      topic === undefined ? unknownId(id, context) : answerTopic(topic, request, context),
    )
    await turns.after(topic?.partitions ?? 1)
  }
  return answers
}

async function createMissing(
  names: readonly string[],
  request: MetadataRequest,
  context: HandlerContext,
): Promise<void> {
  const { broker } = context
  if (!request.allowAutoTopicCreation || !broker.config.autoCreateTopicsEnable) return
  const missing = names.filter(
    (name) =>
      broker.catalog.topic(name) === undefined &&
      explainIllegalTopicName(name) === undefined &&
      !isInternalTopic(name), // the broker makes these itself, with their own settings
  )
  if (missing.length === 0) return
  // As in Kafka: topics are made also above the quota, and the client has to wait.
  const mutations = mutationsOf(context, { isStrict: false })
  const outcomes = await broker.catalog.createTopics(
    missing.map((name) => ({
      name,
      partitions: -1,
      replicationFactor: -1,
      assignments: [],
      configs: [],
    })),
    { admit: mutations?.admit },
  )
  endMutations(context, mutations)
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.kind !== 'refused' || outcome.errorCode === ErrorCode.TOPIC_ALREADY_EXISTS) continue
    broker.log.warn('topic-not-created', { topic: missing[index], reason: outcome.message })
  }
}

function answerTopic(
  topic: Topic,
  request: MetadataRequest,
  { broker }: HandlerContext,
): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.isInternal,
    partitions: Array.from({ length: topic.partitions }, (_, partition) =>
      viewPartition(partition, broker.partitions.get(topic.name, partition)),
    ),
    topicAuthorizedOperations: request.includeTopicAuthorizedOperations
      ? topicOperations
      : OPERATIONS_NOT_ASKED,
  }
}

function unknownName(name: string): TopicAnswer {
  const isIllegal = explainIllegalTopicName(name) !== undefined
  return {
    errorCode: isIllegal ? ErrorCode.INVALID_TOPIC_EXCEPTION : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
    name,
    topicId: ZERO_UUID,
    isInternal: isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: OPERATIONS_NOT_ASKED,
  }
}

function unknownId(topicId: string, { apiVersion }: HandlerContext): TopicAnswer {
  return {
    errorCode: ErrorCode.UNKNOWN_TOPIC_ID,
    name: apiVersion >= 12 ? null : '',
    topicId,
    isInternal: false,
    partitions: [],
    topicAuthorizedOperations: OPERATIONS_NOT_ASKED,
  }
}
