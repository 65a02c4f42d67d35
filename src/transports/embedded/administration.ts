// Topics and groups over direct calls.

import type { LocalClient } from '../../broker/local/local-client.ts'
import type {
  Administration,
  TopicDescription,
  TopicSpec,
} from '../../sdk/transport/administration.ts'
import type { OffsetCommit, TopicPartition } from '../../sdk/transport/group-member.ts'
import { BrokerRefusedError } from './broker-refused.ts'
import { isRefusal } from './refusals.ts'
import { committedOffsets } from './start-offsets.ts'

export class EmbeddedAdministration implements Administration {
  readonly #client: LocalClient

  constructor(client: LocalClient) {
    this.#client = client
  }

  async ensureTopics(topics: readonly TopicSpec[]): Promise<readonly TopicDescription[]> {
    const ensured = await this.#client.topics.ensure(
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
      const topic = this.#client.topics.find(name)
      return topic === undefined ? [] : [{ name, partitions: topic.partitions }]
    })
  }

  async committed(
    group: string,
    partitions: readonly TopicPartition[],
  ): Promise<readonly OffsetCommit[]> {
    const committed = await committedOffsets(this.#client, group, partitions)
    return [...committed.values()]
  }

  async groups(): Promise<readonly string[]> {
    const names = this.#client.groups.names()
    if ('error' in names) throw new BrokerRefusedError('Listing groups', names)
    return names
  }
}
