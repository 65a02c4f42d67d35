// The door of the room: what an input means for a group. Pure: time, settings and new member ids
// come in as arguments, everything that follows goes out as data.
// Invariant: every token that came in is answered now or waits in exactly one member.

import { ErrorCode } from '../../wire/error-codes.ts'
import { sync, syncDeadline } from './assignment.ts'
import { Draft } from './draft.ts'
import { type Group, newGroup } from './group.ts'
import type { Decision, GroupInput, GroupReply, GroupSettings, JoinRequest } from './input.ts'
import { join, leave } from './membership.ts'
import { joinDeadline, prepareRebalance } from './rebalance.ts'
import { failedJoin, failedSync } from './replies.ts'
import { commit, heartbeat, sessionExpired } from './sessions.ts'

/**
 * @param group undefined when there is none of that id
 * @param nowMs calendar time, for the group's record; timers are asked for, not read
 */
export function decide(
  group: Group | undefined,
  input: GroupInput,
  settings: GroupSettings,
  nowMs: number,
): Decision {
  if (input.kind === 'join' && !isSessionWithinBounds(input, settings)) {
    return answerOnly(group, refuseJoin(input, ErrorCode.INVALID_SESSION_TIMEOUT))
  }
  if (group !== undefined) return decideExisting(new Draft(group, settings, nowMs), input)
  if (input.kind === 'join' && input.memberId === '') {
    return decideExisting(new Draft(newGroup(input.groupId, nowMs), settings, nowMs), input)
  }
  if (input.kind === 'commit' && input.generationId < 0) {
    return decideExisting(new Draft(newGroup(input.groupId, nowMs), settings, nowMs), input)
  }
  return answerOnly(undefined, ...answerWithoutGroup(input))
}

function decideExisting(draft: Draft, input: GroupInput): Decision {
  switch (input.kind) {
    case 'join':
      join(draft, input)
      return draft.finish()
    case 'sync':
      sync(draft, input)
      return draft.finish()
    case 'heartbeat':
      return draft.finish(plain(input.token, heartbeat(draft, input)))
    case 'leave': {
      const reply = leave(draft, input.members)
      return draft.finish({ kind: 'leave', token: input.token, reply })
    }
    case 'commit':
      return draft.finish(plain(input.token, commit(draft, input)))
    case 'delete':
      return deleteGroup(draft, input.token)
    case 'loaded':
      startAfterLoad(draft)
      return draft.finish()
    case 'session-expired':
      sessionExpired(draft, input.memberId)
      return draft.finish()
    case 'join-deadline':
      joinDeadline(draft)
      return draft.finish()
    case 'sync-deadline':
      syncDeadline(draft)
      return draft.finish()
  }
}

function isSessionWithinBounds(request: JoinRequest, settings: GroupSettings): boolean {
  return (
    request.sessionTimeoutMs >= settings.minSessionTimeoutMs &&
    request.sessionTimeoutMs <= settings.maxSessionTimeoutMs
  )
}

/** Members of a group that was deleted, or lost with an unwritten generation, start anew. */
function answerWithoutGroup(input: GroupInput): GroupReply[] {
  switch (input.kind) {
    case 'join':
      return [refuseJoin(input, ErrorCode.UNKNOWN_MEMBER_ID)]
    case 'sync': {
      const reply = failedSync(ErrorCode.UNKNOWN_MEMBER_ID)
      return [{ kind: 'sync', token: input.token, reply }]
    }
    case 'heartbeat':
      return [plain(input.token, ErrorCode.UNKNOWN_MEMBER_ID)]
    case 'leave': {
      const errorCode = ErrorCode.UNKNOWN_MEMBER_ID
      const members = input.members.map((member) => ({ ...member, errorCode }))
      return [{ kind: 'leave', token: input.token, reply: { errorCode: ErrorCode.NONE, members } }]
    }
    case 'commit': {
      const { GROUP_ID_NOT_FOUND, ILLEGAL_GENERATION } = ErrorCode
      const errorCode = input.knowsGroupIdNotFound ? GROUP_ID_NOT_FOUND : ILLEGAL_GENERATION
      return [plain(input.token, errorCode)]
    }
    case 'delete':
      return [plain(input.token, ErrorCode.GROUP_ID_NOT_FOUND)]
    case 'loaded':
    case 'session-expired':
    case 'join-deadline':
    case 'sync-deadline':
      return []
  }
}

function deleteGroup(draft: Draft, token: number): Decision {
  if (draft.state !== 'Empty') return draft.finish(plain(token, ErrorCode.NON_EMPTY_GROUP))
  for (const memberId of draft.pendingMembers) {
    draft.removeMember(memberId, ErrorCode.UNKNOWN_MEMBER_ID)
  }
  draft.record = 'tombstone'
  return { ...draft.finish(plain(token, ErrorCode.NONE)), group: undefined }
}

/** Members get a fresh session: the time without a broker is not theirs to answer for. */
function startAfterLoad(draft: Draft): void {
  for (const member of draft.members.values()) draft.startSession(member)
  // The limit was lowered meanwhile: a rebalance lets the last comers go.
  if (draft.members.size > draft.settings.maxMembers) prepareRebalance(draft)
}

function refuseJoin(request: JoinRequest, errorCode: ErrorCode): GroupReply {
  return { kind: 'join', token: request.token, reply: failedJoin(errorCode, request.memberId) }
}

function plain(token: number, errorCode: ErrorCode): GroupReply {
  return { kind: 'plain', token, errorCode }
}

function answerOnly(group: Group | undefined, ...replies: readonly GroupReply[]): Decision {
  return { group, replies, timers: [], record: 'none' }
}
