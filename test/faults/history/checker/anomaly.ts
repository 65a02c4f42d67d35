// What the checker finds. The kinds are those of Jepsen's Kafka workload, and some of ours.
// Allowed, and so no kind at all: G0 (writes of transactions interleave), holes where markers and
// aborted records stand, batches of one stream that skip numbers, and readers that go back or skip
// when their assignment changes.

import type { PartitionName } from '../operations.ts'

export type AnomalyKind =
  /** Acknowledged, or shown to a reader, and not there at the end. */
  | 'lost-write'
  | 'lost-read'
  /** One value at two offsets. */
  | 'duplicate'
  /** Two values at one offset. */
  | 'inconsistent-offsets'
  /** Stored, and nobody ever sent it. */
  | 'invented'
  /** Refused for good, and stored all the same. */
  | 'refused-write'
  /** A stream's sends stand in another order than they were sent in. */
  | 'order'
  /** A producer that did everything right was refused. */
  | 'refused-in-order'
  /** read_committed saw what was aborted, or never committed. */
  | 'g1a'
  /** read_committed saw it before anybody asked to commit it. */
  | 'precommitted-read'
  /** A part of a committed transaction is missing. */
  | 'torn-transaction'
  /** Somebody who had been fenced was still obeyed. */
  | 'zombie'
  /** A source made two committed values, or none though its offset is committed. */
  | 'processed-twice'
  | 'never-processed'
  | 'nonmonotonic-poll'
  | 'poll-skip'
  /** A group went past a record that none of its members was given. */
  | 'group-skip'
  | 'high-watermark-back'
  | 'last-stable-offset-back'
  | 'log-start-back'
  /** Records are gone that nobody asked to delete. */
  | 'log-start-ahead'
  | 'deleted-records-back'
  /** A group is behind what was acknowledged. */
  | 'commit-lost'
  | 'commit-ahead'
  | 'commit-invented'
  /** Offsets of an aborted transaction count, or of one that is still open. */
  | 'g1a-offset'
  | 'precommitted-offset'
  /** A key that was deleted has an older value again. */
  | 'key-back'
  /** A partition was in the hands of two members at once. */
  | 'owned-twice'
  /** A member was given what it did not subscribe to. */
  | 'not-subscribed'
  /** A member that did everything right was fenced, or went back to an older epoch. */
  | 'fenced-in-order'
  | 'member-epoch-back'
  | 'stuck'

export interface Anomaly {
  readonly kind: AnomalyKind
  /** One sentence: what, where. */
  readonly what: string
  /** What its story is about. */
  readonly partitions: readonly PartitionName[]
  readonly values: readonly string[]
  readonly transactions: readonly string[]
  readonly group?: string
  /** Where in the partition, when there is no value to tell. */
  readonly offsets?: readonly number[]
}

type Concerns = Partial<Omit<Anomaly, 'kind' | 'what'>>

export function anomaly(kind: AnomalyKind, what: string, concerns: Concerns = {}): Anomaly {
  return { kind, what, partitions: [], values: [], transactions: [], ...concerns }
}
