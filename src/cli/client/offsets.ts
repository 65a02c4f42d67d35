// Asks leaders for offsets: the first, the one behind the last, the first of a time or later.
// Source: KIP-79 (by timestamp), KIP-207 (offset not available during a failover).

import { listOffsets } from '../../broker/protocol/02-list-offsets.ts'
import { assertAccepted } from './client-error.ts'
import type { Cluster, TopicPartition } from './cluster.ts'

/** Special values in the place of a timestamp. */
export const EARLIEST = -2
export const LATEST = -1

export type Isolation = 'read_uncommitted' | 'read_committed'

export const isolationLevels: Readonly<Record<Isolation, number>> = {
  read_uncommitted: 0,
  read_committed: 1,
}

export interface OffsetQuery extends TopicPartition {
  /** Milliseconds since 1970, EARLIEST or LATEST. */
  readonly timestamp: number
}

export interface FoundOffset extends TopicPartition {
  /** -1 when no record is of that time or later. */
  readonly offset: number
}

/**
 * One answer per query, in the order of the queries.
 * @param options.isolation with `read_committed` LATEST is the last stable offset
 */
export async function listOffsetsOf(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  options: { isolation?: Isolation } = {},
): Promise<FoundOffset[]> {
  const topics = [...new Set(queries.map(({ topic }) => topic))]
  return cluster.retrying(() => askLeaders(cluster, queries, options.isolation), { topics })
}

async function askLeaders(
  cluster: Cluster,
  queries: readonly OffsetQuery[],
  isolation: Isolation = 'read_uncommitted',
): Promise<FoundOffset[]> {
  const leaders = await Promise.all(queries.map((query) => cluster.leader(query)))
  const byLeader = Map.groupBy(queries, (_, index) => leaders[index]!)
  const found = new Map<string, number>()
  const asks = [...byLeader].map(async ([leader, asked]) => {
    const connection = await cluster.broker(leader)
    const answer = await connection.request(listOffsets, {
      replicaId: -1,
      isolationLevel: isolationLevels[isolation],
      topics: byTopic(asked, ({ partition, timestamp }) => ({
        partitionIndex: partition,
        currentLeaderEpoch: -1,
        timestamp,
        maxNumOffsets: 1,
      })).map(({ topic, partitions }) => ({ name: topic, partitions })),
      timeoutMs: cluster.timeoutMs,
    })
    for (const { name, partitions } of answer.topics) {
      for (const { partitionIndex, errorCode, offset } of partitions) {
        assertAccepted(errorCode, `Offsets of topic ${name} partition ${partitionIndex}`)
        found.set(`${name}/${partitionIndex}`, offset)
      }
    }
  })
  await Promise.all(asks)
  return queries.map(({ topic, partition }) => {
    return { topic, partition, offset: found.get(`${topic}/${partition}`) ?? -1 }
  })
}

/** Groups entries by topic, as most requests want them. */
export function byTopic<Entry extends TopicPartition, Shape>(
  entries: readonly Entry[],
  shape: (entry: Entry) => Shape,
): { topic: string; partitions: Shape[] }[] {
  return [...Map.groupBy(entries, ({ topic }) => topic)].map(([topic, group]) => ({
    topic,
    partitions: group.map(shape),
  }))
}
