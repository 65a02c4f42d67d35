// The assignor `range`: each topic is cut into ranges, one for each of its subscribers in the order of
// their names, so that the same partitions of topics with equal numbers of partitions meet in one
// member. The first members get one partition more where it does not come out even.
// Source: Kafka's RangeAssignor (KIP-848).

import type { AssignedMember, Assignment, AssignmentTask } from './assignment.ts'
import type { TopicPartitions } from './topic-partitions.ts'
import { isSameTarget } from './topic-partitions.ts'

interface Cut {
  readonly size: number
  larger: number
  next: number
}

export function assignRange({ members, partitionsOf }: AssignmentTask): Assignment {
  const subscribers = new Map<string, number>()
  for (const { topicIds } of members) {
    for (const topicId of topicIds) subscribers.set(topicId, (subscribers.get(topicId) ?? 0) + 1)
  }
  const cuts = new Map<string, Cut>()
  for (const [topicId, count] of subscribers) {
    const partitions = partitionsOf(topicId)
    const size = Math.floor(partitions / count)
    cuts.set(topicId, { size, larger: partitions % count, next: 0 })
  }
  const assignment = new Map<string, TopicPartitions>()
  for (const { memberId, topicIds, target } of [...members].sort(byName)) {
    const assigned = new Map<string, readonly number[]>()
    for (const topicId of topicIds) {
      const range = nextRange(cuts.get(topicId)!)
      if (range.length > 0) assigned.set(topicId, range)
    }
    assignment.set(memberId, isSameTarget(assigned, target) ? target : assigned)
  }
  return assignment
}

function nextRange(cut: Cut): readonly number[] {
  const length = cut.larger > 0 ? cut.size + 1 : cut.size
  if (cut.larger > 0) cut.larger -= 1
  const first = cut.next
  cut.next += length
  return Array.from({ length }, (_, index) => first + index)
}

/** Static members first: their instance ids outlive a restart, so that they get the same again. */
function byName(a: AssignedMember, b: AssignedMember): number {
  if (a.instanceId === null && b.instanceId === null) return compare(a.memberId, b.memberId)
  if (a.instanceId === null) return 1
  return b.instanceId === null ? -1 : compare(a.instanceId, b.instanceId)
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
