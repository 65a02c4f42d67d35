// Who should read which partitions: what the assignors are asked and what they answer. They are pure
// and see plain data; what a member has in hand does not concern them, only what it was to have before.
// Source: KIP-848 (server-side assignors).

import type { TopicPartitions } from './topic-partitions.ts'

export interface AssignedMember {
  readonly memberId: string
  readonly instanceId: string | null
  /** Ids of the topics it subscribes to that exist; one array for all members with the same. */
  readonly topicIds: readonly string[]
  /** Its target so far. */
  readonly target: TopicPartitions
}

export interface AssignmentTask {
  readonly members: readonly AssignedMember[]
  partitionsOf(topicId: string): number
}

/** Of every member; the same object where nothing changes. */
export type Assignment = ReadonlyMap<string, TopicPartitions>
