// May this sender commit or fetch offsets of the group? A member may commit with an epoch that is no
// longer its last one, for partitions that it has had in hand since.
// Source: KIP-848, KIP-1251; for transactions KIP-447.

import { ErrorCode } from '../../wire/error-codes.ts'
import { assignedSince, type ConsumerGroup } from './consumer-group.ts'

export interface CommitClaim {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly memberEpoch: number
  readonly isTransactional: boolean
  /** OffsetCommit v9 and up. */
  readonly knowsMemberEpochs: boolean
  readonly partitions: Iterable<{ readonly topicId: string; readonly partition: number }>
}

export function commitError(group: ConsumerGroup, claim: CommitClaim): ErrorCode {
  const { memberId, memberEpoch, isTransactional } = claim
  if (memberEpoch < 0 && group.members.size === 0) return ErrorCode.NONE
  if (isTransactional && isAnonymous(claim)) return ErrorCode.NONE
  const member = group.members.get(memberId)
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  if (!isTransactional && !claim.knowsMemberEpochs) return ErrorCode.UNSUPPORTED_VERSION
  if (memberEpoch === member.memberEpoch) return ErrorCode.NONE
  // Producers know the error of classic groups only.
  const { ILLEGAL_GENERATION, STALE_MEMBER_EPOCH } = ErrorCode
  const stale = isTransactional ? ILLEGAL_GENERATION : STALE_MEMBER_EPOCH
  if (memberEpoch > member.memberEpoch) return stale
  for (const { topicId, partition } of claim.partitions) {
    const sinceEpoch = assignedSince(member, topicId, partition)
    if (sinceEpoch === undefined || memberEpoch < sinceEpoch) return stale
  }
  return ErrorCode.NONE
}

/** @param memberId null from clients that are no members */
export function fetchError(
  group: ConsumerGroup,
  { memberId, memberEpoch }: { readonly memberId: string | null; readonly memberEpoch: number },
): ErrorCode {
  if (memberId === null && memberEpoch < 0) return ErrorCode.NONE
  const member = group.members.get(memberId ?? '')
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  return memberEpoch === member.memberEpoch ? ErrorCode.NONE : ErrorCode.STALE_MEMBER_EPOCH
}

/** KIP-447: before it, a transaction did not say which member it belongs to. */
function isAnonymous({ memberEpoch, memberId, groupInstanceId }: CommitClaim): boolean {
  return memberEpoch === -1 && memberId === '' && groupInstanceId === null
}
