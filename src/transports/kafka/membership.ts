// What a member's holdings and the two group protocols have to say to each other.

import type { TopicPartition } from '../../sdk/transport/group-member.ts'
import type { GroupIdentity } from './group-identity.ts'

/** Keeps a member in its group: heartbeats, assignments, leaving. One for each protocol. */
export interface Membership {
  /** As whom a commit is made; undefined while the member is not in the group. */
  readonly identity: GroupIdentity | undefined
  /** Rejects when the group will not have the member. */
  join(): Promise<void>
  /** Resolves when the identity may have changed. */
  renewed(): Promise<void>
  /** Says goodbye, and says nothing more. */
  leave(): Promise<void>
}

/** What the protocol tells the member. */
export interface Host {
  readonly held: readonly TopicPartition[]
  /**
   * Looks up where to begin, and then holds them, if they are still wanted by then.
   * @returns whether it holds them
   */
  assign(partitions: readonly TopicPartition[], isWanted: () => boolean): Promise<boolean>
  /** Resolves when they have been given up; how long that may take, the coordinator watches. */
  revoke(partitions: readonly TopicPartition[]): Promise<void>
  loseAll(): void
  fail(error: Error): void
  warn(message: string, cause?: unknown): void
}
