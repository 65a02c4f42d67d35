// Who comes into a group and who goes: dynamic members by their id, static ones by their instance id,
// which a new member may take over once the old one has said that it leaves for a while.
// Source: KIP-848, KIP-345.

import type { Change } from './change.ts'
import { type ConsumerMember, newMember, STATIC_LEAVING_EPOCH } from './consumer-group.ts'
import type { HeartbeatRequest, Surroundings } from './input.ts'
import type { CurrentAssignment, MemberMetadata } from './records.ts'
import { resolveRegexes, updateEpoch } from './subscription.ts'
import type { PartitionEpochs } from './topic-partitions.ts'

/** The member as it was before this heartbeat, in the place of the one that it replaces. */
export function admit(change: Change, { memberId, instanceId }: HeartbeatRequest): ConsumerMember {
  const { group } = change
  const before = instanceId === null ? undefined : group.staticMember(instanceId)
  if (before === undefined || before.memberId === memberId) {
    return group.members.get(memberId) ?? newMember(memberId)
  }
  return replace(change, before, memberId)
}

/** Puts members out; the others share what they had. */
export function remove(
  change: Change,
  memberIds: Iterable<string>,
  surroundings: Surroundings,
): void {
  for (const memberId of memberIds) {
    writeTombstones(change, memberId)
    change.cancelTimer('session', memberId)
    change.cancelTimer('rebalance', memberId)
  }
  resolveRegexes(change, surroundings)
  updateEpoch(change, surroundings, true)
}

/** A static member leaves for a while: what it has waits for it, until its session is over. */
export function leaveForAWhile(change: Change, member: ConsumerMember): void {
  const value: CurrentAssignment = {
    ...assignmentOf(member),
    memberEpoch: STATIC_LEAVING_EPOCH,
    assigned: sinceEver(member.assigned),
    pendingRevocation: new Map(),
  }
  change.write({ kind: 'consumer-member-assignment', memberId: member.memberId, value })
  change.cancelTimer('rebalance', member.memberId)
}

export function metadataOf(member: ConsumerMember): MemberMetadata {
  const { instanceId, rackId, clientId, clientHost } = member
  const { subscribedTopicNames, subscribedTopicRegex, rebalanceTimeoutMs, serverAssignor } = member
  return {
    instanceId,
    rackId,
    clientId,
    clientHost,
    subscribedTopicNames,
    subscribedTopicRegex,
    rebalanceTimeoutMs,
    serverAssignor,
  }
}

export function assignmentOf(member: ConsumerMember): CurrentAssignment {
  const { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation } = member
  return { memberEpoch, previousMemberEpoch, state, assigned, pendingRevocation }
}

/** Whoever takes the place begins with an epoch of its own. */
function sinceEver(assigned: PartitionEpochs): PartitionEpochs {
  return new Map(
    [...assigned].map(([topicId, partitions]) => {
      return [topicId, new Map([...partitions.keys()].map((partition) => [partition, 0]))]
    }),
  )
}

function replace(change: Change, before: ConsumerMember, memberId: string): ConsumerMember {
  const { group } = change
  const target = group.targets.get(before.memberId)
  writeTombstones(change, before.memberId)
  change.cancelTimer('session', before.memberId)
  change.cancelTimer('rebalance', before.memberId)
  change.write({ kind: 'consumer-member', memberId, value: metadataOf(before) })
  if (target !== undefined) {
    change.write({ kind: 'consumer-member-target', memberId, value: target })
  }
  const value = { ...assignmentOf(before), memberEpoch: 0, previousMemberEpoch: 0 }
  change.write({ kind: 'consumer-member-assignment', memberId, value })
  return group.members.get(memberId)!
}

function writeTombstones(change: Change, memberId: string): void {
  change.write({ kind: 'consumer-member-assignment', memberId, value: null })
  if (change.group.targets.has(memberId)) {
    change.write({ kind: 'consumer-member-target', memberId, value: null })
  }
  change.write({ kind: 'consumer-member', memberId, value: null })
}
