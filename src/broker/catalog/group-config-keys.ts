// The configuration keys of a group and of a client metrics subscription. Those of consumer groups act;
// the others belong to group protocols and to telemetry that do not exist here. Admin tools ask for
// them all the same, so they are kept and listed with their defaults.

import type { BrokerConfig } from './broker-config-keys.ts'
import type { ConfigKey } from './config-key.ts'
import { atLeast, type ConfigType } from './config-value.ts'

const NO_SUCH_GROUPS = 'share groups and streams groups do not exist.'
const NO_TELEMETRY = 'client telemetry is not collected.'

const groupRows: readonly (readonly [name: string, type: ConfigType, defaultText: string])[] = [
  ['share.assignment.interval.ms', 'int', '1000'],
  ['share.auto.offset.reset', 'string', 'latest'],
  ['share.delivery.count.limit', 'int', '5'],
  ['share.heartbeat.interval.ms', 'int', '5000'],
  ['share.isolation.level', 'string', 'read_uncommitted'],
  ['share.partition.max.record.locks', 'int', '2000'],
  ['share.record.lock.duration.ms', 'int', '30000'],
  ['share.renew.acknowledge.enable', 'boolean', 'true'],
  ['share.session.timeout.ms', 'int', '45000'],
  ['streams.assignment.interval.ms', 'int', '1000'],
  ['streams.heartbeat.interval.ms', 'int', '5000'],
  ['streams.initial.rebalance.delay.ms', 'int', '3000'],
  ['streams.num.standby.replicas', 'int', '0'],
  ['streams.session.timeout.ms', 'int', '45000'],
]

const clientMetricsRows: typeof groupRows = [
  ['interval.ms', 'int', '300000'],
  ['match', 'list', ''],
  ['metrics', 'list', ''],
]

/** Kafka lets these two be set on a group only, so no broker key gives their default. */
const WITHOUT_FALLBACK: readonly string[] = [
  'share.auto.offset.reset',
  'share.isolation.level',
  'share.renew.acknowledge.enable',
]

const consumerGroupKeys: readonly ConfigKey[] = [
  consumerGroupKey('assignment.interval.ms', '1000', 0, 'Its least time between two assignments.'),
  consumerGroupKey('heartbeat.interval.ms', '5000', 1, 'How often its members give a sign.'),
  consumerGroupKey('session.timeout.ms', '45000', 1, 'How long its members may be silent.'),
]

export const groupConfigKeys: ReadonlyMap<string, ConfigKey> = new Map(
  [
    ...consumerGroupKeys,
    ...groupRows.map(([name, type, defaultText]) => {
      const isOwn = WITHOUT_FALLBACK.includes(name)
      const fallbacks = isOwn ? [] : [{ name: `group.${name}`, factor: 1 }]
      return inertKey(name, type, defaultText, NO_SUCH_GROUPS, fallbacks)
    }),
  ].map((key) => [key.name, key]),
)

/** Why these values cannot be a group's on this broker; undefined when they can. */
export function explainOutOfBounds(
  texts: Readonly<Record<string, string>>,
  config: BrokerConfig,
): string | undefined {
  const bounds = {
    'consumer.assignment.interval.ms': [
      config.groupConsumerMinAssignmentIntervalMs,
      config.groupConsumerMaxAssignmentIntervalMs,
    ],
    'consumer.heartbeat.interval.ms': [
      config.groupConsumerMinHeartbeatIntervalMs,
      config.groupConsumerMaxHeartbeatIntervalMs,
    ],
    'consumer.session.timeout.ms': [
      config.groupConsumerMinSessionTimeoutMs,
      config.groupConsumerMaxSessionTimeoutMs,
    ],
  } as const
  for (const [name, [least, most]] of Object.entries(bounds)) {
    const text = texts[name]
    if (text === undefined || (Number(text) >= least && Number(text) <= most)) continue
    return `${name} cannot be '${text}': this broker takes ${least} to ${most}.`
  }
  return undefined
}

export const clientMetricsConfigKeys: ReadonlyMap<string, ConfigKey> = new Map(
  clientMetricsRows.map(([name, type, defaultText]) => [
    name,
    inertKey(name, type, defaultText, NO_TELEMETRY, []),
  ]),
)

function consumerGroupKey(
  suffix: string,
  defaultText: string,
  least: number,
  about: string,
): ConfigKey {
  return {
    name: `consumer.${suffix}`,
    type: 'int',
    defaultText,
    check: atLeast(least),
    effect: 'acts',
    about,
    altersAtRunTime: true,
    fallbacks: [{ name: `group.consumer.${suffix}`, factor: 1 }],
  }
}

function inertKey(
  name: string,
  type: ConfigType,
  defaultText: string,
  about: string,
  fallbacks: ConfigKey['fallbacks'],
): ConfigKey {
  return { name, type, defaultText, effect: 'none', about, altersAtRunTime: true, fallbacks }
}
