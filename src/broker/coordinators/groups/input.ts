// What may happen to a group, and what comes of it, as data: requests and expired timers in; answers,
// timers and one record out. Requests that wait are known by a token, a number that the caller
// chose and that returns in exactly one reply.

import type { ErrorCode } from '../../wire/error-codes.ts'
import type { Group, MemberProtocol } from './group.ts'

export interface JoinRequest {
  readonly kind: 'join'
  readonly token: number
  readonly groupId: string
  /** '' when the client has none yet. */
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
  readonly protocolType: string
  readonly protocols: readonly MemberProtocol[]
  /** The id to give when the client has none: randomness is an argument. */
  readonly newMemberId: string
  /** KIP-394: JoinGroup v4 and up make a client without id come back with the one it is given. */
  readonly requiresMemberId: boolean
  /** KIP-814: JoinGroup v9 and up. */
  readonly maySkipAssignment: boolean
}

export interface SyncRequest {
  readonly kind: 'sync'
  readonly token: number
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
  /** KIP-559; null before v5. */
  readonly protocolType: string | null
  readonly protocolName: string | null
  /** Of the leader; empty from everybody else. */
  readonly assignments: readonly { readonly memberId: string; readonly assignment: Buffer }[]
}

/** Who speaks, in requests of members that have joined. */
export interface MemberClaim {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

export interface LeavingMember {
  readonly memberId: string
  readonly groupInstanceId: string | null
}

export type GroupInput =
  | JoinRequest
  | SyncRequest
  | ({ readonly kind: 'heartbeat'; readonly token: number } & MemberClaim)
  | { readonly kind: 'leave'; readonly token: number; readonly members: readonly LeavingMember[] }
  /** Only the right to commit is decided here; the offsets are in offsets.ts. */
  | ({
      readonly kind: 'commit'
      readonly token: number
      readonly groupId: string
      /** OffsetCommit v9 and up name the missing group; older ones hear ILLEGAL_GENERATION. */
      readonly knowsGroupIdNotFound: boolean
      /** Within a transaction, whose older clients do not say who they are in the group (KIP-447). */
      readonly isTransactional?: boolean
    } & MemberClaim)
  | { readonly kind: 'delete'; readonly token: number }
  /** The group was read back from its records. */
  | { readonly kind: 'loaded' }
  | { readonly kind: 'session-expired'; readonly memberId: string }
  | { readonly kind: 'join-deadline' }
  | { readonly kind: 'sync-deadline' }

export interface JoinReply {
  readonly errorCode: ErrorCode
  readonly memberId: string
  readonly generationId: number
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leader: string
  readonly skipAssignment: boolean
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly metadata: Buffer
  }[]
}

export interface SyncReply {
  readonly errorCode: ErrorCode
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly assignment: Buffer
}

export interface LeaveReply {
  readonly errorCode: ErrorCode
  readonly members: readonly (LeavingMember & { readonly errorCode: ErrorCode })[]
}

export type GroupReply =
  | { readonly kind: 'join'; readonly token: number; readonly reply: JoinReply }
  | { readonly kind: 'sync'; readonly token: number; readonly reply: SyncReply }
  | { readonly kind: 'leave'; readonly token: number; readonly reply: LeaveReply }
  /** Heartbeat, commit and delete: an error code says it all. */
  | { readonly kind: 'plain'; readonly token: number; readonly errorCode: ErrorCode }

/** A timer to (re)start, or to cancel when `afterMs` is null. Its expiry comes back as an input. */
export type TimerChange =
  | { readonly timer: 'session'; readonly memberId: string; readonly afterMs: number | null }
  | { readonly timer: 'join'; readonly afterMs: number | null }
  | { readonly timer: 'sync'; readonly afterMs: number | null }

export interface Decision {
  /** The group from now on; undefined when there is none. */
  readonly group: Group | undefined
  /** Not to be sent before the record, if any, is durable. */
  readonly replies: readonly GroupReply[]
  /** In order: a later one replaces an earlier one of the same name. */
  readonly timers: readonly TimerChange[]
  /** What to append: the group as it is now, its tombstone, or nothing. */
  readonly record: 'none' | 'group' | 'tombstone'
}

/** Bounds and delays, from the broker's configuration. */
export interface GroupSettings {
  /** group.min.session.timeout.ms, inclusive */
  readonly minSessionTimeoutMs: number
  /** group.max.session.timeout.ms, inclusive */
  readonly maxSessionTimeoutMs: number
  /** group.initial.rebalance.delay.ms */
  readonly initialRebalanceDelayMs: number
  /** group.max.size: members of one group */
  readonly maxMembers: number
}
