// Which protocol (assignor) a generation uses: each member votes for its favourite among those that
// all members support, the most votes win. Metadata stays opaque.
// Source: KIP-62; the protocol guide's JoinGroup.

import type { Group, Member, MemberProtocol } from './group.ts'

/** Does at least one of `protocols` suit every member that is there? */
export function suitsEveryMember(
  group: Pick<Group, 'state' | 'protocolType' | 'members'>,
  protocolType: string,
  protocols: readonly MemberProtocol[],
): boolean {
  if (group.state === 'Empty') return protocolType !== '' && protocols.length > 0
  if (group.protocolType !== protocolType) return false
  const counts = countSupporters(group.members.values())
  return protocols.some(({ name }) => (counts.get(name) ?? 0) === group.members.size)
}

/** A tie goes to the protocol that was voted for first. @returns undefined without a common one */
export function voteProtocol(members: ReadonlyMap<string, Member>): string | undefined {
  const counts = countSupporters(members.values())
  const votes = new Map<string, number>()
  for (const { protocols } of members.values()) {
    const favourite = protocols.find(({ name }) => counts.get(name) === members.size)
    if (favourite === undefined) return undefined
    votes.set(favourite.name, (votes.get(favourite.name) ?? 0) + 1)
  }
  let winner: string | undefined
  for (const [name, count] of votes) {
    if (winner === undefined || count > votes.get(winner)!) winner = name
  }
  return winner
}

/** The same protocols, in the same order, with the same metadata? */
export function sameProtocols(
  left: readonly MemberProtocol[],
  right: readonly MemberProtocol[],
): boolean {
  return (
    left.length === right.length &&
    left.every(({ name, metadata }, index) => {
      const other = right[index]!
      return other.name === name && other.metadata.equals(metadata)
    })
  )
}

/** A member's metadata under a protocol; empty when it doesn't know it. */
export function metadataFor(member: Member, protocolName: string | null): Buffer {
  return member.protocols.find(({ name }) => name === protocolName)?.metadata ?? NO_METADATA
}

const NO_METADATA = Buffer.alloc(0)

function countSupporters(members: Iterable<Member>): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { protocols } of members) {
    const names = new Set(protocols.map(({ name }) => name))
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}
