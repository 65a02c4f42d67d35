// What of a group is written, and the group that comes back from it: its last stable or empty
// generation with the members' assignments. Waiting requests, pending ids, sessions and a rebalance
// under way are not: after a crash members find out by their generation, and join again.
// Source: Kafka's GroupMetadataValue.

import { subscribedTopics } from './consumer-protocol.ts'
import { type Group, type Member, newGroup } from './group.ts'
import { metadataFor } from './protocol-vote.ts'

export interface GroupMetadata {
  readonly protocolType: string
  readonly generation: number
  readonly protocol: string | null
  readonly leader: string | null
  /** -1 when it is not known. */
  readonly currentStateTimestamp: number
  readonly members: readonly MemberMetadata[]
}

export interface MemberMetadata {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  /** -1 in records older than KIP-62: the session timeout stands for it. */
  readonly rebalanceTimeout: number
  readonly sessionTimeout: number
  readonly subscription: Buffer
  readonly assignment: Buffer
}

export function metadataOf(group: Group): GroupMetadata {
  return {
    protocolType: group.protocolType ?? '',
    generation: group.generationId,
    protocol: group.protocolName,
    leader: group.leaderId,
    currentStateTimestamp: group.stateSinceMs ?? -1,
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      groupInstanceId: member.groupInstanceId,
      clientId: member.clientId,
      clientHost: member.clientHost,
      rebalanceTimeout: member.rebalanceTimeoutMs,
      sessionTimeout: member.sessionTimeoutMs,
      subscription: metadataFor(member, group.protocolName),
      assignment: member.assignment,
    })),
  }
}

export function groupFrom(groupId: string, metadata: GroupMetadata): Group {
  const members = new Map<string, Member>()
  const staticMembers = new Map<string, string>()
  for (const written of metadata.members) {
    const member = memberFrom(written, metadata.protocol)
    members.set(member.memberId, member)
    if (member.groupInstanceId !== null) staticMembers.set(member.groupInstanceId, member.memberId)
  }
  const stateSinceMs = metadata.currentStateTimestamp
  const group: Group = {
    ...newGroup(groupId, 0),
    state: members.size === 0 ? 'Empty' : 'Stable',
    stateSinceMs: stateSinceMs === -1 ? null : stateSinceMs,
    generationId: metadata.generation,
    protocolType: metadata.protocolType === '' ? null : metadata.protocolType,
    protocolName: metadata.protocol,
    leaderId: metadata.leader,
    members,
    staticMembers,
  }
  return { ...group, subscribedTopics: subscribedTopics(group) }
}

function memberFrom(written: MemberMetadata, protocol: string | null): Member {
  const { sessionTimeout, rebalanceTimeout } = written
  return {
    memberId: written.memberId,
    groupInstanceId: written.groupInstanceId,
    clientId: written.clientId,
    clientHost: written.clientHost,
    rebalanceTimeoutMs: rebalanceTimeout === -1 ? sessionTimeout : rebalanceTimeout,
    sessionTimeoutMs: sessionTimeout,
    // The vote is over: only the protocol that won was written.
    protocols: protocol === null ? [] : [{ name: protocol, metadata: written.subscription }],
    assignment: written.assignment,
    joinToken: null,
    syncToken: null,
    isNew: false,
    hasSynced: true,
  }
}
