// The door of the room: what a heartbeat, a timer or a start means for a consumer group. Free of I/O:
// time, settings and topics come in as arguments; records, an answer and timers go out. The group
// itself takes on each record as it is decided.

import { ErrorCode } from '../../wire/error-codes.ts'
import { Change } from './change.ts'
import {
  type ConsumerGroup,
  type ConsumerMember,
  LEAVING_EPOCH,
  STATIC_LEAVING_EPOCH,
} from './consumer-group.ts'
import {
  acceptedReply,
  type HeartbeatOutcome,
  type HeartbeatReply,
  type HeartbeatRequest,
  type LeavingMember,
  type Outcome,
  type Surroundings,
} from './input.ts'
import { admit, leaveForAWhile, metadataOf, remove } from './members.ts'
import { reconcile } from './reconcile.ts'
import type { CurrentAssignment, MemberMetadata } from './records.ts'
import { refusalOf, refusalOfLeave } from './refusals.ts'
import { resolveRegexes, updateEpoch } from './subscription.ts'
import { subscribedTopicIds, updateTarget } from './target.ts'
import { isSameEpochs, isSamePartitions, listOf } from './topic-partitions.ts'

/** @param request one that is not malformed, with a member id */
export function heartbeat(
  group: ConsumerGroup,
  request: HeartbeatRequest,
  surroundings: Surroundings,
): HeartbeatOutcome {
  const isLeaving = [LEAVING_EPOCH, STATIC_LEAVING_EPOCH].includes(request.memberEpoch)
  const refusal = isLeaving
    ? refusalOfLeave(group, request)
    : refusalOf(group, request, surroundings)
  const change = new Change(group)
  if (refusal !== null) return { ...change.outcome(), reply: refusal }
  const reply = isLeaving
    ? leave(change, request, surroundings)
    : goOn(change, request, surroundings)
  return { ...change.outcome(), reply }
}

/** Nothing was heard of the member for too long. */
export function sessionExpired(
  group: ConsumerGroup,
  memberId: string,
  surroundings: Surroundings,
): Outcome {
  const change = new Change(group)
  if (group.members.has(memberId)) remove(change, [memberId], surroundings)
  return change.outcome()
}

/** The member has not given up what it had to. */
export function rebalanceExpired(
  group: ConsumerGroup,
  memberId: string,
  surroundings: Surroundings,
): Outcome {
  const change = new Change(group)
  if (group.members.get(memberId)?.state === 'unrevoked') {
    remove(change, [memberId], surroundings)
  }
  return change.outcome()
}

/** The group was read back: everybody has a fresh session, and what contradicts itself goes. */
export function loaded(group: ConsumerGroup, surroundings: Surroundings): Outcome {
  const change = new Change(group)
  if (group.disputed.size > 0) remove(change, [...group.disputed], surroundings)
  for (const member of group.members.values()) {
    change.startTimer('session', member.memberId, surroundings.settings.sessionTimeoutMs)
    if (member.state !== 'unrevoked' || member.memberEpoch < 0) continue
    change.startTimer('rebalance', member.memberId, member.rebalanceTimeoutMs)
  }
  return change.outcome()
}

/**
 * An operator puts members out, by their ids or instance ids. Source: KIP-345, KIP-848.
 * @returns one code for each, in their order
 */
export function putOut(
  group: ConsumerGroup,
  leaving: readonly LeavingMember[],
  surroundings: Surroundings,
): Outcome & { readonly errorCodes: readonly ErrorCode[] } {
  const change = new Change(group)
  const found = leaving.map((member) => findLeaving(group, member))
  const memberIds = new Set(found.filter((one) => typeof one === 'string'))
  if (memberIds.size > 0) remove(change, memberIds, surroundings)
  const errorCodes = found.map((one) => (typeof one === 'string' ? ErrorCode.NONE : one))
  return { ...change.outcome(), errorCodes }
}

/** Everything that is written of it goes. Only for a group without members. */
export function dissolve(group: ConsumerGroup): Outcome {
  const change = new Change(group)
  for (const memberId of [...group.targets.keys()]) {
    change.write({ kind: 'consumer-member-target', memberId, value: null })
  }
  change.write({ kind: 'consumer-target', value: null })
  for (const regex of [...group.regexes.keys()]) {
    change.write({ kind: 'consumer-regex', regex, value: null })
  }
  if (group.hasTopicsRecord) change.write({ kind: 'consumer-group-topics', value: null })
  change.write({ kind: 'consumer-group', value: null })
  return change.outcome()
}

function findLeaving(
  group: ConsumerGroup,
  { memberId, groupInstanceId }: LeavingMember,
): string | ErrorCode {
  const member =
    groupInstanceId === null ? group.members.get(memberId) : group.staticMember(groupInstanceId)
  if (member === undefined) return ErrorCode.UNKNOWN_MEMBER_ID
  const isNamed = groupInstanceId === null || memberId === ''
  return isNamed || memberId === member.memberId ? member.memberId : ErrorCode.FENCED_INSTANCE_ID
}

function leave(
  change: Change,
  { memberId, memberEpoch }: HeartbeatRequest,
  surroundings: Surroundings,
): HeartbeatReply {
  const member = change.group.members.get(memberId)!
  if (memberEpoch === STATIC_LEAVING_EPOCH) leaveForAWhile(change, member)
  else remove(change, [memberId], surroundings)
  return acceptedReply({ memberId, memberEpoch, heartbeatIntervalMs: 0, assignment: null })
}

function goOn(
  change: Change,
  request: HeartbeatRequest,
  surroundings: Surroundings,
): HeartbeatReply {
  const { memberId } = request
  const { settings } = surroundings
  const before = admit(change, request)
  const hasSubscriptionChanged = updateMember(change, before, request)
  const hasMatchChanged = resolveRegexes(change, surroundings)
  updateEpoch(change, surroundings, hasSubscriptionChanged || hasMatchChanged)
  updateTarget(change, surroundings)
  const after = updateAssignment(change, request, surroundings, hasSubscriptionChanged)
  change.startTimer('session', memberId, settings.sessionTimeoutMs)
  const mustTell =
    request.memberEpoch === 0 ||
    isFull(request) ||
    !isSamePartitions(before.assigned, after.assigned)
  return acceptedReply({
    memberId,
    memberEpoch: after.memberEpoch,
    heartbeatIntervalMs: settings.heartbeatIntervalMs,
    assignment: mustTell ? listOf(after.assigned) : null,
  })
}

/** @returns whether the member wants other topics than before */
function updateMember(change: Change, before: ConsumerMember, request: HeartbeatRequest): boolean {
  const { memberId, rebalanceTimeoutMs } = request
  const names = request.subscribedTopicNames
  const after: MemberMetadata = {
    instanceId: request.instanceId ?? before.instanceId,
    rackId: request.rackId ?? before.rackId,
    clientId: request.clientId,
    clientHost: request.clientHost,
    subscribedTopicNames: names === null ? before.subscribedTopicNames : [...new Set(names)].sort(),
    subscribedTopicRegex: request.subscribedTopicRegex ?? before.subscribedTopicRegex,
    rebalanceTimeoutMs: rebalanceTimeoutMs === -1 ? before.rebalanceTimeoutMs : rebalanceTimeoutMs,
    serverAssignor: request.serverAssignor ?? before.serverAssignor,
  }
  const hasSubscriptionChanged =
    after.subscribedTopicRegex !== before.subscribedTopicRegex ||
    !isSameList(after.subscribedTopicNames, before.subscribedTopicNames)
  const isKnown = change.group.members.has(memberId)
  if (hasSubscriptionChanged || !isKnown || !isSameMetadata(after, metadataOf(before))) {
    change.write({ kind: 'consumer-member', memberId, value: after })
  }
  return hasSubscriptionChanged
}

function updateAssignment(
  change: Change,
  request: HeartbeatRequest,
  { topics }: Surroundings,
  hasSubscriptionChanged: boolean,
): ConsumerMember {
  const { group } = change
  const { memberId, topicPartitions } = request
  const member = group.members.get(memberId)!
  const subscribed = lazily(() => new Set(subscribedTopicIds(group, member, topics)))
  const next = reconcile({
    member,
    targetEpoch: group.assignmentEpoch,
    target: group.targetOf(memberId),
    hasSubscriptionChanged,
    isSubscribed: (topicId) => subscribed().has(topicId),
    isFree: (topicId, partition) => {
      const owner = group.ownerOf(topicId, partition)
      return owner === undefined || owner === memberId
    },
    owned: topicPartitions,
  })
  if (next === member || isSameAssignment(next, member)) return member
  change.write({ kind: 'consumer-member-assignment', memberId, value: next })
  if (next.state === 'unrevoked') {
    change.startTimer('rebalance', memberId, member.rebalanceTimeoutMs)
  } else change.cancelTimer('rebalance', memberId)
  return group.members.get(memberId)!
}

/** A member that joins or starts anew says everything, and is told everything. */
function isFull(request: HeartbeatRequest): boolean {
  const { rebalanceTimeoutMs, subscribedTopicNames, subscribedTopicRegex } = request
  const isSubscribing = subscribedTopicNames !== null || subscribedTopicRegex !== null
  return rebalanceTimeoutMs !== -1 && isSubscribing && request.topicPartitions !== null
}

function isSameAssignment(a: CurrentAssignment, b: CurrentAssignment): boolean {
  return (
    a.memberEpoch === b.memberEpoch &&
    a.previousMemberEpoch === b.previousMemberEpoch &&
    a.state === b.state &&
    isSameEpochs(a.assigned, b.assigned) &&
    isSameEpochs(a.pendingRevocation, b.pendingRevocation)
  )
}

function isSameMetadata(a: MemberMetadata, b: MemberMetadata): boolean {
  return (
    a.instanceId === b.instanceId &&
    a.rackId === b.rackId &&
    a.clientId === b.clientId &&
    a.clientHost === b.clientHost &&
    a.rebalanceTimeoutMs === b.rebalanceTimeoutMs &&
    a.serverAssignor === b.serverAssignor
  )
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => b[index] === name)
}

function lazily<T>(make: () => T): () => T {
  let made: { value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
