// Where partitions begin and end, and where a moment lies in them (ListOffsets), asked of each
// partition's leader. The end is that of committed data: the last stable offset.

import { FetchIsolationLevels } from '@platformatic/kafka'
import { UnknownTopicError } from '../../sdk/transport/errors.ts'
import type { TopicPartition } from '../../sdk/transport/group-member.ts'
import { apis } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { Code, KafkaError, refusal } from './errors.ts'

export const EARLIEST = -2
export const LATEST = -1

const CONSUMER = -1
const ANY_EPOCH = -1

export interface OffsetAt extends TopicPartition {
  /** -1: nothing is as young as the moment asked for. */
  readonly offset: number
}

/**
 * @param timestampMs a moment, `EARLIEST` or `LATEST`
 * @throws UnknownTopicError for a partition that is not there
 */
export async function offsetsAt(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  timestampMs: number,
  deadlineMs: number,
): Promise<readonly OffsetAt[]> {
  const found: OffsetAt[] = []
  let left = partitions
  await cluster.persist('Asking for offsets', deadlineMs, async () => {
    const byLeader = await groupedByLeader(cluster, left)
    for (const [nodeId, ofLeader] of byLeader) {
      found.push(...(await askLeader(cluster, nodeId, ofLeader, timestampMs)))
      left = left.filter((each) => !ofLeader.includes(each))
    }
  })
  return partitions.map((each) => found.find((one) => isSame(one, each))!)
}

export function isSame(one: TopicPartition, other: TopicPartition): boolean {
  return one.partition === other.partition && one.topic === other.topic
}

/** @throws UnknownTopicError, or a passing KafkaError where a partition has no leader just now */
export async function groupedByLeader<P extends TopicPartition>(
  cluster: Cluster,
  partitions: readonly P[],
): Promise<ReadonlyMap<number, readonly P[]>> {
  const leaders = new Map<P, number>()
  for (const each of partitions) {
    const leader = await cluster.leaderOf(each.topic, each.partition)
    if (leader !== undefined) {
      leaders.set(each, leader)
      continue
    }
    const known = cluster.topic(each.topic)
    if (known?.leaders[each.partition] === undefined)
      throw new UnknownTopicError(nameOf(each, known))
    throw refusal(`Asking for ${each.topic}-${each.partition}`, Code.LEADER_NOT_AVAILABLE)
  }
  return Map.groupBy(partitions, (each) => leaders.get(each)!)
}

/** What is not there: the topic, or this partition of it. */
export function nameOf({ topic, partition }: TopicPartition, known: unknown): string {
  return known === undefined ? topic : `${topic} with a partition ${partition}`
}

async function askLeader(
  cluster: Cluster,
  nodeId: number,
  partitions: readonly TopicPartition[],
  timestampMs: number,
): Promise<readonly OffsetAt[]> {
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, ofTopic]) => ({
    name,
    partitions: ofTopic.map(({ partition }) => ({
      partitionIndex: partition,
      currentLeaderEpoch: ANY_EPOCH,
      timestamp: BigInt(timestampMs),
    })),
  }))
  const answer = await cluster.send(
    apis.listOffsets,
    { nodeId, purpose: 'questions' },
    CONSUMER,
    FetchIsolationLevels.READ_COMMITTED,
    topics,
  )
  const answers = answer.topics.flatMap(({ name, partitions: ofTopic }) =>
    ofTopic.map((each) => ({ topic: name, ...each })),
  )
  return partitions.map(({ topic, partition }) => {
    const one = answers.find((each) => each.topic === topic && each.partitionIndex === partition)
    if (one === undefined) throw new KafkaError(`No offset of ${topic}-${partition} came back.`)
    if (one.errorCode !== Code.NONE) {
      cluster.forgetLeaders(topic)
      throw refusal(`Asking for an offset of ${topic}-${partition}`, one.errorCode)
    }
    return { topic, partition, offset: Number(one.offset) }
  })
}
