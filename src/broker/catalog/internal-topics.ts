// The topics that the broker itself writes, and what they are made with. They are made lazily, with
// the first group, not with the folder. Source: the settings that Kafka gives them.

import type { BrokerConfig } from './broker-config-keys.ts'
import type { TopicRequest } from './decide-topic.ts'
import { isInternalTopic } from './topic-name.ts'

export const OFFSETS_TOPIC = '__consumer_offsets'
/** A group is one record: ten thousand members have to fit into it. */
const OFFSETS_MAX_MESSAGE_BYTES = 16 * 1024 * 1024

export function offsetsTopicRequest(config: BrokerConfig): TopicRequest {
  const configs = Object.entries(internalTopicConfigs(OFFSETS_TOPIC, config))
  return {
    name: OFFSETS_TOPIC,
    partitions: config.offsetsTopicNumPartitions,
    replicationFactor: 1,
    assignments: [],
    configs: configs.map(([name, value]) => ({ name, value })),
  }
}

/**
 * The settings of a topic whose folders came from elsewhere. Its own were not among them: until
 * somebody says otherwise nothing of it is deleted, however old.
 */
export function adoptedTopicConfigs(
  name: string,
  config: BrokerConfig,
): Readonly<Record<string, string>> {
  if (isInternalTopic(name)) return internalTopicConfigs(name, config)
  return { 'retention.bytes': '-1', 'retention.ms': '-1' }
}

/**
 * What a topic of that name needs, also when its folders came from elsewhere. Committed offsets and
 * groups are one record per fact: compaction keeps them, and keeps them small, for ever.
 */
export function internalTopicConfigs(
  name: string,
  config: BrokerConfig,
): Readonly<Record<string, string>> {
  if (name !== OFFSETS_TOPIC) return {}
  return {
    'cleanup.policy': 'compact',
    'compression.type': 'producer',
    'max.message.bytes': String(OFFSETS_MAX_MESSAGE_BYTES),
    'segment.bytes': String(config.offsetsTopicSegmentBytes),
  }
}
