// Versions   0-13.
// Behaviour  Brokers, cluster id and topics. All topics: an empty list in v0, null from v1 on. A topic
//            that is not there is made when both the request and `auto.create.topics.enable` allow
//            it, and is complete in this very answer. A name asked for twice is answered once. Topics that
//            may not be described are left out of all topics, and 29 when they are asked for, by name
//            without an id, by id without a name. Making one takes CREATE on the cluster or on its name.
// Differs    Kafka makes the topic after it has answered 5 LEADER_NOT_AVAILABLE; we make it first.
//            A partition whose disk failed is 5 as well, with node 1 as its offline replica.

import { ZERO_UUID } from '../../bytes/uuid.ts'
import { CLUSTER_NAME } from '../../catalog/acl.ts'
import type { Topic } from '../../catalog/catalog-state.ts'
import { NODE_ID } from '../../catalog/decide-topic.ts'
import { explainIllegalTopicName, isInternalTopic } from '../../catalog/topic-name.ts'
import {
  type MetadataRequest,
  type MetadataResponse,
  metadata,
} from '../../protocol/03-metadata.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { endMutations, mutationsOf } from '../quotas/request-mutations.ts'
import { type Access, clusterOperations } from '../security/access.ts'
import { asks } from '../security/access-rule.ts'
import { OPERATIONS_NOT_ASKED } from '../security/supported-operations.ts'
import { viewPartition } from '../topic-view.ts'

const { CREATE, DESCRIBE } = AclOperation
const { CLUSTER, TOPIC } = AclResource

type TopicAnswer = MetadataResponse['topics'][number]

/** Topics with so many partitions are put together before others get their turn. */
const PARTITIONS_PER_TURN = 2_000

const takes = asks('DESCRIBE TOPIC', 'CREATE TOPIC', 'CREATE CLUSTER', 'DESCRIBE CLUSTER')

export const handler = defineHandler(metadata, takes, async (request, context) => {
  const { access, broker, connection } = context
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
      ? clusterOperations(access)
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
    if (!context.access.mayQuietly(DESCRIBE, TOPIC, topic.name)) continue
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
  const { access, broker } = context
  const names = new Set<string>()
  const ids = new Set<string>()
  for (const { name, topicId } of request.topics ?? []) {
    if (topicId !== ZERO_UUID) ids.add(topicId)
    else if (name !== null) names.add(name)
  }
  const hidden = [...names].filter((name) => !access.may(DESCRIBE, TOPIC, name))
  for (const name of hidden) names.delete(name)
  const forbidden = await createMissing([...names], request, context)
  for (const name of forbidden) names.delete(name)
  const turns = new PartitionTurns(context)
  const answers = [...hidden.map(hiddenName), ...forbidden.map(forbiddenName)]
  for (const name of names) {
    const topic = broker.catalog.topic(name)
    answers.push(
      topic === undefined
        ? unknownName(name, request, context)
        : answerTopic(topic, request, context),
    )
    await turns.after(topic?.partitions ?? 1)
  }
  for (const id of ids) {
    const topic = broker.catalog.topicById(id)
    answers.push(answerId(id, topic, request, context))
    await turns.after(topic?.partitions ?? 1)
  }
  return answers
}

/** @returns those that the client may not make */
async function createMissing(
  names: readonly string[],
  request: MetadataRequest,
  context: HandlerContext,
): Promise<string[]> {
  const { access, broker } = context
  if (!request.allowAutoTopicCreation || !broker.config.autoCreateTopicsEnable) return []
  const unknown = names.filter((name) => broker.catalog.topic(name) === undefined)
  const mayCreateAny = access.mayQuietly(CREATE, CLUSTER, CLUSTER_NAME)
  const mayCreate = new Set(
    unknown.filter((name) => mayCreateAny || access.may(CREATE, TOPIC, name)),
  )
  const forbidden = unknown.filter((name) => !mayCreate.has(name))
  const missing = unknown.filter(
    (name) =>
      mayCreate.has(name) && explainIllegalTopicName(name) === undefined && !isInternalTopic(name), // the broker makes these itself, with their own settings
  )
  if (missing.length === 0) return forbidden
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
  return forbidden
}

function answerId(
  id: string,
  topic: Topic | undefined,
  request: MetadataRequest,
  context: HandlerContext,
): TopicAnswer {
  if (topic === undefined) return unknownId(id, ErrorCode.UNKNOWN_TOPIC_ID, context)
  if (context.access.may(DESCRIBE, TOPIC, topic.name)) return answerTopic(topic, request, context)
  return unknownId(id, ErrorCode.TOPIC_AUTHORIZATION_FAILED, context)
}

function answerTopic(
  topic: Topic,
  request: MetadataRequest,
  { access, broker }: HandlerContext,
): TopicAnswer {
  return {
    errorCode: ErrorCode.NONE,
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.isInternal,
    partitions: Array.from({ length: topic.partitions }, (_, partition) =>
      viewPartition(partition, broker.partitions.get(topic.name, partition)),
    ),
    topicAuthorizedOperations: operationsOn(topic.name, request, access),
  }
}

function operationsOn(name: string, request: MetadataRequest, access: Access): number {
  if (!request.includeTopicAuthorizedOperations) return OPERATIONS_NOT_ASKED
  return access.operationsOn(TOPIC, name)
}

function unknownName(
  name: string,
  request: MetadataRequest,
  { access }: HandlerContext,
): TopicAnswer {
  const isIllegal = explainIllegalTopicName(name) !== undefined
  const { INVALID_TOPIC_EXCEPTION, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode
  return {
    ...refusedName(name, isIllegal ? INVALID_TOPIC_EXCEPTION : UNKNOWN_TOPIC_OR_PARTITION),
    topicAuthorizedOperations: operationsOn(name, request, access),
  }
}

/** Whether there is such a topic is not told. */
function hiddenName(name: string): TopicAnswer {
  return { ...refusedName(name, ErrorCode.TOPIC_AUTHORIZATION_FAILED), isInternal: false }
}

function forbiddenName(name: string): TopicAnswer {
  return refusedName(name, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
}

function refusedName(name: string, errorCode: ErrorCode): TopicAnswer {
  return {
    errorCode,
    name,
    topicId: ZERO_UUID,
    isInternal: isInternalTopic(name),
    partitions: [],
    topicAuthorizedOperations: OPERATIONS_NOT_ASKED,
  }
}

function unknownId(
  topicId: string,
  errorCode: ErrorCode,
  { apiVersion }: HandlerContext,
): TopicAnswer {
  return {
    errorCode,
    name: apiVersion >= 12 ? null : '',
    topicId,
    isInternal: false,
    partitions: [],
    topicAuthorizedOperations: OPERATIONS_NOT_ASKED,
  }
}
