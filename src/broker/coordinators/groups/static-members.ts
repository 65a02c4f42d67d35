// A static member that restarts: it comes without a member id but with the instance id it had, and
// goes on in its own place under a new member id. A stable group doesn't rebalance for it as long as
// the protocol stays; whoever still uses the old member id is fenced.
// Source: KIP-345; KIP-814 (a leader that restarted keeps its members' assignments).

import type { Draft } from './draft.ts'
import type { Member } from './group.ts'
import type { JoinReply, JoinRequest } from './input.ts'
import { voteProtocol } from './protocol-vote.ts'
import { completeJoinIfAllCame, prepareRebalance } from './rebalance.ts'
import { joined } from './replies.ts'

export function rejoinStaticMember(draft: Draft, request: JoinRequest, old: Member): void {
  const { newMemberId, protocols, rebalanceTimeoutMs, sessionTimeoutMs } = request
  const formerLeaderId = draft.leaderId
  draft.renameStaticMember(old, newMemberId)
  const member = { ...draft.member(newMemberId), protocols, rebalanceTimeoutMs, sessionTimeoutMs }
  draft.putMember(member)
  draft.startSession(member)

  if (draft.state === 'Stable' && voteProtocol(draft.members) === draft.protocolName) {
    draft.record = 'group'
    draft.replyJoin(request.token, keepGeneration(draft, request, formerLeaderId))
    return
  }
  draft.parkJoin(member, request.token)
  if (draft.state === 'PreparingRebalance') completeJoinIfAllCame(draft)
  // The leader may be assigning to the old member id at this moment.
  else prepareRebalance(draft)
}

/**
 * Before v9 a leader couldn't be told to skip assigning. It is told its *old* id as the leader's:
 * it takes itself for a follower and asks for the assignment that is there.
 */
function keepGeneration(
  draft: Draft,
  request: JoinRequest,
  formerLeaderId: string | null,
): JoinReply {
  const reply = joined(draft, request.newMemberId)
  if (request.maySkipAssignment) {
    return { ...reply, skipAssignment: draft.leaderId === request.newMemberId }
  }
  return { ...reply, leader: formerLeaderId ?? '', members: [] }
}
