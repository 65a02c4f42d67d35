// Topics and groups of the cluster.

import type {
  Administration,
  TopicDescription,
  TopicSpec,
} from '../../sdk/transport/administration.ts'
import type { OffsetCommit, TopicPartition } from '../../sdk/transport/group-member.ts'
import { apis } from './apis.ts'
import type { Cluster } from './cluster.ts'
import { committedOffsets } from './committed-offsets.ts'
import { Code, KafkaError, refusal } from './errors.ts'

const CLUSTER_DEFAULT = -1
/** How long other nodes of the cluster may take to hear of a new topic. */
const SETTLING_MS = 15_000

export function administration(cluster: Cluster): Administration {
  const clock = cluster.world.clock
  const deadline = () => clock.monotonicMs() + cluster.options.requestTimeoutMs

  async function describe(names: readonly string[]): Promise<readonly TopicDescription[]> {
    if (names.length === 0) return []
    await cluster.persist('Describing topics', deadline(), () => cluster.refresh(names))
    return names.flatMap((name) => {
      const topic = cluster.topic(name)
      return topic === undefined ? [] : [{ name, partitions: topic.leaders.length }]
    })
  }

  async function create(specs: readonly TopicSpec[]): Promise<void> {
    const nodeId = await cluster.controller()
    const answer = await cluster.send(
      apis.createTopics,
      { nodeId, purpose: 'questions' },
      specs.map(({ name, partitions, config }) => ({
        name,
        numPartitions: partitions ?? CLUSTER_DEFAULT,
        replicationFactor: CLUSTER_DEFAULT,
        assignments: [],
        configs: Object.entries(config ?? {}).map(([key, value]) => ({ name: key, value })),
      })),
      cluster.options.requestTimeoutMs,
      false,
    )
    for (const { name, errorCode, errorMessage } of answer.topics) {
      if (errorCode === Code.NONE || errorCode === Code.TOPIC_ALREADY_EXISTS) continue
      throw refusal(`Creating topic ${name}`, errorCode, errorMessage)
    }
  }

  return {
    async ensureTopics(topics) {
      const names = topics.map(({ name }) => name)
      const existing = new Set((await describe(names)).map(({ name }) => name))
      const missing = topics.filter(({ name }) => !existing.has(name))
      if (missing.length > 0) {
        await cluster.persist('Creating topics', deadline(), () => create(missing))
      }
      const settled = clock.monotonicMs() + SETTLING_MS
      return cluster.persist('Creating topics', settled, async () => {
        const described = await describe(names)
        const absent = names.find((name) => described.every((topic) => topic.name !== name))
        const leaderless = described.find(({ name }) =>
          cluster.topic(name)!.leaders.some((leader) => leader < 0),
        )
        if (absent === undefined && leaderless === undefined) return described
        throw new KafkaError(`Topic ${absent ?? leaderless!.name} has no leader yet.`, {
          apiCode: Code.LEADER_NOT_AVAILABLE,
        })
      })
    },

    describeTopics: describe,

    async committed(
      group: string,
      partitions: readonly TopicPartition[],
    ): Promise<readonly OffsetCommit[]> {
      return committedOffsets(cluster, group, partitions, deadline())
    },

    async groups() {
      return cluster.persist('Listing groups', deadline(), async () => {
        const names = new Set<string>()
        for (const nodeId of await cluster.nodeIds()) {
          const answer = await cluster.send(
            apis.listGroups,
            { nodeId, purpose: 'questions' },
            [],
            [],
          )
          if (answer.errorCode !== Code.NONE) throw refusal('Listing groups', answer.errorCode)
          for (const { groupId } of answer.groups) names.add(groupId)
        }
        return [...names].sort()
      })
    },
  }
}
