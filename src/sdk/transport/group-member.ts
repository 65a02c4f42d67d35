// A member of a consumer group. It is polled: nothing is fetched that nobody asked for, so that
// back-pressure is a matter of not asking. Heartbeats are the adapter's own and do not depend on the
// caller's progress. Only committed records are seen (read_committed).

import type { IncomingRecord } from '../events/record.ts'

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

/** No callback comes before `join` has resolved; others may come while an `onRevoked` is under way. */
export interface JoinOptions {
  readonly group: string
  /** One that does not exist yet is taken up once it does. */
  readonly topics: readonly string[]
  /** Where a partition without a committed offset begins. */
  readonly startAt: 'earliest' | 'latest' | Date
  /** A member unheard of for so long has left. */
  readonly sessionTimeoutMs?: number
  /** How long the group waits for a member that gives partitions up. */
  readonly rebalanceTimeoutMs?: number
  /** Called before the first records of these partitions are polled. */
  onAssigned(partitions: readonly AssignedPartition[]): void
  /**
   * The partitions go to another member once this resolves or the rebalance timeout has passed; until
   * then what is finished can still be committed. No more records of them are polled. When it
   * rejects, the member fails.
   */
  onRevoked(partitions: readonly TopicPartition[]): Promise<void>
  /**
   * They are gone already: nothing of them can be committed any more. The member joins anew by itself,
   * once what it was still revoking has resolved.
   */
  onLost(partitions: readonly TopicPartition[]): void
  /** The member cannot go on, and has left. */
  onFailed(error: Error): void
}

export interface AssignedPartition extends TopicPartition {
  /** The next offset that `poll` will give: the committed one, or by `startAt`. */
  readonly offset: number
  /** What was committed along with the offset; empty when nothing was. At most 4096 bytes. */
  readonly metadata: string
}

export interface OffsetCommit extends TopicPartition {
  /** The next offset to be read: everything before it is finished. */
  readonly offset: number
  readonly metadata: string
}

export interface FetchedPartition extends TopicPartition {
  /** In ascending order of offset; not always consecutive (markers, compaction), sometimes none. */
  readonly records: readonly IncomingRecord[]
  /** Where the next poll goes on; above the last record's offset. */
  readonly nextOffset: number
  /** End of what can be read now, exclusive. */
  readonly endOffset: number
}

export interface GroupMember extends AsyncDisposable {
  readonly group: string
  /**
   * The next records of the partitions that are assigned and not paused, in turns, so that no busy
   * partition starves another. Waits until there are some; empty once `signal` is aborted.
   * @param maxBytes soft limit: one batch is returned even when it is larger (KIP-74)
   * @throws what `onFailed` was told; FencedMemberError once the member has left
   */
  poll(request: { maxBytes: number; signal: AbortSignal }): Promise<readonly FetchedPartition[]>
  /** Stops polling of these, and keeps them: no rebalance. Unknown ones are ignored. */
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  /** The next poll of this partition begins at `offset`. */
  seek(partition: TopicPartition, offset: number): void
  /**
   * All of them or none.
   * @throws FencedMemberError when the member does not hold one of them any more
   * @throws OffsetMetadataTooLargeError
   */
  commit(offsets: readonly OffsetCommit[]): Promise<void>
  /** Leaves without waiting for a session to time out. `onRevoked` is called first. Idempotent. */
  leave(): Promise<void>
}
