// One Fetch request and what came of it: committed records of some partitions of one leader. What a
// partition could not give is told by kind, so that each caller does with it what its promise needs.
// Source: KIP-74 (sizes), KIP-98 (read_committed). No fetch sessions: the partitions asked for change
// with every pause, and a request names few.

import { FetchIsolationLevels } from '@platformatic/kafka'
import type { FetchedPartition, TopicPartition } from '../../sdk/transport/group-member.ts'
import { apis, type FetchedBytes } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { Code, isPassing, type KafkaError, refusal } from './errors.ts'
import { readCommitted } from './record-batch.ts'

export interface FetchWish extends TopicPartition {
  readonly fromOffset: number
}

export type FetchOutcome = FetchWish &
  (
    | { readonly kind: 'fetched'; readonly fetched: FetchedPartition }
    /** The offset is below what is kept, or above what was written. */
    | { readonly kind: 'out-of-range' }
    /** Another leader, or none: ask for it anew. */
    | { readonly kind: 'moved' }
    | { readonly kind: 'failed'; readonly error: KafkaError }
  )

const NO_SESSION = 0
const NO_SESSION_EPOCH = -1
const ANY_EPOCH = -1
const AT_LEAST_A_BYTE = 1

/** Of one leader. @throws as the library does when the connection breaks */
export async function fetchFrom(
  cluster: Cluster,
  leader: { nodeId: number; purpose: string },
  wishes: readonly FetchWish[],
  limits: { maxBytes: number; waitMs: number },
): Promise<readonly FetchOutcome[]> {
  const topics = [...Map.groupBy(wishes, ({ topic }) => topic)].map(([topic, ofTopic]) => ({
    topicId: topic, // version 12 takes the name here
    partitions: ofTopic.map(({ partition, fromOffset }) => ({
      partition,
      currentLeaderEpoch: ANY_EPOCH,
      fetchOffset: BigInt(fromOffset),
      lastFetchedEpoch: ANY_EPOCH,
      partitionMaxBytes: limits.maxBytes,
    })),
  }))
  const timeoutMs = limits.waitMs + cluster.options.requestTimeoutMs
  const answers = await cluster.send(
    apis.fetch,
    { ...leader, timeoutMs },
    limits.waitMs,
    AT_LEAST_A_BYTE,
    limits.maxBytes,
    FetchIsolationLevels.READ_COMMITTED,
    NO_SESSION,
    NO_SESSION_EPOCH,
    topics,
    [],
    '',
  )
  return wishes.map((wish) => outcomeOf(cluster, wish, answers))
}

function outcomeOf(
  cluster: Cluster,
  wish: FetchWish,
  answers: readonly FetchedBytes[],
): FetchOutcome {
  const { topic, partition } = wish
  const answer = answers.find((each) => each.topic === topic && each.partition === partition)
  const errorCode = answer?.errorCode ?? Code.UNKNOWN_TOPIC_OR_PARTITION
  if (errorCode === Code.OFFSET_OUT_OF_RANGE) return { ...wish, kind: 'out-of-range' }
  if (isPassing(errorCode)) {
    cluster.forgetLeaders(topic)
    return { ...wish, kind: 'moved' }
  }
  if (answer === undefined || errorCode !== Code.NONE) {
    return { ...wish, kind: 'failed', error: refusal(`Reading ${topic}-${partition}`, errorCode) }
  }
  const read = readCommitted(answer.bytes, wish, answer.abortedTransactions ?? [])
  const endOffset = Number(answer.lastStableOffset)
  return { ...wish, kind: 'fetched', fetched: { topic, partition, ...read, endOffset } }
}
