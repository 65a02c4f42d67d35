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
  /** null when the assignment is of a protocol that we don't read (Kafka Connect, for one). */
  readonly assignment: readonly AssignedPartitions[] | null
}

export interface GroupDescription {
  readonly groupId: string
  /** `Stable`, `Empty`, ...; `Dead` when there is no such group. */
  readonly state: string
  readonly groupType: 'classic' | 'consumer'
  readonly protocolType: string
  /** What assigns partitions to members; empty when there are none. */
  readonly assignor: string
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
    coordinator: formatAddress(connection.address),
    members: group.members.map((member) => {
      const { memberId, groupInstanceId, clientId, clientHost, memberAssignment } = member
      const assignment = readAssignment(memberAssignment) ?? null
      return { memberId, groupInstanceId, clientId, clientHost, assignment }
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
    coordinator: formatAddress(connection.address),
    members: group.members.map((member) => {
      const { memberId, instanceId, clientId, clientHost } = member
      const assignment = member.assignment.topicPartitions.map(({ topicName, partitions }) => {
        return { topic: topicName, partitions }
      })
      return { memberId, groupInstanceId: instanceId, clientId, clientHost, assignment }
    }),
  }
}
