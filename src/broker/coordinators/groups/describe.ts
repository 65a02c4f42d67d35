// What operators see of a group, in the words of DescribeGroups and ListGroups.

import type { ConsumerGroup } from '../consumer-groups/consumer-group.ts'
import { CONSUMER_PROTOCOL_TYPE, type Group } from './group.ts'
import { metadataFor } from './protocol-vote.ts'

export interface GroupDescription {
  readonly groupState: string
  readonly protocolType: string
  /** The protocol in use; '' unless the group is stable. */
  readonly protocolData: string
  readonly members: readonly {
    readonly memberId: string
    readonly groupInstanceId: string | null
    readonly clientId: string
    readonly clientHost: string
    readonly memberMetadata: Buffer
    readonly memberAssignment: Buffer
  }[]
}

/** What a group that does not exist is called. */
export const DEAD_GROUP: GroupDescription = {
  groupState: 'Dead',
  protocolType: '',
  protocolData: '',
  members: [],
}

export function describeGroup(group: Group): GroupDescription {
  const protocolName = group.state === 'Stable' ? group.protocolName : null
  return {
    groupState: group.state,
    protocolType: group.protocolType ?? '',
    protocolData: protocolName ?? '',
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      memberMetadata: metadataFor(member, protocolName),
      memberAssignment: member.assignment,
    })),
  }
}

export interface GroupFilter {
  /** States, whatever their case; empty for all (KIP-518). */
  readonly states: readonly string[]
  /** Group types, whatever their case; empty for all (KIP-848). */
  readonly types: readonly string[]
}

/** As ListGroups shows it. */
export interface ListedGroup {
  readonly groupId: string
  readonly protocolType: string
  readonly groupState: string
  readonly groupType: 'classic' | 'consumer'
}

export function listedClassicGroup({ groupId, protocolType, state }: Group): ListedGroup {
  const groupType = 'classic'
  return { groupId, protocolType: protocolType ?? '', groupState: state, groupType }
}

export function listedConsumerGroup({ groupId, state }: ConsumerGroup): ListedGroup {
  const groupType = 'consumer'
  return { groupId, protocolType: CONSUMER_PROTOCOL_TYPE, groupState: state, groupType }
}

export function matchesFilter(group: ListedGroup, { states, types }: GroupFilter): boolean {
  return includesName(states, group.groupState) && includesName(types, group.groupType)
}

function includesName(names: readonly string[], wanted: string): boolean {
  const lowerCase = wanted.toLowerCase()
  return names.length === 0 || names.some((name) => name.trim().toLowerCase() === lowerCase)
}
