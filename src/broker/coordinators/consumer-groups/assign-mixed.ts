// `uniform` for members that subscribe to different topics. What members have they keep; what is free
// goes to the least loaded of its subscribers, topics with few subscribers first; then partitions move
// from loaded members to idle ones until nobody who could take one has two fewer.
// Invariant: the work is bounded: beyond it an assignment is complete, but may be less even.
// Source: Kafka's UniformHeterogeneousAssignmentBuilder.

import type { Assignment, AssignmentTask } from './assignment.ts'
import { LoadHeap } from './load-heap.ts'
import { PartitionPool } from './partition-pool.ts'
import { isSameTarget, type TopicPartitions } from './topic-partitions.ts'

const MAX_ROUNDS = 16
/** Steps of balancing, each some tens of nanoseconds. */
const MAX_STEPS = 500_000

interface Topic {
  readonly id: string
  /** Indexes of members. */
  readonly subscribers: number[]
  readonly partitions: number
}

export function assignMixed(task: AssignmentTask): Assignment {
  const { members } = task
  const topics = topicsOf(task)
  const ids = topics.map(({ id }) => id)
  const pool = new PartitionPool(ids, task.partitionsOf)
  const shares = members.map(({ topicIds, target }) => {
    const subscribed = new Set(topicIds)
    const wanted = [...target].filter(([topicId]) => subscribed.has(topicId))
    return new Map(
      [...pool.keep(new Map(wanted), Number.POSITIVE_INFINITY).target].map(
        ([topicId, partitions]) => [topicId, [...partitions]],
      ),
    )
  })
  const loads = shares.map((share) => {
    let load = 0
    for (const partitions of share.values()) load += partitions.length
    return load
  })
  for (const topic of topics) giveOut(topic, pool, shares, loads)
  balance(topics, shares, loads)
  return new Map(
    members.map(({ memberId, target }, index) => {
      const assigned = ascending(shares[index]!)
      return [memberId, isSameTarget(assigned, target) ? target : assigned]
    }),
  )
}

/** Those whose partitions weigh most on a subscriber first. */
function topicsOf({ members, partitionsOf }: AssignmentTask): readonly Topic[] {
  const topics = new Map<string, Topic>()
  for (const [index, { topicIds }] of members.entries()) {
    for (const id of topicIds) {
      const topic = topics.get(id)
      if (topic !== undefined) topic.subscribers.push(index)
      else topics.set(id, { id, subscribers: [index], partitions: partitionsOf(id) })
    }
  }
  const weight = ({ partitions, subscribers }: Topic) => partitions / subscribers.length
  return [...topics.values()].sort(
    (a, b) => weight(b) - weight(a) || a.subscribers.length - b.subscribers.length,
  )
}

type Shares = readonly Map<string, number[]>[]

function giveOut(topic: Topic, pool: PartitionPool, shares: Shares, loads: number[]): void {
  const free = pool.takeAll(topic.id)
  if (free.length === 0) return
  const idle = new LoadHeap(topic.subscribers, (a, b) => loads[a]! - loads[b]!)
  for (const partition of free) {
    const member = idle.top
    give(shares[member]!, topic.id, partition)
    loads[member]! += 1
    idle.sinkTop()
  }
}

function balance(topics: readonly Topic[], shares: Shares, loads: number[]): void {
  let steps = 0
  for (let round = 0; round < MAX_ROUNDS; round++) {
    let hasMoved = false
    for (const topic of topics) {
      steps += topic.subscribers.length
      if (steps > MAX_STEPS) return
      const moves = balanceTopic(topic, shares, loads)
      steps += moves
      if (moves > 0) hasMoved = true
    }
    if (!hasMoved) return
  }
}

/** @returns how many partitions of it moved */
function balanceTopic(topic: Topic, shares: Shares, loads: number[]): number {
  const owners = topic.subscribers.filter((member) => shares[member]!.has(topic.id))
  if (owners.length === 0) return 0
  if (!mayMove(owners, topic.subscribers, loads)) return 0
  const loaded = new LoadHeap(owners, (a, b) => loads[b]! - loads[a]!)
  const idle = new LoadHeap(topic.subscribers, (a, b) => loads[a]! - loads[b]!)
  let moves = 0
  while (!loaded.isEmpty && loads[loaded.top]! - loads[idle.top]! > 1) {
    const [from, to] = [loaded.top, idle.top]
    const partitions = shares[from]!.get(topic.id)
    const partition = partitions?.pop()
    if (partition === undefined) {
      shares[from]!.delete(topic.id)
      loaded.dropTop()
      continue
    }
    give(shares[to]!, topic.id, partition)
    loads[from]! -= 1
    loads[to]! += 1
    loaded.sinkTop()
    idle.sinkTop()
    moves += 1
  }
  return moves
}

function mayMove(owners: readonly number[], subscribers: readonly number[], loads: number[]) {
  let most = 0
  for (const owner of owners) if (loads[owner]! > most) most = loads[owner]!
  for (const subscriber of subscribers) if (most - loads[subscriber]! > 1) return true
  return false
}

function give(share: Map<string, number[]>, topicId: string, partition: number): void {
  const partitions = share.get(topicId)
  if (partitions === undefined) share.set(topicId, [partition])
  else partitions.push(partition)
}

function ascending(share: ReadonlyMap<string, number[]>): TopicPartitions {
  const sorted = new Map<string, readonly number[]>()
  for (const [topicId, partitions] of share) {
    if (partitions.length === 0) continue
    sorted.set(
      topicId,
      partitions.sort((a, b) => a - b),
    )
  }
  return sorted
}
