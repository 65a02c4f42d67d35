// What happened in a run, as data: who asked for what, when that began and ended in the order of the
// whole run, and what came of it. Kept outside of the broker and its disk; everything that the checker
// judges is in here.
// Outcomes are Jepsen's: ok = it happened; fail = it did not and never will; info = nobody knows.

export type Outcome = 'ok' | 'fail' | 'info'
export type Isolation = 'read_uncommitted' | 'read_committed'

/** `topic-partition`; of a topic that was made again with its incarnation, so that no two are the same. */
export type PartitionName = string

/** Ends the names of values that delete their key. */
export const TOMBSTONE_SUFFIX = '~'

export function isTombstone(value: string): boolean {
  return value.endsWith(TOMBSTONE_SUFFIX)
}

export function topicOf(partition: PartitionName): string {
  return partition.slice(0, partition.lastIndexOf('-'))
}

export interface TransactionName {
  /** Of its own, in the whole run. */
  readonly name: string
  readonly transactionalId: string
  /** The `init` that it was begun under; a later one fences this one. */
  readonly incarnation: number
}

export interface StoredValue {
  readonly offset: number
  readonly value: string
}

/** The record that a value was made from by a group's read-process-write loop. */
export interface Source {
  readonly group: string
  readonly partition: PartitionName
  readonly offset: number
}

export interface Send {
  readonly kind: 'send'
  readonly partition: PartitionName
  /** Each of them is sent once in a run, whatever is retried. */
  readonly values: readonly string[]
  /** One for each value, in a compacted topic: of each key the last value stays. */
  readonly keys?: readonly string[] | undefined
  /** Sends of one stream to one partition reach the log in the order of their numbers. */
  readonly stream: string
  readonly number: number
  readonly transaction?: TransactionName
  /** One for each value. */
  readonly sources?: readonly Source[]
  /** Answered with `ok`. */
  readonly baseOffset?: number
}

export interface Init {
  readonly kind: 'init'
  readonly transactionalId: string
  readonly incarnation: number
}

export interface End {
  readonly kind: 'end'
  readonly transaction: TransactionName
  readonly isCommit: boolean
}

/** An offset that counts with a transaction. */
export interface Stage {
  readonly kind: 'stage'
  readonly transaction: TransactionName
  readonly group: string
  readonly partition: PartitionName
  readonly offset: number
  readonly by?: MemberName | undefined
}

/** As whom somebody commits: its epoch, or the generation of a classic group. */
export interface MemberName {
  readonly member: string
  readonly epoch: number
  /** Of a static member. */
  readonly instance?: string | undefined
}

/** What a member wants to read: topics by their names, and those whose whole name matches. */
export interface Subscription {
  readonly topics: readonly string[]
  readonly expression?: string
}

export function wants({ topics, expression }: Subscription, topic: string): boolean {
  if (topics.includes(topic)) return true
  return expression !== undefined && new RegExp(`^(?:${expression})$`).test(topic)
}

export interface Commit {
  readonly kind: 'commit'
  readonly group: string
  readonly partition: PartitionName
  readonly offset: number
  readonly by?: MemberName | undefined
}

/** Of a member by the new protocol (KIP-848): it says what it holds and hears what it is to hold. */
export interface Heartbeat {
  readonly kind: 'heartbeat'
  readonly group: string
  readonly member: string
  /** Of a static member. */
  readonly instance?: string | undefined
  /** Said now, or before and taken. */
  readonly subscribed?: Subscription
  /** Of those of the member: none is missing between two that follow one another. */
  readonly number: number
  /** That it comes with: 0 joins, -1 leaves, -2 leaves for a while. */
  readonly memberEpoch: number
  readonly held: readonly PartitionName[]
  /** Answered: what it has from now on. */
  readonly epoch?: number
  /** Answered: all that it is to hold, whether it was told now or before. */
  readonly assigned?: readonly PartitionName[]
}

/** Into a generation of a classic group, from JoinGroup to what SyncGroup was answered with. */
export interface Join {
  readonly kind: 'join'
  readonly group: string
  /** As whom it asks, '' for somebody new; answered: who it is. */
  readonly member: string
  /** Of a static member. */
  readonly instance?: string | undefined
  readonly subscribed?: Subscription
  /** Answered. */
  readonly generation?: number
  /** Answered. */
  readonly assigned?: readonly PartitionName[]
}

/** A look at what a group has committed. */
export interface Committed {
  readonly kind: 'committed'
  readonly group: string
  readonly partition: PartitionName
  /** Answered; -1 = nothing. */
  readonly offset?: number
  readonly isFinal?: boolean
}

/** One answer that a reader was given for one partition. */
export interface Poll {
  readonly kind: 'poll'
  readonly reader: string
  /** The group on whose behalf it reads. */
  readonly group?: string
  /** Counted up whenever the reader's assignment changes or it seeks: what follows is a new story. */
  readonly assignment: number
  readonly isolation: Isolation
  readonly partition: PartitionName
  readonly fromOffset: number
  /** Answered. Everything visible from `fromOffset` up to here is in `records`. */
  readonly nextOffset?: number
  readonly records?: readonly StoredValue[]
  readonly highWatermark?: number
  readonly lastStableOffset?: number
  readonly logStartOffset?: number
  /** Of the last reading of everything, when all is quiet. */
  readonly isFinal?: boolean
}

export interface DeleteRecords {
  readonly kind: 'delete-records'
  readonly partition: PartitionName
  readonly offset: number
}

/** With every fault off something did not go on: nobody answers, or nothing moves. */
export interface Stuck {
  readonly kind: 'stuck'
  readonly what: string
  readonly partition?: PartitionName
}

/** What a producer that did everything right was refused for. */
export interface Refused {
  readonly kind: 'refused'
  readonly partition: PartitionName
  readonly values: readonly string[]
  readonly error: string
}

/** Only for whoever reads the history. */
export interface Fault {
  readonly kind: 'fault'
  readonly what: string
}

export type Action =
  | Send
  | Init
  | End
  | Stage
  | Commit
  | Heartbeat
  | Join
  | Committed
  | Poll
  | DeleteRecords
  | Stuck
  | Refused
  | Fault

export interface Operation {
  readonly id: number
  readonly process: string
  /** Places in the order of all beginnings and ends; equal for what has no duration. */
  readonly invokedAt: number
  /** undefined: it never ended, and may take effect at any later time. */
  readonly completedAt: number | undefined
  /** For people only: clocks jump. */
  readonly invokedMs: number
  readonly completedMs: number | undefined
  readonly outcome: Outcome
  /** Why it failed. */
  readonly error?: string
  readonly action: Action
}
