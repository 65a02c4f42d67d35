// What consumer groups need of this broker: the topics, the expressions held against them, and the
// settings that count for a group: its own within the broker's bounds, or else the broker's.
// Source: KIP-848, KIP-1263.

import type { Host } from '../../host/host.ts'
import type { BrokerConfig } from '../catalog/broker-config-keys.ts'
import type { Catalog } from '../catalog/catalog.ts'
import type { ConsumerGroupSettings } from '../coordinators/consumer-groups/input.ts'
import type { CatalogTopics } from './catalog-topics.ts'
import type { ConsumerGroupNeeds } from './coordinator-consumer-group.ts'
import { TopicRegexes } from './topic-regexes.ts'

export interface ConsumerNeedsSources {
  readonly host: Pick<Host, 'clock' | 'timers'>
  readonly config: BrokerConfig
  readonly catalog: Pick<Catalog, 'configsOf'>
}

export function consumerGroupNeeds(
  { host, config, catalog }: ConsumerNeedsSources,
  topics: CatalogTopics,
): ConsumerGroupNeeds {
  const regexes = new TopicRegexes({
    host,
    version: () => topics.version,
    names: () => topics.names(),
  })
  return {
    topics,
    regexes,
    settingsOf: (groupId) =>
      settingsOf(config, catalog.configsOf({ type: 'group', name: groupId })),
  }
}

function settingsOf(
  config: BrokerConfig,
  own: Readonly<Record<string, string>>,
): ConsumerGroupSettings {
  return {
    sessionTimeoutMs: within(
      own['consumer.session.timeout.ms'] ?? config.groupConsumerSessionTimeoutMs,
      config.groupConsumerMinSessionTimeoutMs,
      config.groupConsumerMaxSessionTimeoutMs,
    ),
    heartbeatIntervalMs: within(
      own['consumer.heartbeat.interval.ms'] ?? config.groupConsumerHeartbeatIntervalMs,
      config.groupConsumerMinHeartbeatIntervalMs,
      config.groupConsumerMaxHeartbeatIntervalMs,
    ),
    assignmentIntervalMs: within(
      own['consumer.assignment.interval.ms'] ?? config.groupConsumerAssignmentIntervalMs,
      config.groupConsumerMinAssignmentIntervalMs,
      config.groupConsumerMaxAssignmentIntervalMs,
    ),
    maxMembers: config.groupConsumerMaxSize,
    assignors: config.groupConsumerAssignors,
  }
}

function within(value: string | number, least: number, most: number): number {
  return Math.max(least, Math.min(most, Number(value)))
}
