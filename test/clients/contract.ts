// What the runner and a driver say to each other: one JSON line for each command and each answer.
// README.md beside this file says it in words; the drivers in other languages follow the same.

/** A record; bytes travel as base64, null is null. */
export interface JsonRecord {
  readonly partition: number
  readonly offset?: number
  readonly timestamp?: number
  readonly key: string | null
  readonly value: string | null
  readonly headers: readonly (readonly [string, string | null])[]
}

/** A partition and an offset in it. */
export type Position = readonly [partition: number, offset: number]

/** What a member of a group owns and has received since it joined. */
export interface MemberStatus {
  readonly assigned: readonly number[]
  /** How often it was told of an assignment. */
  readonly assignments: number
  readonly seen: readonly Position[]
}

type Nothing = Readonly<Record<string, never>>

/** The arguments of each verb, and what it answers. */
export interface Verbs {
  hello: [arguments: Nothing, answer: { readonly version: string }]
  produce: [
    arguments: {
      readonly topic: string
      readonly clientId: string
      readonly records: readonly JsonRecord[]
      readonly compression?: string
      readonly idempotent?: boolean
    },
    answer: { readonly positions: readonly Position[] },
  ]
  read: [
    arguments: {
      readonly topic: string
      readonly partitions: readonly number[]
      readonly count: number
      readonly timeoutMs: number
      readonly timestamp?: number
    },
    answer: { readonly records: readonly JsonRecord[] },
  ]
  transact: [
    arguments: {
      readonly topic: string
      readonly into: string
      readonly group: string
      readonly transactionalId: string
      readonly count: number
      readonly timeoutMs: number
      readonly ends: 'commit' | 'abort'
    },
    answer: { readonly seen: readonly Position[] },
  ]
  offsetsForTime: [
    arguments: {
      readonly topic: string
      readonly partitions: readonly number[]
      readonly timestamp: number
    },
    answer: { readonly positions: readonly Position[] },
  ]
  join: [
    arguments: {
      readonly member: string
      readonly group: string
      readonly topic: string
      readonly instanceId?: string
    },
    answer: Nothing,
  ]
  /** The same in the new protocol of consumer groups (KIP-848), by name or by a pattern of RE2. */
  joinConsumerGroup: [
    arguments: {
      readonly member: string
      readonly group: string
      readonly topic: string
      readonly instanceId?: string
      readonly pattern?: string
    },
    answer: Nothing,
  ]
  member: [arguments: { readonly member: string }, answer: MemberStatus]
  commit: [arguments: { readonly member: string }, answer: MemberStatus]
  leave: [arguments: { readonly member: string }, answer: MemberStatus]
  createTopic: [
    arguments: {
      readonly topic: string
      readonly partitions: number
      readonly configs?: Readonly<Record<string, string>>
    },
    answer: Nothing,
  ]
  describeTopic: [
    arguments: { readonly topic: string },
    answer: { readonly leaders: readonly (readonly [partition: number, nodeId: number])[] },
  ]
  deleteTopic: [arguments: { readonly topic: string }, answer: Nothing]
  describeConfig: [
    arguments: { readonly topic: string },
    answer: { readonly configs: Readonly<Record<string, string>> },
  ]
  alterConfig: [
    arguments: { readonly topic: string; readonly configs: Readonly<Record<string, string>> },
    answer: Nothing,
  ]
  createPartitions: [arguments: { readonly topic: string; readonly total: number }, answer: Nothing]
  deleteRecords: [
    arguments: { readonly topic: string; readonly partition: number; readonly before: number },
    answer: Nothing,
  ]
  listGroups: [arguments: Nothing, answer: { readonly groups: readonly string[] }]
  describeGroup: [
    arguments: { readonly group: string },
    answer: { readonly state: string; readonly members: number },
  ]
  deleteGroup: [arguments: { readonly group: string }, answer: Nothing]
}

export type Verb = keyof Verbs

/** A client of Kafka that does what it is told. */
export interface Driver {
  /**
   * @throws Unsupported where the driver has no such verb, ClientError with what the client said
   */
  call<V extends Verb>(verb: V, args: Verbs[V][0]): Promise<Verbs[V][1]>
  /** False once it cannot be called any more. */
  readonly isUsable: boolean
  close(): Promise<void>
}

/** The client has no call for this. */
export class Unsupported extends Error {}

/** The client was asked and failed; the message is its own. */
export class ClientError extends Error {}
