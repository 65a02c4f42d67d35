// Which member of a group should hold which partition. Pure. Each topic is spread evenly over the
// members that ask for it, and what a member holds it keeps, as far as that stays even (KIP-54).

export interface Candidate {
  readonly topics: readonly string[]
}

/**
 * @param members in the order they joined
 * @param ownerOf who holds a partition now; undefined: nobody
 * @returns for each topic the wanted owner by partition
 */
export function assignPartitions<Member extends Candidate>(
  members: readonly Member[],
  partitionCount: (topic: string) => number,
  ownerOf: (topic: string, partition: number) => Member | undefined,
): Map<string, Member[]> {
  const target = new Map<string, Member[]>()
  for (const topic of new Set(members.flatMap((member) => member.topics))) {
    const owners = Array.from({ length: partitionCount(topic) }, (_, partition) =>
      ownerOf(topic, partition),
    )
    const candidates = members.filter((member) => member.topics.includes(topic))
    target.set(topic, spread(candidates, owners))
  }
  return target
}

function spread<Member>(
  candidates: readonly Member[],
  owners: readonly (Member | undefined)[],
): Member[] {
  const held = (member: Member) => owners.filter((owner) => owner === member).length
  // Those who hold most may keep one more than the others.
  const byHeld = candidates.toSorted((a, b) => held(b) - held(a))
  const share = Math.floor(owners.length / candidates.length)
  const larger = owners.length % candidates.length
  const room = new Map(byHeld.map((member, index) => [member, index < larger ? share + 1 : share]))
  const take = (member: Member | undefined) => {
    const left = member === undefined ? 0 : (room.get(member) ?? 0)
    if (member === undefined || left === 0) return undefined
    room.set(member, left - 1)
    return member
  }
  const kept = owners.map(take)
  return kept.map((member) => member ?? take(candidates.find((other) => room.get(other)! > 0))!)
}
