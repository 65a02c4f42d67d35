// Reading by partition, without a group.

import type { FetchedPartition, TopicPartition } from '../../sdk/transport/group-member.ts'
import type { PartitionBounds, ReadRequest, TopicReader } from '../../sdk/transport/topic-reader.ts'
import type { Cluster } from './cluster.ts'
import { Code, refusal } from './errors.ts'
import { fetchFrom } from './fetching.ts'
import { EARLIEST, groupedByLeader, LATEST, offsetsAt } from './offsets.ts'

/** A fetch that waits is asked again after so long: a signal that is aborted must not wait for more. */
const LONGEST_WAIT_MS = 500

export function topicReader(cluster: Cluster): TopicReader {
  const clock = cluster.world.clock
  const deadline = () => clock.monotonicMs() + cluster.options.requestTimeoutMs

  async function fetchOnce(request: ReadRequest, waitMs: number): Promise<FetchedPartition> {
    return cluster.persist(`Reading ${request.topic}`, deadline(), async () => {
      const [nodeId] = [...(await groupedByLeader(cluster, [request])).keys()]
      const [outcome] = await fetchFrom(
        cluster,
        { nodeId: nodeId!, purpose: waitMs > 0 ? 'waiting reads' : 'reads' },
        [request],
        { maxBytes: request.maxBytes, waitMs },
      )
      switch (outcome!.kind) {
        case 'fetched':
          return outcome!.fetched
        case 'failed':
          throw outcome!.error
        case 'moved':
          throw refusal(`Reading ${request.topic}`, Code.NOT_LEADER_OR_FOLLOWER)
        case 'out-of-range':
          throw refusal(
            `Reading ${request.topic}-${request.partition} from ${request.fromOffset}`,
            Code.OFFSET_OUT_OF_RANGE,
          )
      }
    })
  }

  return {
    async read(request) {
      const until = clock.monotonicMs() + (request.waitMs ?? 0)
      for (;;) {
        const left = Math.max(0, until - clock.monotonicMs())
        const fetched = await fetchOnce(request, Math.min(left, LONGEST_WAIT_MS))
        const isDone = fetched.records.length > 0 || fetched.nextOffset > request.fromOffset
        if (isDone || left === 0 || request.signal?.aborted === true) return fetched
      }
    },

    async bounds(partitions: readonly TopicPartition[]): Promise<readonly PartitionBounds[]> {
      const starts = await offsetsAt(cluster, partitions, EARLIEST, deadline())
      const ends = await offsetsAt(cluster, partitions, LATEST, deadline())
      return starts.map(({ topic, partition, offset }, index) => ({
        topic,
        partition,
        startOffset: offset,
        endOffset: ends[index]!.offset,
      }))
    },
  }
}
