// Who is in the group: joins of newcomers, of members that come back and of those that were given
// an id to come back with; leaving; and whether a request comes from who it says.
// Source: KIP-345 (static members), KIP-394 (member id required), KIP-389 (group.max.size).

import { ErrorCode } from '../../wire/error-codes.ts'
import type { Draft } from './draft.ts'
import { type Member, NO_ASSIGNMENT } from './group.ts'
import type { JoinReply, JoinRequest, LeaveReply, LeavingMember } from './input.ts'
import { sameProtocols, suitsEveryMember } from './protocol-vote.ts'
import { completeJoinIfAllCame, rebalance } from './rebalance.ts'
import { failedJoin, joined } from './replies.ts'
import { rejoinStaticMember } from './static-members.ts'

/** A new member's JoinGroup waits this long before it is taken for abandoned, as in Kafka. */
const NEW_MEMBER_JOIN_TIMEOUT_MS = 300_000

/** Is the sender a member, and the current holder of its instance id? */
export function claimError(
  draft: Draft,
  claim: { readonly memberId: string; readonly groupInstanceId: string | null },
): ErrorCode {
  if (claim.groupInstanceId !== null) {
    const holder = draft.staticMembers.get(claim.groupInstanceId)
    if (holder === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    if (holder !== claim.memberId) return ErrorCode.FENCED_INSTANCE_ID
  }
  return draft.members.has(claim.memberId) ? ErrorCode.NONE : ErrorCode.UNKNOWN_MEMBER_ID
}

export function join(draft: Draft, request: JoinRequest): void {
  const refusal = joinRefusal(draft, request)
  if (refusal !== undefined) draft.replyJoin(request.token, refusal)
  else if (request.memberId === '') joinNewcomer(draft, request)
  else if (draft.pendingMembers.has(request.memberId)) addMember(draft, request, request.memberId)
  else rejoin(draft, request)
}

export function leave(draft: Draft, leaving: readonly LeavingMember[]): LeaveReply {
  const membersBefore = draft.members.size
  const members = leaving.map(({ memberId, groupInstanceId }) => ({
    memberId,
    groupInstanceId,
    errorCode: leaveOne(draft, { memberId, groupInstanceId }),
  }))
  goOnWithout(draft, membersBefore)
  return { errorCode: ErrorCode.NONE, members }
}

/** Members failed or left: the others rebalance. A pending one is only missed by a rebalance. */
export function goOnWithout(draft: Draft, membersBefore: number): void {
  if (draft.state === 'PreparingRebalance') completeJoinIfAllCame(draft)
  else if (draft.members.size < membersBefore) rebalance(draft)
}

function joinRefusal(draft: Draft, request: JoinRequest): JoinReply | undefined {
  const { memberId, protocolType, protocols } = request
  if (!hasRoomFor(draft, request)) {
    draft.removeMember(memberId, ErrorCode.GROUP_MAX_SIZE_REACHED)
    completeJoinIfAllCame(draft)
    return failedJoin(ErrorCode.GROUP_MAX_SIZE_REACHED, '')
  }
  if (!suitsEveryMember(draft, protocolType, protocols)) {
    return failedJoin(ErrorCode.INCONSISTENT_GROUP_PROTOCOL, memberId)
  }
  if (memberId === '') return undefined
  const isPending = draft.pendingMembers.has(memberId)
  if (isPending && request.groupInstanceId === null) return undefined
  const errorCode = isPending ? ErrorCode.UNKNOWN_MEMBER_ID : claimError(draft, request)
  return errorCode === ErrorCode.NONE ? undefined : failedJoin(errorCode, memberId)
}

/**
 * During a rebalance only those that have rejoined count, so that a group that is too large (the
 * limit was lowered) loses its last comers.
 */
function hasRoomFor(draft: Draft, { memberId, groupInstanceId }: JoinRequest): boolean {
  const { maxMembers } = draft.settings
  // A restarted static member takes its own place.
  if (groupInstanceId !== null && draft.staticMembers.has(groupInstanceId)) return true
  if (memberId === '' && draft.pendingMembers.size >= maxMembers) return false
  if (draft.state === 'Empty') return true
  const member = draft.members.get(memberId)
  if (draft.state !== 'PreparingRebalance') {
    return member !== undefined || draft.members.size < maxMembers
  }
  if (member !== undefined && member.joinToken !== null) return true
  return countJoined(draft) < maxMembers
}

function countJoined(draft: Draft): number {
  let count = 0
  for (const member of draft.members.values()) if (member.joinToken !== null) count += 1
  return count
}

function joinNewcomer(draft: Draft, request: JoinRequest): void {
  const { groupInstanceId, newMemberId } = request
  if (groupInstanceId !== null) {
    const oldMemberId = draft.staticMembers.get(groupInstanceId)
    if (oldMemberId === undefined) addMember(draft, request, newMemberId)
    else rejoinStaticMember(draft, request, draft.member(oldMemberId))
    return
  }
  if (!request.requiresMemberId) {
    addMember(draft, request, newMemberId)
    return
  }
  draft.addPending(newMemberId)
  draft.startSession({ memberId: newMemberId, sessionTimeoutMs: request.sessionTimeoutMs })
  draft.replyJoin(request.token, failedJoin(ErrorCode.MEMBER_ID_REQUIRED, newMemberId))
}

function addMember(draft: Draft, request: JoinRequest, memberId: string): void {
  draft.removePending(memberId)
  if (draft.members.size === 0) draft.protocolType = request.protocolType
  if (draft.initialDelay !== null)
    draft.initialDelay = { ...draft.initialDelay, hasNewMember: true }
  draft.leaderId ??= memberId
  const member: Member = {
    memberId,
    groupInstanceId: request.groupInstanceId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    rebalanceTimeoutMs: request.rebalanceTimeoutMs,
    sessionTimeoutMs: request.sessionTimeoutMs,
    protocols: request.protocols,
    assignment: NO_ASSIGNMENT,
    joinToken: null,
    syncToken: null,
    isNew: true,
    hasSynced: false,
  }
  draft.parkJoin(member, request.token)
  draft.startSession({ memberId, sessionTimeoutMs: NEW_MEMBER_JOIN_TIMEOUT_MS })
  rebalance(draft)
}

function rejoin(draft: Draft, request: JoinRequest): void {
  const member = draft.member(request.memberId)
  const isSame = sameProtocols(member.protocols, request.protocols)
  // The leader's rejoin in a stable group asks for new assignments: it saw topics change.
  const mayKeepGeneration =
    draft.state === 'CompletingRebalance' ||
    (draft.state === 'Stable' && draft.leaderId !== member.memberId)
  if (isSame && mayKeepGeneration) {
    draft.replyJoin(request.token, joined(draft, member.memberId))
    return
  }
  const { protocols, rebalanceTimeoutMs, sessionTimeoutMs } = request
  draft.parkJoin({ ...member, protocols, rebalanceTimeoutMs, sessionTimeoutMs }, request.token)
  rebalance(draft)
}

/** KIP-345: an operator names only the instance. */
function leaveOne(draft: Draft, leaving: LeavingMember): ErrorCode {
  const { groupInstanceId } = leaving
  if (leaving.memberId === '') {
    const holder = groupInstanceId === null ? undefined : draft.staticMembers.get(groupInstanceId)
    if (holder === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
    draft.removeMember(holder, ErrorCode.UNKNOWN_MEMBER_ID)
    return ErrorCode.NONE
  }
  const isPending = draft.pendingMembers.has(leaving.memberId)
  const errorCode = isPending ? ErrorCode.NONE : claimError(draft, leaving)
  if (errorCode === ErrorCode.NONE) {
    draft.removeMember(leaving.memberId, ErrorCode.UNKNOWN_MEMBER_ID)
  }
  return errorCode
}
