// What the members of all groups make the broker remember (`millrace.max.group.metadata.bytes`): what
// they said of themselves in JoinGroup, what their leader assigned to them, and their names. Group and
// member limits count heads; only this one counts what a head may carry.
// Invariant: `usedBytes` is the sum over the groups that are held. Members that are there stay, and may
// join again with as much as before; who would add to it beyond the limit is refused.

import type { ConsumerMember } from '../coordinators/consumer-groups/consumer-group.ts'
import type { Group, Member } from '../coordinators/groups/group.ts'
import type { JoinRequest } from '../coordinators/groups/input.ts'

/** What a member costs beside its own bytes, about: its object, its timer, its places in maps. */
const MEMBER_BYTES = 512
/** What a string costs beside its characters, about. */
const NAME_BYTES = 32

export class GroupMemory {
  readonly limitBytes: number
  #usedBytes = 0

  constructor(limitBytes: number) {
    this.limitBytes = limitBytes
  }

  get usedBytes(): number {
    return this.#usedBytes
  }

  /** A group came, changed or went. */
  replace(before: Group | undefined, after: Group | undefined): void {
    const isSame =
      before?.members === after?.members && before?.pendingMembers === after?.pendingMembers
    if (!isSame) this.#usedBytes += bytesOfGroup(after) - bytesOfGroup(before)
  }

  /** A member of a consumer group (KIP-848) came, changed or went. */
  add(bytes: number): void {
    this.#usedBytes += bytes
  }

  hasRoomForBytes(bytes: number): boolean {
    return this.#usedBytes + bytes <= this.limitBytes
  }

  hasRoomFor(group: Group | undefined, joining: Joining): boolean {
    const { groupInstanceId } = joining
    const memberId =
      groupInstanceId === null ? joining.memberId : group?.staticMembers.get(groupInstanceId)
    const before = group?.members.get(memberId ?? '')
    const addedBytes = bytesOf(joining) - (before === undefined ? 0 : bytesOf(before))
    return addedBytes <= 0 || this.#usedBytes + addedBytes <= this.limitBytes
  }
}

/** What it says of itself; what it is assigned is bounded by the partitions that there are. */
export function bytesOfConsumerMember(
  member: Pick<
    ConsumerMember,
    'memberId' | 'instanceId' | 'clientId' | 'subscribedTopicNames' | 'subscribedTopicRegex'
  >,
): number {
  const { memberId, instanceId, clientId, subscribedTopicNames, subscribedTopicRegex } = member
  let bytes = MEMBER_BYTES + memberId.length + clientId.length + (instanceId?.length ?? 0)
  bytes += subscribedTopicRegex.length
  for (const name of subscribedTopicNames) bytes += NAME_BYTES + name.length
  return bytes
}

type Joining = Pick<JoinRequest, 'memberId' | 'groupInstanceId' | 'clientId' | 'protocols'>

function bytesOfGroup(group: Group | undefined): number {
  if (group === undefined) return 0
  let bytes = group.pendingMembers.size * MEMBER_BYTES
  for (const member of group.members.values()) bytes += bytesOf(member) + member.assignment.length
  return bytes
}

function bytesOf(member: Joining | Member): number {
  let bytes = MEMBER_BYTES + member.clientId.length + (member.groupInstanceId?.length ?? 0)
  for (const { name, metadata } of member.protocols) bytes += name.length + metadata.length
  return bytes
}
