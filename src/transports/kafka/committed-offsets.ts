// What a group has committed, asked of its coordinator. Commits of transactions that are not over are
// waited for (KIP-447): reading beside them would handle their records twice.

import type { OffsetCommit, TopicPartition } from '../../sdk/transport/group-member.ts'
import { apis } from './apis.ts'
import type { Cluster, CoordinatorKind } from './cluster.ts'
import { Code, isOfAnotherCoordinator, refusal } from './errors.ts'

const REQUIRE_STABLE = true
const NO_MEMBER_EPOCH = -1

/** Those without a commit are left out. */
export async function committedOffsets(
  cluster: Cluster,
  group: string,
  partitions: readonly TopicPartition[],
  deadlineMs: number,
  signal?: AbortSignal,
): Promise<readonly OffsetCommit[]> {
  if (partitions.length === 0) return []
  const what = `Reading what group ${group} has committed`
  const topics = [...Map.groupBy(partitions, ({ topic }) => topic)].map(([name, ofTopic]) => ({
    name,
    partitionIndexes: ofTopic.map(({ partition }) => partition),
  }))
  const ask = async () => {
    const answer = await askCoordinator(cluster, 'group', group, (nodeId) =>
      cluster.send(
        apis.offsetFetch,
        { nodeId, purpose: 'coordination' },
        [{ groupId: group, memberEpoch: NO_MEMBER_EPOCH, topics }],
        REQUIRE_STABLE,
      ),
    )
    noteCode(cluster, 'group', group, what, answer.errorCode)
    return answer.topics.flatMap(({ name, partitions: ofTopic }) =>
      ofTopic.flatMap(({ partitionIndex, committedOffset, metadata, errorCode }) => {
        // A partition that is gone has no commit.
        if (errorCode === Code.UNKNOWN_TOPIC_OR_PARTITION) return []
        noteCode(cluster, 'group', group, what, errorCode)
        if (committedOffset < 0n) return []
        const offset = Number(committedOffset)
        return [{ topic: name, partition: partitionIndex, offset, metadata: metadata ?? '' }]
      }),
    )
  }
  return cluster.persist(what, deadlineMs, ask, signal)
}

/** A coordinator that cannot be reached is looked for anew the next time. */
export async function askCoordinator<T>(
  cluster: Cluster,
  kind: CoordinatorKind,
  key: string,
  ask: (nodeId: number) => Promise<T>,
): Promise<T> {
  const nodeId = await cluster.coordinator(kind, key)
  try {
    return await ask(nodeId)
  } catch (error) {
    cluster.forgetCoordinator(kind, key)
    throw error
  }
}

/** @throws KafkaError for everything but 0, and looks for the coordinator anew where it has moved */
export function noteCode(
  cluster: Cluster,
  kind: CoordinatorKind,
  key: string,
  what: string,
  errorCode: number,
  detail?: string | null,
): void {
  if (errorCode === Code.NONE) return
  if (isOfAnotherCoordinator(errorCode)) cluster.forgetCoordinator(kind, key)
  throw refusal(what, errorCode, detail)
}
