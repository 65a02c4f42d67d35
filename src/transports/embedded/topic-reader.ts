// Reading by partition over direct calls.

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
    const { topic, partition, maxBytes, waitMs = 0, signal } = request
    const topicId = this.#lease.client.topics.find(topic)?.topicId
    const bounds = this.#lease.client.reading.bounds(topic, partition)
    if (topicId === undefined || bounds === undefined) throw new UnknownTopicError(topic)
    const interrupt = new Interrupt()
    const end = () => interrupt.close()
    if (signal?.aborted === true) end()
    signal?.addEventListener('abort', end)
    try {
      const fromOffset = Math.max(request.fromOffset, bounds.startOffset)
      const limits = { maxBytes, partitionMaxBytes: maxBytes, maxWaitMs: waitMs }
      const partitions = [{ topic, topicId, partition, fromOffset }]
      const [answer] = await this.#lease.client.reading.fetch({ partitions, ...limits, interrupt })
      if (answer!.kind === 'records') return toFetched(answer!)
      throw new BrokerRefusedError(`Reading ${topic} partition ${partition}`, answer!)
    } finally {
      signal?.removeEventListener('abort', end)
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
