// One classic consumer group as plain data: what the coordinator remembers between two requests.
// Nothing here changes a group; decide.ts does, through a draft (draft.ts).
// Invariants: every id in `staticMembers` is in `members`; a leader is a member; an Empty group has
// no members; each member supports `protocolName` while the group is not rebalancing.
// Source: KIP-62 (rebalance timeout), KIP-345 (static members), KIP-394 (member id required).

export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable'

/** What one member can do under one protocol (assignor); the metadata is opaque to the broker. */
export interface MemberProtocol {
  readonly name: string
  readonly metadata: Buffer
}

export interface Member {
  readonly memberId: string
  /** KIP-345; null for a dynamic member. */
  readonly groupInstanceId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly rebalanceTimeoutMs: number
  readonly sessionTimeoutMs: number
  /** In the member's order of preference. */
  readonly protocols: readonly MemberProtocol[]
  readonly assignment: Buffer
  /** The JoinGroup request that waits for the rebalance, if one does. */
  readonly joinToken: number | null
  /** The SyncGroup request that waits for the leader's assignment, if one does. */
  readonly syncToken: number | null
  /** Added in this rebalance: its client doesn't know its id yet and cannot heartbeat. */
  readonly isNew: boolean
  /** Has asked for its assignment in this generation. */
  readonly hasSynced: boolean
}

/** The first rebalance of an empty group may wait for more members (KIP-134). */
export interface InitialDelay {
  readonly delayMs: number
  readonly remainingMs: number
  readonly hasNewMember: boolean
}

export interface Group {
  readonly groupId: string
  readonly state: GroupState
  /** Calendar time of the last change of state; null when a record did not tell. */
  readonly stateSinceMs: number | null
  readonly generationId: number
  /** null until a member joined: then the group only holds offsets ("simple group"). */
  readonly protocolType: string | null
  readonly protocolName: string | null
  readonly leaderId: string | null
  /** In the order in which they joined. */
  readonly members: ReadonlyMap<string, Member>
  /** Instance id to member id. */
  readonly staticMembers: ReadonlyMap<string, string>
  /** Ids handed out with MEMBER_ID_REQUIRED whose members have not come back yet. */
  readonly pendingMembers: ReadonlySet<string>
  /** Set while the first rebalance of an empty group waits. */
  readonly initialDelay: InitialDelay | null
  /** Of all members in this generation; null when the protocol is not the consumers' own. */
  readonly subscribedTopics: ReadonlySet<string> | null
}

export const NO_ASSIGNMENT: Buffer = Buffer.alloc(0)
export const CONSUMER_PROTOCOL_TYPE = 'consumer'

export function newGroup(groupId: string, nowMs: number): Group {
  return {
    groupId,
    state: 'Empty',
    stateSinceMs: nowMs,
    generationId: 0,
    protocolType: null,
    protocolName: null,
    leaderId: null,
    members: new Map(),
    staticMembers: new Map(),
    pendingMembers: new Set(),
    initialDelay: null,
    subscribedTopics: null,
  }
}

/** Members get this long to rejoin: the longest that any of them asked for; 0 without members. */
export function rebalanceTimeoutMs(group: Pick<Group, 'members'>): number {
  let longest = 0
  for (const member of group.members.values()) {
    if (member.rebalanceTimeoutMs > longest) longest = member.rebalanceTimeoutMs
  }
  return longest
}

export function haveAllJoined(group: Pick<Group, 'members' | 'pendingMembers'>): boolean {
  if (group.pendingMembers.size > 0) return false
  for (const member of group.members.values()) if (member.joinToken === null) return false
  return true
}

/** May offsets of this topic be deleted or expire? Not while a member may be reading it. */
export function isSubscribedTo(group: Group, topic: string): boolean {
  if (group.subscribedTopics !== null) return group.subscribedTopics.has(topic)
  return group.protocolType === CONSUMER_PROTOCOL_TYPE
}
