// Who is in a group and what each member reads. Classic groups and those of the newer protocol are
// described by two APIs; the caller doesn't see which.
// Source: KIP-848 (groups of type "consumer"), KIP-1043 (a missing group is an error).

import { describeGroups } from '../../broker/protocol/15-describe-groups.ts'
import { consumerGroupDescribe } from '../../broker/protocol/69-consumer-group-describe.ts'
import { ErrorCode } from '../../broker/wire/error-codes.ts'
import { formatAddress } from './address.ts'
import { type AssignedPartitions, readAssignment } from './assignment.ts'
import { assertAccepted } from './client-error.ts'
import type { Cluster } from './cluster.ts'
import type { Connection } from './connection.ts'

export interface GroupMember {
  readonly memberId: string
  /** null unless the member is static (KIP-345). */
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** null in a classic group. */
  readonly memberEpoch: number | null
  /** What it has in hand. null when it is of a protocol that we don't read (Kafka Connect, for one). */
  readonly assignment: readonly AssignedPartitions[] | null
  /** What it is to have, once others have given it up; null in a classic group. */
  readonly target: readonly AssignedPartitions[] | null
}

export interface GroupDescription {
  readonly groupId: string
  /** `Stable`, `Empty`, ...; `Dead` when there is no such group. */
  readonly state: string
  readonly groupType: 'classic' | 'consumer'
  readonly protocolType: string
  /** What assigns partitions to members; empty when there are none. */
  readonly assignor: string
  /** Moves with every change of members, subscriptions or topics; null in a classic group. */
  readonly groupEpoch: number | null
  /** The group epoch that the targets are of; null in a classic group. */
  readonly assignmentEpoch: number | null
  readonly coordinator: string
  readonly members: readonly GroupMember[]
}

/** A group that doesn't exist is in state `Dead`, without members. */
export async function describeGroup(cluster: Cluster, groupId: string): Promise<GroupDescription> {
  return cluster.retrying(async () => {
    const connection = await cluster.coordinator(groupId)
    const classic = await describeClassic(connection, groupId)
    if (classic.state !== 'Dead' || !connection.serves(consumerGroupDescribe)) return classic
    return (await describeConsumer(connection, groupId)) ?? classic
  })
}

async function describeClassic(connection: Connection, groupId: string): Promise<GroupDescription> {
  const { groups } = await connection.request(describeGroups, {
    groups: [groupId],
    includeAuthorizedOperations: false,
  })
  const group = groups[0]!
  const isMissing = group.errorCode === ErrorCode.GROUP_ID_NOT_FOUND
  if (!isMissing) assertAccepted(group.errorCode, `Group ${groupId}`, group.errorMessage)
  return {
    groupId,
    state: isMissing ? 'Dead' : group.groupState,
    groupType: 'classic',
    protocolType: group.protocolType,
    assignor: group.protocolData,
    groupEpoch: null,
    assignmentEpoch: null,
    coordinator: formatAddress(connection.address),
    members: group.members.map((member) => {
      const { memberId, groupInstanceId, clientId, clientHost, memberAssignment } = member
      const who = { memberId, groupInstanceId, clientId, clientHost }
      const assignment = readAssignment(memberAssignment) ?? null
      return { ...who, memberEpoch: null, assignment, target: null }
    }),
  }
}

/** undefined when it is no group of that type either. */
async function describeConsumer(
  connection: Connection,
  groupId: string,
): Promise<GroupDescription | undefined> {
  const { groups } = await connection.request(consumerGroupDescribe, {
    groupIds: [groupId],
    includeAuthorizedOperations: false,
  })
  const group = groups[0]!
  if (group.errorCode === ErrorCode.GROUP_ID_NOT_FOUND) return undefined
  assertAccepted(group.errorCode, `Group ${groupId}`, group.errorMessage)
  return {
    groupId,
    state: group.groupState,
    groupType: 'consumer',
    protocolType: 'consumer',
    assignor: group.assignorName,
    groupEpoch: group.groupEpoch,
    assignmentEpoch: group.assignmentEpoch,
    coordinator: formatAddress(connection.address),
    members: group.members.map((member) => {
      const { memberId, instanceId, clientId, clientHost, memberEpoch } = member
      const who = { memberId, groupInstanceId: instanceId, clientId, clientHost }
      const assignment = byTopicName(member.assignment.topicPartitions)
      const target = byTopicName(member.targetAssignment.topicPartitions)
      return { ...who, memberEpoch, assignment, target }
    }),
  }
}

function byTopicName(
  list: readonly { readonly topicName: string; readonly partitions: readonly number[] }[],
): AssignedPartitions[] {
  return list
    .map(({ topicName, partitions }) => ({
      topic: topicName,
      partitions: [...partitions].sort((a, b) => a - b),
    }))
    .sort((a, b) => (a.topic < b.topic ? -1 : 1))
}
