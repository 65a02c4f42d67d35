// The topics that the broker itself writes, and what they are made with. They are made lazily, with
// the first group or transactional id, not with the folder. Source: the settings that Kafka gives them.

import type { BrokerConfig } from './broker-config-keys.ts'
import type { TopicRequest } from './decide-topic.ts'
import { isInternalTopic } from './topic-name.ts'

export const OFFSETS_TOPIC = '__consumer_offsets'
/** A group is one record: ten thousand members have to fit into it. */
const OFFSETS_MAX_MESSAGE_BYTES = 16 * 1024 * 1024

export const TRANSACTIONS_TOPIC = '__transaction_state'
/** A transaction is one record, and may name every partition that there is. */
const TRANSACTIONS_MAX_MESSAGE_BYTES = 16 * 1024 * 1024

export function offsetsTopicRequest(config: BrokerConfig): TopicRequest {
  return internalTopicRequest(OFFSETS_TOPIC, config.offsetsTopicNumPartitions, config)
}

export function transactionsTopicRequest(config: BrokerConfig): TopicRequest {
  return internalTopicRequest(TRANSACTIONS_TOPIC, config.transactionStateLogNumPartitions, config)
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
 * What a topic of that name needs, also when its folders came from elsewhere. Committed offsets,
 * groups and transactions are one record per fact: compaction keeps them, and keeps them small, for
 * ever.
 */
export function internalTopicConfigs(
  name: string,
  config: BrokerConfig,
): Readonly<Record<string, string>> {
  if (name === OFFSETS_TOPIC) {
    return compacted(OFFSETS_MAX_MESSAGE_BYTES, config.offsetsTopicSegmentBytes)
  }
  if (name === TRANSACTIONS_TOPIC) {
    return compacted(TRANSACTIONS_MAX_MESSAGE_BYTES, config.transactionStateLogSegmentBytes)
  }
  return {}
}

function compacted(maxMessageBytes: number, segmentBytes: number) {
  return {
    'cleanup.policy': 'compact',
    'compression.type': 'producer',
    'max.message.bytes': String(maxMessageBytes),
    'segment.bytes': String(segmentBytes),
  }
}

function internalTopicRequest(name: string, partitions: number, config: BrokerConfig) {
  const configs = Object.entries(internalTopicConfigs(name, config))
  return {
    name,
    partitions,
    replicationFactor: 1,
    assignments: [],
    configs: configs.map(([key, value]) => ({ name: key, value })),
  }
}
