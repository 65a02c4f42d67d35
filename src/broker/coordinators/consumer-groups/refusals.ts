// What a heartbeat is refused for, before it changes anything; null for one that is taken.
// Source: KIP-848; the order of the checks is Kafka's.

import { ErrorCode } from '../../wire/error-codes.ts'
import {
  type ConsumerGroup,
  type ConsumerMember,
  JOINING_EPOCH,
  LEAVING_EPOCH,
  newMember,
  STATIC_LEAVING_EPOCH,
} from './consumer-group.ts'
import { type HeartbeatReply, type HeartbeatRequest, refused, type Surroundings } from './input.ts'
import { hasPartition, type PartitionEpochs } from './topic-partitions.ts'

/** Is the request one that makes sense, whatever group it is for? */
export function malformed(
  request: HeartbeatRequest,
  { assignors, requiresMemberId }: { assignors: readonly string[]; requiresMemberId: boolean },
): HeartbeatReply | null {
  const { memberEpoch, serverAssignor } = request
  const isNamed = requiresMemberId || memberEpoch > 0 || memberEpoch === LEAVING_EPOCH
  if (isNamed && isBlank(request.memberId)) return invalid("MemberId can't be empty.")
  if (isBlank(request.groupId)) return invalid("GroupId can't be empty.")
  if (isBlank(request.instanceId)) return invalid("InstanceId can't be empty.")
  if (isBlank(request.rackId)) return invalid("RackId can't be empty.")
  if (memberEpoch === 0) {
    const reason = whatAJoinLacks(request)
    if (reason !== undefined) return invalid(reason)
  } else if (memberEpoch === STATIC_LEAVING_EPOCH) {
    if (request.instanceId === null) return invalid("InstanceId can't be null.")
  } else if (memberEpoch < STATIC_LEAVING_EPOCH) return invalid('MemberEpoch is invalid.')
  if (serverAssignor !== null && !assignors.includes(serverAssignor)) {
    const known = assignors.join(', ')
    const reason = `ServerAssignor ${serverAssignor} is not supported. Supported assignors: ${known}.`
    return refused(ErrorCode.UNSUPPORTED_ASSIGNOR, reason)
  }
  return null
}

function whatAJoinLacks(request: HeartbeatRequest): string | undefined {
  if (request.rebalanceTimeoutMs === -1) {
    return 'RebalanceTimeoutMs must be provided in first request.'
  }
  if (request.topicPartitions?.length !== 0) {
    return 'TopicPartitions must be empty when (re-)joining.'
  }
  if (request.subscribedTopicNames === null && request.subscribedTopicRegex === null) {
    return 'Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining.'
  }
  return undefined
}

/** May this member join, rejoin or go on? */
export function refusalOf(
  group: ConsumerGroup,
  request: HeartbeatRequest,
  { settings, resolved }: Surroundings,
): HeartbeatReply | null {
  const { memberId, instanceId, memberEpoch } = request
  const before = instanceId === null ? undefined : group.staticMember(instanceId)
  const isKnown = group.members.has(memberId) || before !== undefined
  if (!isKnown && group.members.size >= settings.maxMembers) {
    const most = settings.maxMembers
    const reason = `The consumer group has reached its maximum capacity of ${most} members.`
    return refused(ErrorCode.GROUP_MAX_SIZE_REACHED, reason)
  }
  const refusal =
    instanceId === null
      ? refusalOfDynamic(group, request)
      : refusalOfStatic({ ...request, instanceId }, before)
  if (refusal !== null) return refusal
  if (resolved.get(request.subscribedTopicRegex ?? '') === 'invalid') {
    const reason = `SubscribedTopicRegex \`${request.subscribedTopicRegex}\` is not a valid regular expression.`
    return refused(ErrorCode.INVALID_REGULAR_EXPRESSION, reason)
  }
  return memberEpoch >= 0 ? null : invalid('MemberEpoch is invalid.')
}

/** May this member leave? */
export function refusalOfLeave(
  group: ConsumerGroup,
  { memberId, instanceId }: HeartbeatRequest,
): HeartbeatReply | null {
  if (instanceId === null) {
    return group.members.has(memberId) ? null : unknownMember(group, memberId)
  }
  const member = group.staticMember(instanceId)
  return member === undefined ? unknownInstance(instanceId) : fencedBy(member, memberId, instanceId)
}

function refusalOfDynamic(group: ConsumerGroup, request: HeartbeatRequest): HeartbeatReply | null {
  const { memberId, memberEpoch } = request
  const member = group.members.get(memberId)
  if (member === undefined && memberEpoch !== 0) return unknownMember(group, memberId)
  return wrongEpoch(member ?? newMember(memberId), request)
}

function refusalOfStatic(
  request: HeartbeatRequest & { readonly instanceId: string },
  before: ConsumerMember | undefined,
): HeartbeatReply | null {
  const { memberId, instanceId, memberEpoch } = request
  if (memberEpoch === 0) {
    if (before === undefined || before.memberEpoch === STATIC_LEAVING_EPOCH) return null
    const reason = `Static member ${memberId} with instance id ${instanceId} cannot join the group because the instance id is owned by ${before.memberId} member.`
    return refused(ErrorCode.UNRELEASED_INSTANCE_ID, reason)
  }
  if (before === undefined) return unknownInstance(instanceId)
  return fencedBy(before, memberId, instanceId) ?? wrongEpoch(before, request)
}

/**
 * A member may come with its last epoch but one, and no more than it has: it may have missed the
 * answer that gave it the last one. One that was fenced comes back with 0, whatever it had (KIP-848):
 * it has let go of everything.
 */
function wrongEpoch(member: ConsumerMember, request: HeartbeatRequest): HeartbeatReply | null {
  const { memberEpoch } = request
  if (memberEpoch === JOINING_EPOCH || memberEpoch === member.memberEpoch) return null
  const isRetry = memberEpoch === member.previousMemberEpoch && holdsOnly(request, member.assigned)
  if (memberEpoch < member.memberEpoch && isRetry) return null
  const which = memberEpoch > member.memberEpoch ? 'greater' : 'smaller'
  const reason = `The consumer group member has a ${which} member epoch (${memberEpoch}) than the one known by the group coordinator (${member.memberEpoch}). The member must abandon all its partitions and rejoin.`
  return refused(ErrorCode.FENCED_MEMBER_EPOCH, reason)
}

function holdsOnly({ topicPartitions }: HeartbeatRequest, assigned: PartitionEpochs): boolean {
  if (topicPartitions === null) return false
  return topicPartitions.every(({ topicId, partitions }) =>
    partitions.every((partition) => hasPartition(assigned, topicId, partition)),
  )
}

function unknownMember({ groupId }: ConsumerGroup, memberId: string): HeartbeatReply {
  const reason = `Member ${memberId} is not a member of group ${groupId}.`
  return refused(ErrorCode.UNKNOWN_MEMBER_ID, reason)
}

function unknownInstance(instanceId: string): HeartbeatReply {
  return refused(ErrorCode.UNKNOWN_MEMBER_ID, `Instance id ${instanceId} is unknown.`)
}

function fencedBy(
  member: ConsumerMember,
  memberId: string,
  instanceId: string,
): HeartbeatReply | null {
  if (member.memberId === memberId) return null
  const reason = `Static member ${memberId} with instance id ${instanceId} was fenced by member ${member.memberId}.`
  return refused(ErrorCode.FENCED_INSTANCE_ID, reason)
}

function invalid(reason: string): HeartbeatReply {
  return refused(ErrorCode.INVALID_REQUEST, reason)
}

function isBlank(text: string | null): boolean {
  return text !== null && text.trim() === ''
}
