// The answers to JoinGroup and SyncGroup, in one place so that every path gives the same fields.

import { ErrorCode } from '../../wire/error-codes.ts'
import { type Group, type Member, NO_ASSIGNMENT } from './group.ts'
import type { JoinReply, SyncReply } from './input.ts'
import { metadataFor } from './protocol-vote.ts'

type Generation = Pick<
  Group,
  'generationId' | 'protocolType' | 'protocolName' | 'leaderId' | 'members'
>

export function failedJoin(errorCode: ErrorCode, memberId: string): JoinReply {
  return {
    errorCode,
    memberId,
    generationId: -1,
    protocolType: null,
    protocolName: null,
    leader: '',
    skipAssignment: false,
    members: [],
  }
}

/** Only the leader hears of the other members: it is the one that assigns. */
export function joined(group: Generation, memberId: string): JoinReply {
  const isLeader = group.leaderId === memberId
  return {
    errorCode: ErrorCode.NONE,
    memberId,
    generationId: group.generationId,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    leader: group.leaderId ?? '',
    skipAssignment: false,
    members: isLeader ? listMembers(group) : [],
  }
}

export function failedSync(errorCode: ErrorCode): SyncReply {
  return { errorCode, protocolType: null, protocolName: null, assignment: NO_ASSIGNMENT }
}

export function synced(group: Generation, member: Member): SyncReply {
  return {
    errorCode: ErrorCode.NONE,
    protocolType: group.protocolType,
    protocolName: group.protocolName,
    assignment: member.assignment,
  }
}

function listMembers(group: Generation): JoinReply['members'] {
  return [...group.members.values()].map((member) => ({
    memberId: member.memberId,
    groupInstanceId: member.groupInstanceId,
    metadata: metadataFor(member, group.protocolName),
  }))
}
