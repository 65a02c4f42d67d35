// Committing, fetching and deleting offsets of one hosted group: what a request means for the table
// of offsets, once the group itself has been found.

import { ZERO_UUID } from '../bytes/uuid.ts'
import type { CommittedOffset, TopicPartition } from '../coordinators/groups/offsets.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { CommitClaim, HostedGroup } from './coordinator-group.ts'

export interface CommitCall extends CommitClaim {
  readonly groupId: string
  /** How long to keep the offsets, from clients older than KIP-211; -1 leaves it to the broker. */
  readonly retentionTimeMs: number
  readonly offsets: readonly (TopicPartition & {
    readonly topicId: string
    readonly offset: number
    readonly leaderEpoch: number
    readonly metadata: string | null
  })[]
}

export interface FetchCall {
  readonly groupId: string
  /** null for all that the group has committed. */
  readonly topics:
    | readonly {
        readonly topic: string
        /** ZERO_UUID when the client asked by name. */
        readonly topicId: string
        readonly partitions: readonly number[]
      }[]
    | null
  /** Waits for commits under way, and takes no offset that a transaction may change (KIP-447). */
  readonly requireStable: boolean
  /** As members of a consumer group say who they are (KIP-848). */
  readonly member?: { readonly memberId: string | null; readonly memberEpoch: number }
}

export interface FetchedTopic {
  readonly topic: string
  readonly topicId: string
  readonly partitions: readonly {
    readonly partition: number
    readonly committed: CommittedOffset | undefined
    /** A transaction that is still open may change it. */
    readonly isUnstable: boolean
  }[]
}

export interface CommitLimits {
  readonly nowMs: number
  /** offset.metadata.max.bytes; counted in UTF-16 units, as Kafka does despite the key's name */
  readonly maxMetadataLength: number
}

/** @returns one code for each offset, in their order */
export async function commitOffsets(
  group: HostedGroup,
  call: CommitCall,
  { nowMs, maxMetadataLength }: CommitLimits,
): Promise<ErrorCode[]> {
  const isTooLong = (metadata: string | null) => (metadata?.length ?? 0) > maxMetadataLength
  const { retentionTimeMs } = call
  const expireTimestampMs =
    retentionTimeMs === -1 ? -1 : Math.min(nowMs + retentionTimeMs, Number.MAX_SAFE_INTEGER)
  const accepted = call.offsets
    .filter(({ metadata }) => !isTooLong(metadata))
    .map(({ metadata, ...rest }) => ({
      ...rest,
      metadata: metadata ?? '',
      commitTimestampMs: nowMs,
      expireTimestampMs,
    }))
  const errorCode = await group.commit(call, accepted)
  return call.offsets.map(({ metadata }) =>
    errorCode === ErrorCode.NONE && isTooLong(metadata)
      ? ErrorCode.OFFSET_METADATA_TOO_LARGE
      : errorCode,
  )
}

/** @param topicIdOf the id that a topic of this name has now */
export function fetchOffsets(
  group: HostedGroup,
  topics: FetchCall['topics'],
  topicIdOf: (name: string) => string | undefined,
): FetchedTopic[] {
  return (topics ?? allTopics(group)).map(({ topic, topicId, partitions }) => {
    const currentId = topicId === ZERO_UUID ? (topicIdOf(topic) ?? ZERO_UUID) : topicId
    const fetched = partitions.map((partition) => ({
      partition,
      committed: group.offsets.get({ topic, partition }, currentId),
      isUnstable: group.offsets.isUnstable({ topic, partition }),
    }))
    const isAsked = (one: (typeof fetched)[number]) =>
      topics !== null || one.committed !== undefined
    return { topic, topicId, partitions: fetched.filter(isAsked) }
  })
}

/** @returns one code for each partition, in their order, or one for all */
export async function deleteOffsets(
  hosted: HostedGroup,
  partitions: readonly TopicPartition[],
): Promise<ErrorCode | ErrorCode[]> {
  const { group, consumer } = hosted
  if (group === undefined && consumer === undefined) return ErrorCode.GROUP_ID_NOT_FOUND
  if (hosted.hasMembers && !hosted.isOfConsumers) return ErrorCode.NON_EMPTY_GROUP
  const isRead = ({ topic }: TopicPartition) => hosted.isSubscribedTo(topic)
  const committed = hosted.offsets.partitions()
  const isCommitted = ({ topic, partition }: TopicPartition) =>
    committed.some((other) => other.topic === topic && other.partition === partition)
  const forgotten = partitions.filter((one) => !isRead(one) && isCommitted(one))
  const errorCode = await hosted.forgetOffsets(forgotten)
  if (errorCode !== ErrorCode.NONE) return errorCode
  return partitions.map((one) =>
    isRead(one) ? ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC : ErrorCode.NONE,
  )
}

/** Offsets that were committed for a topic which is being deleted, those under way included. */
export function offsetsOfTopic(
  hosted: HostedGroup,
  topic: { readonly name: string; readonly id: string },
): TopicPartition[] {
  return hosted.offsets.partitions(topic.name).filter((partition) => {
    const committed = hosted.offsets.get(partition, ZERO_UUID)
    return committed === undefined || [ZERO_UUID, topic.id].includes(committed.topicId)
  })
}

/** Offsets of topics that do not exist, or no longer under the id they were committed for. */
export function orphanedOffsets(
  hosted: HostedGroup,
  topicIdOf: (name: string) => string | undefined,
): TopicPartition[] {
  return allTopics(hosted).flatMap(({ topic, partitions }) => {
    const topicId = topicIdOf(topic)
    return partitions
      .map((partition) => ({ topic, partition }))
      .filter((one) => topicId === undefined || hosted.offsets.get(one, topicId) === undefined)
  })
}

function allTopics({ offsets }: HostedGroup): NonNullable<FetchCall['topics']> {
  return [...offsets.topics()].map(([topic, partitions]) => ({
    topic,
    topicId: ZERO_UUID,
    partitions: [...partitions.keys()],
  }))
}
