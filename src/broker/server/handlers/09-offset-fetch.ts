// Versions   1-10
// Behaviour  What a group committed for the partitions asked for, or, for null, everything; -1 without
//            an error where there is nothing, also for groups and partitions that do not exist. v7+
//            with require_stable waits for commits under way, and answers 88 where a transaction that
//            is still open may change the offset (KIP-447). v8+ takes many groups. v10 names topics
//            by id: an unknown one is 100. Offsets of a deleted topic are not found for a new one of
//            its name. A hidden group is 30, a hidden topic 29, and left out of everything. v9+ says
//            which member of a consumer group asks (KIP-848): one that is unknown is 25, an epoch that
//            is not its own 113.
// Differs    In nothing that is known.
// from Kafka

import { ZERO_UUID } from '../../bytes/uuid.ts'
import { type OffsetFetchRequest, offsetFetch } from '../../protocol/09-offset-fetch.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import type { FetchCall, FetchedTopic } from '../coordinator-offsets.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

type AskedGroup = OffsetFetchRequest['groups'][number]

const FIRST_VERSION_WITH_GROUPS = 8
const FIRST_VERSION_WITH_TOPIC_IDS = 10
const NO_EPOCH = -1
const NOTHING = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '' }

const takes = asks('DESCRIBE GROUP', 'DESCRIBE TOPIC')

export const handler = defineHandler(offsetFetch, takes, async (request, context) => {
  const { requireStable } = request
  if (context.apiVersion < FIRST_VERSION_WITH_GROUPS) {
    const topics = request.topics?.map((topic) => ({ ...topic, topicId: ZERO_UUID })) ?? null
    const asked = { groupId: request.groupId, topics, memberId: null, memberEpoch: NO_EPOCH }
    const { errorCode, topics: fetched } = await fetchGroup(asked, requireStable, context)
    return { throttleTimeMs: 0, errorCode, topics: fetched, groups: [] }
  }
  const groups = await Promise.all(
    request.groups.map((asked) => fetchGroup(asked, requireStable, context)),
  )
  return { throttleTimeMs: 0, topics: [], groups }
})

async function fetchGroup(
  { groupId, topics, memberId, memberEpoch }: AskedGroup,
  requireStable: boolean,
  context: HandlerContext,
) {
  const { access, apiVersion, broker } = context
  const isById = apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS
  const asked = topics?.map(({ name, topicId, partitionIndexes }) => ({
    topic: isById ? broker.catalog.topicById(topicId)?.name : name,
    topicId,
    partitions: partitionIndexes,
  }))
  const named = asked?.filter(hasName) ?? null
  if (!access.may(AclOperation.DESCRIBE, AclResource.GROUP, groupId)) {
    return refuseGroup(groupId, ErrorCode.GROUP_AUTHORIZATION_FAILED, named, apiVersion)
  }
  const mayDescribe = ({ topic }: { topic: string }) =>
    access.may(AclOperation.DESCRIBE, AclResource.TOPIC, topic)
  const hidden = named?.filter((topic) => !mayDescribe(topic)) ?? []
  const known = named?.filter(mayDescribe) ?? null
  const { errorCode, topics: fetched } = await broker.groups.fetchOffsets({
    groupId,
    topics: known,
    requireStable,
    member: { memberId, memberEpoch },
  })
  if (errorCode !== ErrorCode.NONE) return refuseGroup(groupId, errorCode, known, apiVersion)
  const unknown = asked?.filter((topic) => !hasName(topic)) ?? []
  return {
    groupId,
    errorCode,
    topics: [
      ...fetched
        .filter(({ topic }) => known !== null || isVisible(topic, context))
        .map((topic) => answerTopic(topic, context, requireStable)),
      ...hidden.map(({ topic, topicId, partitions }) =>
        refuseTopic({ name: topic, topicId, partitions }, ErrorCode.TOPIC_AUTHORIZATION_FAILED),
      ),
      ...unknown.map(({ topicId, partitions }) =>
        refuseTopic({ name: '', topicId, partitions }, ErrorCode.UNKNOWN_TOPIC_ID),
      ),
    ],
  }
}

/** Of everything that a group committed only what may be described is shown. */
function isVisible(topic: string, { access }: HandlerContext): boolean {
  return access.mayQuietly(AclOperation.DESCRIBE, AclResource.TOPIC, topic)
}

type NamedTopic = NonNullable<FetchCall['topics']>[number]

function hasName<T extends { readonly topic: string | undefined }>(
  asked: T,
): asked is T & { readonly topic: string } {
  return asked.topic !== undefined
}

function answerTopic(
  { topic, topicId, partitions }: FetchedTopic,
  { broker }: HandlerContext,
  requireStable: boolean,
) {
  const isHidden = (isUnstable: boolean) => requireStable && isUnstable
  return {
    name: topic,
    topicId: topicId === ZERO_UUID ? (broker.catalog.topic(topic)?.id ?? ZERO_UUID) : topicId,
    partitions: partitions.map(({ partition, committed, isUnstable }) => ({
      partitionIndex: partition,
      errorCode: isHidden(isUnstable) ? ErrorCode.UNSTABLE_OFFSET_COMMIT : ErrorCode.NONE,
      ...(committed === undefined || isHidden(isUnstable)
        ? NOTHING
        : {
            committedOffset: committed.offset,
            committedLeaderEpoch: committed.leaderEpoch,
            metadata: committed.metadata,
          }),
    })),
  }
}

/** v1 has no place for an error of the whole request: there every partition carries it. */
function refuseGroup(
  groupId: string,
  errorCode: ErrorCode,
  topics: readonly NamedTopic[] | null,
  apiVersion: number,
) {
  const refused = (topics ?? []).map(({ topic, topicId, partitions }) =>
    refuseTopic({ name: topic, topicId, partitions }, errorCode),
  )
  return { groupId, errorCode, topics: apiVersion < 2 ? refused : [] }
}

function refuseTopic(
  asked: {
    readonly name: string
    readonly topicId: string
    readonly partitions: readonly number[]
  },
  errorCode: ErrorCode,
) {
  const { name, topicId, partitions } = asked
  return {
    name,
    topicId,
    partitions: partitions.map((partitionIndex) => ({ partitionIndex, errorCode, ...NOTHING })),
  }
}
