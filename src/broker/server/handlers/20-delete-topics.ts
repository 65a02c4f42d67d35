// Versions   1-6.
// Behaviour  By name, from v6 on also by id. When the answer leaves, the deletion is durable, the
//            topic is gone from Metadata, its files have another name, and whoever waited for its
//            data has been woken with 3 or 100. Above `controller_mutation_rate` a topic is 89 from
//            v5 on, before the client only has to wait. The files go after `file.delete.delay.ms`.
//            Takes DELETE on the topic, or on the cluster (29); the name of a hidden topic, asked for by
//            id, is not told.
// Differs    Internal topics are refused: groups that are alive would lose their offsets.

import { ZERO_UUID } from '../../bytes/uuid.ts'
import { CLUSTER_NAME } from '../../catalog/acl.ts'
import type { Topic } from '../../catalog/catalog-state.ts'
import { type Refusal, refuse } from '../../catalog/refusal.ts'
import { deleteTopics } from '../../protocol/20-delete-topics.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { endMutations, mutationsOf } from '../quotas/request-mutations.ts'
import { repeated } from '../repeated.ts'
import { asks } from '../security/access-rule.ts'

interface Wanted {
  readonly name: string | null
  readonly topicId: string
}

const { DELETE, DESCRIBE } = AclOperation
const { CLUSTER, TOPIC } = AclResource

const FIRST_VERSION_WITH_DISABLED = 3
const FIRST_VERSION_WITH_STRICT_QUOTA = 5
const FORBIDDEN = refuse(
  ErrorCode.TOPIC_AUTHORIZATION_FAILED,
  'Deleting this topic takes DELETE on it or on the cluster.',
)
/** So many topics are decided on before others get their turn. */
const TOPICS_PER_TURN = 5000

const takes = asks('DELETE TOPIC', 'DESCRIBE TOPIC', 'DELETE CLUSTER')

export const handler = defineHandler(deleteTopics, takes, async (request, context) => {
  const wanted: readonly Wanted[] =
    context.apiVersion >= 6
      ? request.topics
      : request.topicNames.map((name) => ({ name, topicId: ZERO_UUID }))
  const twice = repeated(wanted.map((topic) => lookUp(topic, context)?.id ?? ''))
  const isStrict = context.apiVersion >= FIRST_VERSION_WITH_STRICT_QUOTA
  const mutations = mutationsOf(context, { isStrict })
  const decisions: ReturnType<typeof decide>[] = []
  for (const topic of wanted) {
    const decision = decide(topic, twice, context)
    const isFound = decision.kind === 'found'
    decisions.push((isFound && mutations?.admit(decision.topic.partitions)) || decision)
    if (decisions.length % TOPICS_PER_TURN === 0) await context.broker.host.timers.yield()
  }
  const ids = decisions.flatMap((found) => (found.kind === 'found' ? [found.topic.id] : []))
  const outcomes = (await context.broker.catalog.deleteTopics(ids)).values()
  endMutations(context, mutations)
  const responses = decisions.map((decision, index) => {
    const outcome = decision.kind === 'found' ? outcomes.next().value! : decision
    const { name, topicId } = wanted[index]!
    const shown = decision.kind === 'found' ? decision.topic : { name, id: topicId }
    return {
      name: decision.kind === 'refused' ? (decision.shownName ?? name) : shown.name,
      topicId: shown.id,
      errorCode: outcome.kind === 'refused' ? outcome.errorCode : ErrorCode.NONE,
      errorMessage: outcome.kind === 'refused' ? outcome.message : null,
    }
  })
  return { responses }
})

function decide(
  wanted: Wanted,
  twice: ReadonlySet<string>,
  context: HandlerContext,
): (Refusal & { shownName?: string }) | { kind: 'found'; topic: Topic } {
  const { access, broker, apiVersion } = context
  const { name, topicId } = wanted
  if (!broker.config.deleteTopicEnable) {
    const code =
      apiVersion >= FIRST_VERSION_WITH_DISABLED
        ? ErrorCode.TOPIC_DELETION_DISABLED
        : ErrorCode.INVALID_REQUEST
    return refuse(code, 'Topics cannot be deleted here (delete.topic.enable).')
  }
  const hasId = topicId !== ZERO_UUID
  if (hasId === (name !== null)) {
    return refuse(ErrorCode.INVALID_REQUEST, 'A topic is deleted by its name or by its id.')
  }
  const topic = lookUp(wanted, context)
  const allowed = topic?.name ?? name
  if (allowed !== null && !access.mayQuietly(DELETE, CLUSTER, CLUSTER_NAME)) {
    const isVisible = access.may(DESCRIBE, TOPIC, allowed)
    const isForbidden = !isVisible || (topic !== undefined && !access.may(DELETE, TOPIC, allowed))
    if (isForbidden) return isVisible ? { ...FORBIDDEN, shownName: allowed } : FORBIDDEN
  }
  if (topic === undefined) {
    return hasId
      ? refuse(ErrorCode.UNKNOWN_TOPIC_ID, `There is no topic with the id ${topicId}.`)
      : refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `There is no topic '${name}'.`)
  }
  if (twice.has(topic.id)) {
    return refuse(ErrorCode.INVALID_REQUEST, `Topic '${topic.name}' is named twice.`)
  }
  if (topic.isInternal) {
    return refuse(ErrorCode.INVALID_REQUEST, `Topic '${topic.name}' is the broker's own.`)
  }
  return { kind: 'found', topic }
}

function lookUp({ name, topicId }: Wanted, { broker }: HandlerContext): Topic | undefined {
  return name === null ? broker.catalog.topicById(topicId) : broker.catalog.topic(name)
}
