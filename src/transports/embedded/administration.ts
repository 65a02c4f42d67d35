// Topics and groups over direct calls.

import type {
  Administration,
  TopicDescription,
  TopicSpec,
} from '../../sdk/transport/administration.ts'
import type { OffsetCommit, TopicPartition } from '../../sdk/transport/group-member.ts'
import { BrokerRefusedError } from './broker-refused.ts'
import type { Lease } from './lease.ts'
import { isRefusal } from './refusals.ts'
import { committedOffsets } from './start-offsets.ts'

export class EmbeddedAdministration implements Administration {
  readonly #lease: Lease

  constructor(lease: Lease) {
    this.#lease = lease
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<readonly TopicDescription[]> {
    const ensured = await this.#lease.client.topics.ensure(
      topics.map(({ name, partitions, config = {} }) => ({ name, partitions, config })),
    )
    return ensured.map((topic, index) => {
      if (isRefusal(topic)) {
        throw new BrokerRefusedError(`Making topic ${topics[index]!.name}`, topic)
      }
      return { name: topic.name, partitions: topic.partitions }
    })
  }

  async describeTopics(names: readonly string[]): Promise<readonly TopicDescription[]> {
    return names.flatMap((name) => {
      const topic = this.#lease.client.topics.find(name)
      return topic === undefined ? [] : [{ name, partitions: topic.partitions }]
    })
  }

  async committed(
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly OffsetCommit[]> {
    const committed = await committedOffsets(this.#lease.client, group, partitions)
    return [...committed.values()]
  }

  async groups(): Promise<readonly string[]> {
    const names = this.#lease.client.groups.names()
    if ('error' in names) throw new BrokerRefusedError('Listing groups', names)
    return names
  }
}
