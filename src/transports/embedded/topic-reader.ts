// Reading by partition over direct calls.

import type { LocalClient } from '../../broker/local/local-client.ts'
import type { LocalPartition } from '../../broker/local/local-groups.ts'
import { UnknownTopicError } from '../../sdk/transport/errors.ts'
import type { FetchedPartition, TopicPartition } from '../../sdk/transport/group-member.ts'
import type { PartitionBounds, ReadRequest, TopicReader } from '../../sdk/transport/topic-reader.ts'
import { BrokerRefusedError } from './broker-refused.ts'
import { Interrupt } from './interrupt.ts'
import type { Lease } from './lease.ts'
import { toFetched } from './member.ts'

export class EmbeddedReader implements TopicReader {
  readonly #lease: Lease

  constructor(lease: Lease) {
    this.#lease = lease
  }

  async read(request: ReadRequest): Promise<FetchedPartition> {
    const { topic, partition, fromOffset, waitMs = 0, signal } = request
    const { client } = this.#lease
    const topicId = client.topics.find(topic)?.topicId
    const bounds = client.reading.bounds(topic, partition)
    if (topicId === undefined || bounds === undefined) throw new UnknownTopicError(topic)
    const { startOffset, endOffset } = bounds
    const untilMs = client.world.clock.monotonicMs() + waitMs
    // What lies beyond the end is waited for there.
    let nextOffset = Math.max(startOffset, Math.min(fromOffset, endOffset))
    for (;;) {
      const leftMs = Math.max(0, untilMs - client.world.clock.monotonicMs())
      const place = { topic, topicId, partition, fromOffset: nextOffset }
      const read = await fetchOnce(client, place, { ...request, waitMs: leftMs })
      nextOffset = read.nextOffset
      if (nextOffset > fromOffset || leftMs === 0 || signal?.aborted === true) {
        const records = read.records.filter(({ offset }) => offset >= fromOffset)
        return { ...read, records, nextOffset: Math.max(nextOffset, fromOffset) }
      }
    }
  }

  async bounds(partitions: readonly TopicPartition[]): Promise<readonly PartitionBounds[]> {
    return partitions.map(({ topic, partition }) => {
      const bounds = this.#lease.client.reading.bounds(topic, partition)
      if (bounds === undefined) throw new UnknownTopicError(topic)
      return { topic, partition, ...bounds }
    })
  }
}

async function fetchOnce(
  { reading }: LocalClient,
  place: LocalPartition & { fromOffset: number },
  { maxBytes, waitMs, signal }: Pick<ReadRequest, 'maxBytes' | 'signal'> & { waitMs: number },
): Promise<FetchedPartition> {
  const interrupt = new Interrupt()
  const end = () => interrupt.close()
  if (signal?.aborted === true) end()
  signal?.addEventListener('abort', end)
  try {
    const limits = { maxBytes, partitionMaxBytes: maxBytes, maxWaitMs: waitMs }
    const [answer] = await reading.fetch({ partitions: [place], ...limits, interrupt })
    if (answer!.kind === 'records') return toFetched(answer!)
    throw new BrokerRefusedError(`Reading ${place.topic} partition ${place.partition}`, answer!)
  } finally {
    signal?.removeEventListener('abort', end)
  }
}
