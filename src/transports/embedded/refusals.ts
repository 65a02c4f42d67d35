// Telling refusals of the broker from answers, and those that mean that somebody else has taken over.

import type { LocalRefusal } from '../../broker/local/local-refusal.ts'

export function isRefusal(answer: { readonly kind: string }): answer is LocalRefusal {
  return answer.kind === 'refused'
}

/** The member of these claims is not, or no longer, what it says. */
export function isFencedMember({ error }: LocalRefusal): boolean {
  return fencedMember.has(error)
}

const fencedMember: ReadonlySet<string> = new Set([
  'FENCED_MEMBER_EPOCH',
  'GROUP_ID_NOT_FOUND',
  'ILLEGAL_GENERATION',
  'STALE_MEMBER_EPOCH',
  'UNKNOWN_MEMBER_ID',
])

/** Another producer has the transactional id, or the broker gave up on this one's transaction. */
export function isFencedProducer({ error }: LocalRefusal): boolean {
  return fencedProducer.has(error)
}

const fencedProducer: ReadonlySet<string> = new Set([
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'PRODUCER_FENCED',
])
