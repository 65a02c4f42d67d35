// Who should hold which partition, as the leader of a classic group decides it. Pure. Everybody gets
// as much as the others, to one partition, and keeps what it has as far as that stays true (KIP-54). A
// partition that is to move is given to nobody yet: its holder gives it up first, and the round after
// hands it on (KIP-429).

import type { TopicPartition } from '../../sdk/transport/group-member.ts'
import { keyOf } from './holdings.ts'

export interface Candidate {
  readonly memberId: string
  readonly topics: readonly string[]
  readonly owned: readonly TopicPartition[]
  /** Of which the claims are; what an older one claims is somebody else's by now. */
  readonly generation: number
}

export function assignCooperatively(
  candidates: readonly Candidate[],
  partitionCounts: ReadonlyMap<string, number>,
): ReadonlyMap<string, readonly TopicPartition[]> {
  const members = [...candidates].sort((one, other) => (one.memberId < other.memberId ? -1 : 1))
  const holders = holdersOf(members, partitionCounts)
  const shares = new Map<string, TopicPartition[]>(members.map(({ memberId }) => [memberId, []]))
  for (const place of allPartitions(members, partitionCounts)) {
    const takers = members.filter(({ topics }) => topics.includes(place.topic))
    const taker = holders.get(keyOf(place)) ?? leastBusy(takers, shares)
    shares.get(taker)!.push(place)
  }
  balance(members, shares)
  return new Map(
    [...shares].map(([memberId, places]) => [
      memberId,
      places.filter((place) => (holders.get(keyOf(place)) ?? memberId) === memberId),
    ]),
  )
}

/** By partition the one member that may hold it now. */
function holdersOf(
  members: readonly Candidate[],
  partitionCounts: ReadonlyMap<string, number>,
): ReadonlyMap<string, string> {
  const claims = new Map<string, { memberId: string | undefined; generation: number }>()
  for (const { memberId, topics, owned, generation } of members) {
    for (const place of owned) {
      const exists = place.partition < (partitionCounts.get(place.topic) ?? 0)
      if (!exists || !topics.includes(place.topic)) continue
      const other = claims.get(keyOf(place))
      if (other === undefined || generation > other.generation) {
        claims.set(keyOf(place), { memberId, generation })
      } else if (generation === other.generation) {
        // Two of one generation cannot both be right: neither is believed.
        claims.set(keyOf(place), { memberId: undefined, generation })
      }
    }
  }
  return new Map(
    [...claims].flatMap(([key, { memberId }]) => (memberId === undefined ? [] : [[key, memberId]])),
  )
}

function allPartitions(
  members: readonly Candidate[],
  partitionCounts: ReadonlyMap<string, number>,
): readonly TopicPartition[] {
  const topics = [...new Set(members.flatMap((member) => member.topics))].sort()
  return topics.flatMap((topic) =>
    Array.from({ length: partitionCounts.get(topic) ?? 0 }, (_, partition) => ({
      topic,
      partition,
    })),
  )
}

function leastBusy(
  takers: readonly Candidate[],
  shares: ReadonlyMap<string, readonly TopicPartition[]>,
): string {
  const load = ({ memberId }: Candidate) => shares.get(memberId)!.length
  return takers.reduce((least, one) => (load(one) < load(least) ? one : least)).memberId
}

/** Moves one partition at a time from a member that has two more than another that could hold it. */
function balance(
  members: readonly Candidate[],
  shares: ReadonlyMap<string, TopicPartition[]>,
): void {
  const total = [...shares.values()].reduce((sum, places) => sum + places.length, 0)
  for (let moves = 0; moves <= total * members.length; moves += 1) {
    if (!moveOne(members, shares)) return
  }
}

function moveOne(
  members: readonly Candidate[],
  shares: ReadonlyMap<string, TopicPartition[]>,
): boolean {
  const byLoad = members
    .map(({ memberId, topics }) => ({ topics, places: shares.get(memberId)! }))
    .sort((one, other) => one.places.length - other.places.length)
  for (const giver of byLoad.toReversed()) {
    for (const taker of byLoad) {
      if (giver.places.length - taker.places.length < 2) break
      const at = giver.places.findLastIndex(({ topic }) => taker.topics.includes(topic))
      if (at < 0) continue
      taker.places.push(...giver.places.splice(at, 1))
      return true
    }
  }
  return false
}
