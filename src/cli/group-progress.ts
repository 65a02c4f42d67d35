// How far a group has read: what it committed beside what each partition holds.

import type { Cluster, TopicPartition } from './client/cluster.ts'
import { type CommittedOffset, fetchCommittedOffsets } from './client/groups.ts'
import { EARLIEST, LATEST, listOffsetsOf } from './client/offsets.ts'

export interface PartitionProgress extends TopicPartition {
  /** What the group has committed: the next record that it wants. */
  readonly committedOffset: number
  /** null when the topic is gone. */
  readonly startOffset: number | null
  readonly endOffset: number | null
  /** Offsets between the committed one and the end; null when the topic is gone. */
  readonly lag: number | null
}

/** By topic and partition. */
export async function groupProgress(
  cluster: Cluster,
  groupId: string,
): Promise<PartitionProgress[]> {
  const committed = await fetchCommittedOffsets(cluster, groupId)
  const { topics } = await cluster.describe()
  const exists = new Set(
    topics.flatMap(({ name, partitions }) => partitions.map((p) => `${name}/${p.partition}`)),
  )
  const there = committed.filter(({ topic, partition }) => exists.has(`${topic}/${partition}`))
  const [starts, ends] = await Promise.all([
    offsetsOf(cluster, there, EARLIEST),
    offsetsOf(cluster, there, LATEST),
  ])
  return committed.map(({ topic, partition, offset }) => {
    const startOffset = starts.get(`${topic}/${partition}`) ?? null
    const endOffset = ends.get(`${topic}/${partition}`) ?? null
    // What was deleted meanwhile can't be read any more: it is no lag.
    const from = Math.max(offset, startOffset ?? 0)
    const lag = endOffset === null ? null : Math.max(0, endOffset - from)
    return { topic, partition, committedOffset: offset, startOffset, endOffset, lag }
  })
}

async function offsetsOf(
  cluster: Cluster,
  committed: readonly CommittedOffset[],
  timestamp: number,
): Promise<Map<string, number>> {
  const queries = committed.map(({ topic, partition }) => ({ topic, partition, timestamp }))
  const found = await listOffsetsOf(cluster, queries)
  return new Map(found.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]))
}
