// One step of a member from what it has towards its target: give up first, and take only what nobody
// has in hand. Pure. Source: KIP-848 (member epochs and states), KIP-1251 (epochs of partitions).
//
//              all given up, or nothing to give up
//   unrevoked ------------------------------------+--> stable       has all of its target
//       ^                                         +--> unreleased   others still hold some of it
//       +---- the target takes something away ----- stable, unreleased

import { type ConsumerMember, isReconciled } from './consumer-group.ts'
import type { CurrentAssignment } from './records.ts'
import {
  hasPartition,
  isSamePartitions,
  type PartitionEpochs,
  type TopicPartitionList,
  type TopicPartitions,
} from './topic-partitions.ts'

export interface ReconcileInput {
  readonly member: ConsumerMember
  readonly targetEpoch: number
  readonly target: TopicPartitions
  /** Its subscription is another one since this heartbeat. */
  readonly hasSubscriptionChanged: boolean
  isSubscribed(topicId: string): boolean
  /** Nobody else has it in hand. */
  isFree(topicId: string, partition: number): boolean
  /** What the member says it has in hand; null when it does not say. */
  readonly owned: TopicPartitionList | null
}

/** @returns what the member has from now on: the same object when nothing changes */
export function reconcile(input: ReconcileInput): CurrentAssignment {
  const { member, targetEpoch, hasSubscriptionChanged } = input
  switch (member.state) {
    case 'stable':
      if (!isReconciled(member, targetEpoch)) return nextAssignment(input, member.memberEpoch)
      return hasSubscriptionChanged ? withoutUnsubscribed(input) : member
    case 'unrevoked':
      if (stillHolds(input.owned, member.pendingRevocation)) {
        return hasSubscriptionChanged ? withoutUnsubscribed(input) : member
      }
      // A subscription that changed may have begun this before there was a new target.
      return nextAssignment(input, Math.min(member.memberEpoch + 1, targetEpoch))
    case 'unreleased':
      return nextAssignment(input, member.memberEpoch)
  }
}

function nextAssignment(input: ReconcileInput, memberEpoch: number): CurrentAssignment {
  const { member, target, targetEpoch, isSubscribed, isFree } = input
  const assigned = new Map<string, Map<number, number>>()
  const revoked = new Map<string, Map<number, number>>()
  const added: [topicId: string, partitions: number[]][] = []
  let mustWait = false
  for (const topicId of new Set([...target.keys(), ...member.assigned.keys()])) {
    const wanted = new Set(isSubscribed(topicId) ? target.get(topicId) : [])
    for (const [partition, epoch] of member.assigned.get(topicId) ?? []) {
      put(wanted.has(partition) ? assigned : revoked, topicId, partition, epoch)
      wanted.delete(partition)
    }
    const free = [...wanted].filter((partition) => isFree(topicId, partition))
    if (free.length < wanted.size) mustWait = true
    if (free.length > 0) added.push([topicId, free])
  }
  const previousMemberEpoch = member.memberEpoch
  if (stillHolds(input.owned, revoked)) {
    const pendingRevocation = revoked
    return { state: 'unrevoked', memberEpoch, previousMemberEpoch, assigned, pendingRevocation }
  }
  for (const [topicId, partitions] of added) {
    for (const partition of partitions) put(assigned, topicId, partition, targetEpoch)
    sort(assigned, topicId)
  }
  return {
    state: mustWait ? 'unreleased' : 'stable',
    memberEpoch: targetEpoch,
    previousMemberEpoch,
    assigned,
    pendingRevocation: NOTHING,
  }
}

/** Before there is a new target the member gives up what it no longer subscribes to. */
function withoutUnsubscribed({ member, owned, isSubscribed }: ReconcileInput): CurrentAssignment {
  const assigned = new Map<string, ReadonlyMap<number, number>>()
  const pendingRevocation = new Map(member.pendingRevocation)
  for (const [topicId, partitions] of member.assigned) {
    if (isSubscribed(topicId)) assigned.set(topicId, partitions)
    else {
      const pending = pendingRevocation.get(topicId) ?? []
      pendingRevocation.set(topicId, new Map([...pending, ...partitions]))
    }
  }
  if (isSamePartitions(assigned, member.assigned)) return member
  const { memberEpoch, previousMemberEpoch, state } = member
  if (!stillHolds(owned, pendingRevocation)) {
    const { pendingRevocation: unchanged } = member
    return { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation: unchanged }
  }
  return { memberEpoch, previousMemberEpoch, state: 'unrevoked', assigned, pendingRevocation }
}

const NOTHING: PartitionEpochs = new Map()

/** A member that does not say what it holds is taken to hold all. */
function stillHolds(owned: TopicPartitionList | null, revoked: PartitionEpochs): boolean {
  if (revoked.size === 0) return false
  if (owned === null) return true
  return owned.some(({ topicId, partitions }) =>
    partitions.some((partition) => hasPartition(revoked, topicId, partition)),
  )
}

function put(
  epochs: Map<string, Map<number, number>>,
  topicId: string,
  partition: number,
  epoch: number,
): void {
  const partitions = epochs.get(topicId)
  if (partitions === undefined) epochs.set(topicId, new Map([[partition, epoch]]))
  else partitions.set(partition, epoch)
}

function sort(epochs: Map<string, Map<number, number>>, topicId: string): void {
  const partitions = [...(epochs.get(topicId) ?? [])].sort(([a], [b]) => a - b)
  epochs.set(topicId, new Map(partitions))
}
