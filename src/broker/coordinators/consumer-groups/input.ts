// What may happen to a consumer group, and what comes of it, as data. Records have taken effect on the
// group when they are handed out; answers count once they are durable.

import { ErrorCode } from '../../wire/error-codes.ts'
import type { ConsumerGroupRecord } from './records.ts'
import type { TopicPartitionList } from './topic-partitions.ts'
import type { TopicsView } from './topics-view.ts'

/** null, and -1 for the timeout, leave things as they are. */
export interface HeartbeatRequest {
  readonly groupId: string
  /** '' only from v0, for a member that is to be given one. */
  readonly memberId: string
  /** 0 joins, -1 leaves, -2 leaves for a while. */
  readonly memberEpoch: number
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly rebalanceTimeoutMs: number
  readonly subscribedTopicNames: readonly string[] | null
  readonly subscribedTopicRegex: string | null
  readonly serverAssignor: string | null
  /** What the member has in its hands. */
  readonly topicPartitions: TopicPartitionList | null
  readonly clientId: string
  readonly clientHost: string
}

export interface LeavingMember {
  /** '' for whoever has the instance id. */
  readonly memberId: string
  readonly groupInstanceId: string | null
}

export interface HeartbeatReply {
  readonly errorCode: ErrorCode
  readonly errorMessage: string | null
  readonly memberId: string | null
  readonly memberEpoch: number
  readonly heartbeatIntervalMs: number
  /** null when the member knows it. */
  readonly assignment: TopicPartitionList | null
}

/** A timer to (re)start, or to cancel when `afterMs` is null. Its expiry comes back as an input. */
export interface TimerChange {
  readonly timer: 'session' | 'rebalance'
  readonly memberId: string
  readonly afterMs: number | null
}

export interface Outcome {
  readonly records: readonly ConsumerGroupRecord[]
  readonly timers: readonly TimerChange[]
}

export interface HeartbeatOutcome extends Outcome {
  readonly reply: HeartbeatReply
}

/** Of one group, from the broker's configuration and the group's own. */
export interface ConsumerGroupSettings {
  readonly sessionTimeoutMs: number
  readonly heartbeatIntervalMs: number
  /** A target is computed this long after the one before at the earliest (KIP-1263). */
  readonly assignmentIntervalMs: number
  readonly maxMembers: number
  /** The first is taken when no member asks for one. */
  readonly assignors: readonly string[]
}

/** Topics ascending by expression; `invalid` for one that cannot be read. */
export type ResolvedRegexes = ReadonlyMap<string, readonly string[] | 'invalid'>

export interface Surroundings {
  /** Calendar time. */
  readonly nowMs: number
  readonly settings: ConsumerGroupSettings
  readonly topics: TopicsView
  /** Expressions that were held against the topics as they are; the others stay as they were. */
  readonly resolved: ResolvedRegexes
}

export function refused(errorCode: ErrorCode, errorMessage: string | null = null): HeartbeatReply {
  return {
    errorCode,
    errorMessage,
    memberId: null,
    memberEpoch: 0,
    heartbeatIntervalMs: 0,
    assignment: null,
  }
}

export function acceptedReply(reply: Omit<HeartbeatReply, 'errorCode' | 'errorMessage'>) {
  return { errorCode: ErrorCode.NONE, errorMessage: null, ...reply }
}
