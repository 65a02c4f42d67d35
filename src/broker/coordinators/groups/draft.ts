// One decision while it is being made: a copy of the group to change, and what comes of it. The
// group that was given stays as it was; maps are copied on their first change only, so that a
// heartbeat copies nothing.
// Invariant: a waiting request that a member loses is answered here, never dropped.

import { ErrorCode } from '../../wire/error-codes.ts'
import type { Group, GroupState, InitialDelay, Member } from './group.ts'
import type {
  Decision,
  GroupReply,
  GroupSettings,
  JoinReply,
  SyncReply,
  TimerChange,
} from './input.ts'
import { failedJoin, failedSync } from './replies.ts'

export class Draft {
  readonly groupId: string
  readonly settings: GroupSettings
  readonly nowMs: number
  state: GroupState
  stateSinceMs: number | null
  generationId: number
  protocolType: string | null
  protocolName: string | null
  leaderId: string | null
  initialDelay: InitialDelay | null
  subscribedTopics: ReadonlySet<string> | null
  record: Decision['record'] = 'none'

  #members: ReadonlyMap<string, Member>
  #changedMembers: Map<string, Member> | undefined
  #staticMembers: ReadonlyMap<string, string>
  #changedStaticMembers: Map<string, string> | undefined
  #pendingMembers: ReadonlySet<string>
  readonly #replies: GroupReply[] = []
  readonly #timers: TimerChange[] = []

  constructor(group: Group, settings: GroupSettings, nowMs: number) {
    this.groupId = group.groupId
    this.settings = settings
    this.nowMs = nowMs
    this.state = group.state
    this.stateSinceMs = group.stateSinceMs
    this.generationId = group.generationId
    this.protocolType = group.protocolType
    this.protocolName = group.protocolName
    this.leaderId = group.leaderId
    this.initialDelay = group.initialDelay
    this.subscribedTopics = group.subscribedTopics
    this.#members = group.members
    this.#staticMembers = group.staticMembers
    this.#pendingMembers = group.pendingMembers
  }

  get members(): ReadonlyMap<string, Member> {
    return this.#members
  }

  get staticMembers(): ReadonlyMap<string, string> {
    return this.#staticMembers
  }

  get pendingMembers(): ReadonlySet<string> {
    return this.#pendingMembers
  }

  /** For the caller's convenience where the member was checked to be there. */
  member(memberId: string): Member {
    const member = this.#members.get(memberId)
    if (member === undefined) throw new Error(`no member ${memberId} in group ${this.groupId}`)
    return member
  }

  moveTo(state: GroupState): void {
    this.state = state
    this.stateSinceMs = this.nowMs
  }

  putMember(member: Member): void {
    this.#changedMembers ??= new Map(this.#members)
    this.#changedMembers.set(member.memberId, member)
    this.#members = this.#changedMembers
    if (member.groupInstanceId === null) return
    if (this.#staticMembers.get(member.groupInstanceId) === member.memberId) return
    this.#changedStaticMembers ??= new Map(this.#staticMembers)
    this.#changedStaticMembers.set(member.groupInstanceId, member.memberId)
    this.#staticMembers = this.#changedStaticMembers
  }

  /**
   * Takes a member or pending member out, with its timer; the requests it has waiting are answered
   * with `errorCode`. The next member in line takes over a leader's place.
   */
  removeMember(memberId: string, errorCode: ErrorCode): void {
    this.removePending(memberId)
    this.#timers.push({ timer: 'session', memberId, afterMs: null })
    const member = this.#members.get(memberId)
    if (member === undefined) return
    this.#failWaiting(member, errorCode, '')
    this.#dropMember(member)
    if (this.leaderId === memberId) this.leaderId = this.#members.keys().next().value ?? null
  }

  /** KIP-345: the instance goes on under a new member id, in the old one's place in line. */
  renameStaticMember(old: Member, newMemberId: string): void {
    this.#timers.push({ timer: 'session', memberId: old.memberId, afterMs: null })
    this.#failWaiting(old, ErrorCode.FENCED_INSTANCE_ID, old.memberId)
    const renamed = { ...old, memberId: newMemberId, joinToken: null, syncToken: null }
    const members = new Map<string, Member>()
    for (const [id, member] of this.#members) {
      if (id === old.memberId) members.set(newMemberId, renamed)
      else members.set(id, member)
    }
    this.#changedMembers = members
    this.#members = members
    if (this.leaderId === old.memberId) this.leaderId = newMemberId
    this.putMember(renamed)
  }

  addPending(memberId: string): void {
    this.#pendingMembers = new Set([...this.#pendingMembers, memberId])
  }

  removePending(memberId: string): void {
    if (!this.#pendingMembers.has(memberId)) return
    const pending = new Set(this.#pendingMembers)
    pending.delete(memberId)
    this.#pendingMembers = pending
  }

  /** Parks a JoinGroup. An earlier one of the same member, from a connection long lost, is ended. */
  parkJoin(member: Member, token: number): void {
    if (member.joinToken !== null) {
      const reply = failedJoin(ErrorCode.REBALANCE_IN_PROGRESS, member.memberId)
      this.replyJoin(member.joinToken, reply)
    }
    this.putMember({ ...member, joinToken: token })
  }

  /** Parks a SyncGroup; see parkJoin. */
  parkSync(member: Member, token: number): void {
    if (member.syncToken !== null) {
      this.replySync(member.syncToken, failedSync(ErrorCode.REBALANCE_IN_PROGRESS))
    }
    this.putMember({ ...member, syncToken: token, hasSynced: true })
  }

  replyJoin(token: number, reply: JoinReply): void {
    this.#replies.push({ kind: 'join', token, reply })
  }

  replySync(token: number, reply: SyncReply): void {
    this.#replies.push({ kind: 'sync', token, reply })
  }

  startSession(member: Pick<Member, 'memberId' | 'sessionTimeoutMs'>): void {
    const { memberId, sessionTimeoutMs } = member
    this.#timers.push({ timer: 'session', memberId, afterMs: sessionTimeoutMs })
  }

  startTimer(change: TimerChange): void {
    this.#timers.push(change)
  }

  finish(...replies: readonly GroupReply[]): Decision {
    return {
      group: {
        groupId: this.groupId,
        state: this.state,
        stateSinceMs: this.stateSinceMs,
        generationId: this.generationId,
        protocolType: this.protocolType,
        protocolName: this.protocolName,
        leaderId: this.leaderId,
        members: this.#members,
        staticMembers: this.#staticMembers,
        pendingMembers: this.#pendingMembers,
        initialDelay: this.initialDelay,
        subscribedTopics: this.subscribedTopics,
      },
      replies: [...this.#replies, ...replies],
      timers: this.#timers,
      record: this.record,
    }
  }

  #dropMember(member: Member): void {
    this.#changedMembers ??= new Map(this.#members)
    this.#changedMembers.delete(member.memberId)
    this.#members = this.#changedMembers
    if (member.groupInstanceId === null) return
    this.#changedStaticMembers ??= new Map(this.#staticMembers)
    this.#changedStaticMembers.delete(member.groupInstanceId)
    this.#staticMembers = this.#changedStaticMembers
  }

  #failWaiting(member: Member, errorCode: ErrorCode, memberId: string): void {
    if (member.joinToken !== null) {
      this.replyJoin(member.joinToken, failedJoin(errorCode, memberId))
    }
    if (member.syncToken !== null) this.replySync(member.syncToken, failedSync(errorCode))
  }
}
