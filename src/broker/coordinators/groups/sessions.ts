// Life signs: a heartbeat or a commit begins the member's session anew, a session that runs out
// takes the member out. A member whose request waits here is alive by definition, unless it is new:
// its client may be gone without a trace.

import { ErrorCode } from '../../wire/error-codes.ts'
import type { Draft } from './draft.ts'
import type { MemberClaim } from './input.ts'
import { claimError, goOnWithout } from './membership.ts'

type CommitClaim = MemberClaim & { readonly isTransactional?: boolean }

export function heartbeat(draft: Draft, claim: MemberClaim): ErrorCode {
  const claimed = claimError(draft, claim)
  if (claimed !== ErrorCode.NONE) return claimed
  if (claim.generationId !== draft.generationId) return ErrorCode.ILLEGAL_GENERATION
  draft.startSession(draft.member(claim.memberId))
  return draft.state === 'PreparingRebalance' ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE
}

export function sessionExpired(draft: Draft, memberId: string): void {
  const member = draft.members.get(memberId)
  const isWaiting = member !== undefined && (member.joinToken ?? member.syncToken) !== null
  if (isWaiting && !member.isNew) return
  const membersBefore = draft.members.size
  draft.removeMember(memberId, ErrorCode.UNKNOWN_MEMBER_ID)
  goOnWithout(draft, membersBefore)
}

/** May this sender commit now? Its session begins anew if it may. Source: kafka.md rule 33. */
export function commit(draft: Draft, claim: CommitClaim): ErrorCode {
  const errorCode = commitError(draft, claim)
  const isLifeSign = draft.state === 'Stable' || draft.state === 'PreparingRebalance'
  const member = draft.members.get(claim.memberId)
  if (errorCode === ErrorCode.NONE && isLifeSign && member !== undefined) draft.startSession(member)
  return errorCode
}

/**
 * A commit without generation comes from a client that assigns its partitions itself, or from an
 * operator: it is taken only while the group has no members.
 */
function commitError(draft: Draft, claim: CommitClaim): ErrorCode {
  if (claim.generationId < 0 && draft.state === 'Empty') return ErrorCode.NONE
  if (claim.isTransactional === true && isAnonymous(claim)) return ErrorCode.NONE
  const claimed = claimError(draft, claim)
  if (claimed !== ErrorCode.NONE) return claimed
  if (claim.generationId !== draft.generationId) return ErrorCode.ILLEGAL_GENERATION
  // Partitions have changed hands on paper but not yet in fact.
  const isBetween = draft.state === 'CompletingRebalance' && claim.isTransactional !== true
  return isBetween ? ErrorCode.REBALANCE_IN_PROGRESS : ErrorCode.NONE
}

/** KIP-447: before it, a transaction did not say which member it belongs to. */
function isAnonymous({ generationId, memberId, groupInstanceId }: MemberClaim): boolean {
  return generationId < 0 && memberId === '' && groupInstanceId === null
}
