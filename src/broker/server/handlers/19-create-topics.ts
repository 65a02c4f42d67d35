// Versions   2-7.
// Behaviour  Each topic by itself: made, refused with its own code, or with `validate_only` only
//            checked. Numbers of -1 take the broker's defaults. A topic that was made is durable and
//            in Metadata when the answer leaves. From v5 on every configuration is returned, from v7
//            on the id. Above `controller_mutation_rate` a topic is 89 from v6 on, before the client
//            only has to wait. More than 10,000 partitions in one request refuse it as a whole (44).
//            Takes CREATE on the cluster or on the topic's name (29); who may not see configurations
//            gets none.
// Differs    The timeout is not looked at: there is nobody to wait for. Assignments name node 1 only.

import { ZERO_UUID } from '../../bytes/uuid.ts'
import { CLUSTER_NAME } from '../../catalog/acl.ts'
import type { CreateOutcome } from '../../catalog/catalog.ts'
import { type Refusal, refuse } from '../../catalog/refusal.ts'
import {
  type CreateTopicsRequest,
  type CreateTopicsResponse,
  createTopics,
} from '../../protocol/19-create-topics.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { type DescribedConfig, describeConfigsOf } from '../described-configs.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { endMutations, mutationsOf } from '../quotas/request-mutations.ts'
import { repeated } from '../repeated.ts'
import { asks } from '../security/access-rule.ts'

type WantedTopic = CreateTopicsRequest['topics'][number]
type TopicAnswer = CreateTopicsResponse['topics'][number]

const { CREATE, DESCRIBE_CONFIGS } = AclOperation
const { CLUSTER, TOPIC } = AclResource

/** Kafka's own bound of one request, against a slip of the hand. */
const MAX_PARTITIONS_PER_REQUEST = 10_000
/** So many topics are answered before others get their turn. */
const TOPICS_PER_TURN = 500
const FIRST_VERSION_WITH_STRICT_QUOTA = 6

const takes = asks('CREATE CLUSTER', 'CREATE TOPIC', 'DESCRIBE_CONFIGS TOPIC')

export const handler = defineHandler(createTopics, takes, async (request, context) => {
  const { access } = context
  const twice = repeated(request.topics.map(({ name }) => name))
  const once = request.topics.filter(({ name }) => !twice.has(name))
  const mayCreateAny = access.mayQuietly(CREATE, CLUSTER, CLUSTER_NAME)
  const mayCreate = new Set(
    once.filter(({ name }) => mayCreateAny || access.may(CREATE, TOPIC, name)),
  )
  const wanted = once.filter((topic) => mayCreate.has(topic))
  if (countPartitions(wanted, context) > MAX_PARTITIONS_PER_REQUEST) {
    const names = [...new Set(request.topics.map(({ name }) => name))]
    return { topics: names.map((name) => refused(name, TOO_MANY)) }
  }
  const isStrict = context.apiVersion >= FIRST_VERSION_WITH_STRICT_QUOTA
  const mutations = mutationsOf(context, { isStrict })
  const outcomes = await context.broker.catalog.createTopics(
    wanted.map(({ numPartitions, assignments, ...topic }) => ({
      ...topic,
      partitions: numPartitions,
      assignments: assignments.map(({ partitionIndex, brokerIds }) => ({
        partition: partitionIndex,
        brokerIds,
      })),
    })),
    { validateOnly: request.validateOnly, admit: mutations?.admit },
  )
  endMutations(context, mutations)
  const described = new Map<string, DescribedConfig[]>()
  const answers: TopicAnswer[] = []
  for (const [index, topic] of wanted.entries()) {
    answers.push(answerTopic(topic, outcomes[index]!, described, context))
    if (answers.length % TOPICS_PER_TURN === 0) await context.broker.host.timers.yield()
  }
  const refusals = [...twice].map((name) =>
    refused(name, refuse(ErrorCode.INVALID_REQUEST, `Topic '${name}' is named twice.`)),
  )
  const forbidden = once.filter((topic) => !mayCreate.has(topic))
  const others = forbidden.map(({ name }) => refused(name, FORBIDDEN))
  return { topics: [...answers, ...refusals, ...others] }
})

const TOO_MANY = refuse(
  ErrorCode.POLICY_VIOLATION,
  `One request makes at most ${MAX_PARTITIONS_PER_REQUEST} partitions.`,
)

const FORBIDDEN = refuse(
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  'Making this topic takes CREATE on the cluster or on its name.',
)

/** As they are asked for: whether each topic may be made is another question. */
function countPartitions(topics: readonly WantedTopic[], { broker }: HandlerContext): number {
  let count = 0
  for (const { numPartitions, assignments } of topics) {
    if (assignments.length > 0) count += assignments.length
    else count += numPartitions === -1 ? broker.config.numPartitions : Math.max(0, numPartitions)
  }
  return count
}

/** @param described what topics of the same settings were told: most set nothing themselves */
function answerTopic(
  { name }: WantedTopic,
  outcome: CreateOutcome,
  described: Map<string, DescribedConfig[]>,
  { access, broker }: HandlerContext,
): TopicAnswer {
  if (outcome.kind === 'refused') return refused(name, outcome)
  const topicId = outcome.kind === 'created' ? outcome.topic.id : ZERO_UUID
  if (!access.mayQuietly(DESCRIBE_CONFIGS, TOPIC, name)) {
    const topicConfigErrorCode = ErrorCode.TOPIC_AUTHORIZATION_FAILED
    return { ...empty(name), topicId, topicConfigErrorCode, configs: null }
  }
  const { partitions, configs: own } = outcome.kind === 'created' ? outcome.topic : outcome
  const key = JSON.stringify(own)
  let configs = described.get(key)
  if (configs === undefined) {
    const { settings } = broker.catalog
    const options = { settings, own, keys: null, withSynonyms: false, withDocumentation: false }
    configs = describeConfigsOf({ type: 'topic', name }, options)
    described.set(key, configs)
  }
  return {
    ...empty(name),
    topicId,
    numPartitions: partitions,
    replicationFactor: 1,
    configs,
  }
}

function refused(name: string, { errorCode, message }: Refusal): TopicAnswer {
  return { ...empty(name), errorCode, errorMessage: message }
}

function empty(name: string): TopicAnswer {
  return {
    name,
    topicId: ZERO_UUID,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    topicConfigErrorCode: ErrorCode.NONE,
    numPartitions: -1,
    replicationFactor: -1,
    configs: [],
  }
}
