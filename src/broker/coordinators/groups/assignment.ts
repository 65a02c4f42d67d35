// SyncGroup: members wait for the leader's assignment, which makes the generation stable and is
// the one thing of a generation that is written. A member that joined but never asks for its
// assignment is dropped when the rebalance timeout is over.

import { ErrorCode } from '../../wire/error-codes.ts'
import type { Draft } from './draft.ts'
import { NO_ASSIGNMENT } from './group.ts'
import type { SyncRequest } from './input.ts'
import { claimError } from './membership.ts'
import { prepareRebalance } from './rebalance.ts'
import { failedSync, synced } from './replies.ts'

export function sync(draft: Draft, request: SyncRequest): void {
  const errorCode = syncError(draft, request)
  if (errorCode !== ErrorCode.NONE) {
    draft.replySync(request.token, failedSync(errorCode))
    return
  }
  const member = draft.member(request.memberId)
  if (draft.state === 'Stable') {
    draft.putMember({ ...member, hasSynced: true })
    draft.replySync(request.token, synced(draft, member))
  } else {
    draft.parkSync(member, request.token)
    if (draft.leaderId === member.memberId) assign(draft, request.assignments)
  }
  if (haveAllSynced(draft)) draft.startTimer({ timer: 'sync', afterMs: null })
}

/** Members that did not come for their assignment in time leave, and the others rebalance. */
export function syncDeadline(draft: Draft): void {
  if (draft.state !== 'CompletingRebalance' && draft.state !== 'Stable') return
  const late = [...draft.members.values()].filter((member) => !member.hasSynced)
  if (late.length === 0) return
  for (const { memberId } of late) draft.removeMember(memberId, ErrorCode.UNKNOWN_MEMBER_ID)
  prepareRebalance(draft)
}

function syncError(draft: Draft, request: SyncRequest): ErrorCode {
  const { protocolType, protocolName } = request
  const claimed = claimError(draft, request)
  if (claimed !== ErrorCode.NONE) return claimed
  if (request.generationId !== draft.generationId) return ErrorCode.ILLEGAL_GENERATION
  const isOtherType = protocolType !== null && protocolType !== draft.protocolType
  const isOtherName =
    protocolName !== null && draft.protocolName !== null && protocolName !== draft.protocolName
  if (isOtherType || isOtherName) return ErrorCode.INCONSISTENT_GROUP_PROTOCOL
  if (draft.state === 'PreparingRebalance') return ErrorCode.REBALANCE_IN_PROGRESS
  return ErrorCode.NONE
}

/** A member that the leader forgot gets an empty assignment. */
function assign(draft: Draft, assignments: SyncRequest['assignments']): void {
  const byMember = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]))
  for (const member of draft.members.values()) {
    const assignment = byMember.get(member.memberId) ?? NO_ASSIGNMENT
    const assigned = { ...member, assignment, syncToken: null }
    draft.putMember(assigned)
    if (member.syncToken === null) continue
    draft.replySync(member.syncToken, synced(draft, assigned))
    // A session that ran out while the member waited was let go: begin a new one.
    draft.startSession(member)
  }
  draft.moveTo('Stable')
  draft.record = 'group'
}

function haveAllSynced(draft: Draft): boolean {
  for (const member of draft.members.values()) if (!member.hasSynced) return false
  return true
}
