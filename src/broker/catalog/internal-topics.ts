// The topics that the broker itself writes, and what they are made with. They are made lazily, with
// the first group, not with the folder. Source: the settings that Kafka gives them.

import type { BrokerConfig } from './broker-config-keys.ts'
import type { TopicRequest } from './decide-topic.ts'

export const OFFSETS_TOPIC = '__consumer_offsets'
/** A group is one record: ten thousand members have to fit into it. */
const OFFSETS_MAX_MESSAGE_BYTES = 16 * 1024 * 1024

/** Committed offsets and groups: one record per fact, so compaction keeps it small for ever. */
export function offsetsTopicRequest(config: BrokerConfig): TopicRequest {
  return {
    name: OFFSETS_TOPIC,
    partitions: config.offsetsTopicNumPartitions,
    replicationFactor: 1,
    assignments: [],
    configs: [
      { name: 'cleanup.policy', value: 'compact' },
      { name: 'compression.type', value: 'producer' },
      { name: 'max.message.bytes', value: String(OFFSETS_MAX_MESSAGE_BYTES) },
      { name: 'segment.bytes', value: String(config.offsetsTopicSegmentBytes) },
    ],
  }
}
