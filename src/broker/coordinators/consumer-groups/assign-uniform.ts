// The assignor `uniform`: everybody gets as many partitions as everybody else, one more or less, as far
// as subscriptions allow, and keeps what it had as far as that allows. Balance comes before stickiness.
// Members with the same subscription are served in one pass (below), others by assign-mixed.ts.
// Source: Kafka's UniformAssignor (KIP-848).

import { assignMixed } from './assign-mixed.ts'
import type { Assignment, AssignmentTask } from './assignment.ts'
import { PartitionPool } from './partition-pool.ts'
import type { TopicPartitions } from './topic-partitions.ts'

export function assignUniform(task: AssignmentTask): Assignment {
  const first = task.members[0]
  if (first === undefined) return new Map()
  const isEqual = task.members.every(({ topicIds }) => topicIds === first.topicIds)
  return isEqual ? assignEqual(task, first.topicIds) : assignMixed(task)
}

function assignEqual(task: AssignmentTask, topicIds: readonly string[]): Assignment {
  const { members } = task
  const pool = new PartitionPool(topicIds, task.partitionsOf)
  const quota = Math.floor(pool.total / members.length)
  // So many members may have one partition more. Who has it already goes first.
  let extras = pool.total % members.length
  const kept = members.map((member) => pool.keep(member.target, quota + (extras > 0 ? 1 : 0)))
  const quotas = kept.map(({ count }) => {
    if (count <= quota || extras === 0) return quota
    extras -= 1
    return quota + 1
  })
  for (let index = 0; extras > 0; index++) {
    if (quotas[index] !== quota) continue
    quotas[index] = quota + 1
    extras -= 1
  }
  for (const [index, { target, count }] of kept.entries()) {
    if (count > quotas[index]!) kept[index] = pool.shrink(target, quotas[index]!)
  }
  const assignment = new Map<string, TopicPartitions>()
  for (const [index, member] of members.entries()) {
    const { target, count } = kept[index]!
    assignment.set(member.memberId, pool.fill(target, quotas[index]! - count))
  }
  return assignment
}
