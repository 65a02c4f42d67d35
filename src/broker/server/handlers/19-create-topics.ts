// Versions   2-7.
// Behaviour  Each topic by itself: made, refused with its own code, or with `validate_only` only
//            checked. Numbers of -1 take the broker's defaults. A topic that was made is durable and
//            in Metadata when the answer leaves. From v5 on every configuration is returned, from v7
//            on the id.
// Differs    The timeout is not looked at: there is nobody to wait for. Assignments name node 1 only.

import { ZERO_UUID } from '../../bytes/uuid.ts'
import type { CreateOutcome } from '../../catalog/catalog.ts'
import { type Refusal, refuse } from '../../catalog/refusal.ts'
import {
  type CreateTopicsRequest,
  type CreateTopicsResponse,
  createTopics,
} from '../../protocol/19-create-topics.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { describeConfigsOf } from '../described-configs.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { repeated } from '../repeated.ts'

type WantedTopic = CreateTopicsRequest['topics'][number]
type TopicAnswer = CreateTopicsResponse['topics'][number]

export const handler = defineHandler(createTopics, async (request, context) => {
  const twice = repeated(request.topics.map(({ name }) => name))
  const wanted = request.topics.filter(({ name }) => !twice.has(name))
  const outcomes = await context.broker.catalog.createTopics(
    wanted.map(({ numPartitions, assignments, ...topic }) => ({
      ...topic,
      partitions: numPartitions,
      assignments: assignments.map(({ partitionIndex, brokerIds }) => ({
        partition: partitionIndex,
        brokerIds,
      })),
    })),
    { validateOnly: request.validateOnly },
  )
  const answers = wanted.map((topic, index) => answerTopic(topic, outcomes[index]!, context))
  const refusals = [...twice].map((name) =>
    refused(name, refuse(ErrorCode.INVALID_REQUEST, `Topic '${name}' is named twice.`)),
  )
  return { topics: [...answers, ...refusals] }
})

function answerTopic(
  { name }: WantedTopic,
  outcome: CreateOutcome,
  { broker }: HandlerContext,
): TopicAnswer {
  if (outcome.kind === 'refused') return refused(name, outcome)
  const { partitions, configs } = outcome.kind === 'created' ? outcome.topic : outcome
  const described = describeConfigsOf(
    { type: 'topic', name },
    {
      settings: broker.catalog.settings,
      own: configs,
      keys: null,
      withSynonyms: false,
      withDocumentation: false,
    },
  )
  return {
    ...empty(name),
    ...(outcome.kind === 'created' && { topicId: outcome.topic.id }),
    numPartitions: partitions,
    replicationFactor: 1,
    configs: described,
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
