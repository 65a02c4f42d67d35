// The configuration keys of a consumer group and of a client metrics subscription. None acts: they
// belong to group protocols and to telemetry that do not exist here. Admin tools ask for them all the
// same, so they are kept and listed with their defaults.

import type { ConfigKey } from './config-key.ts'
import type { ConfigType } from './config-value.ts'

const NOT_CLASSIC =
  'only classic consumer groups exist yet, and their members bring these settings.'
const NO_TELEMETRY = 'client telemetry is not collected.'

const groupRows: readonly (readonly [name: string, type: ConfigType, defaultText: string])[] = [
  ['consumer.assignment.interval.ms', 'int', '1000'],
  ['consumer.heartbeat.interval.ms', 'int', '5000'],
  ['consumer.session.timeout.ms', 'int', '45000'],
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

export const groupConfigKeys: ReadonlyMap<string, ConfigKey> = new Map(
  groupRows.map(([name, type, defaultText]) => {
    const fallbacks = WITHOUT_FALLBACK.includes(name) ? [] : [{ name: `group.${name}`, factor: 1 }]
    return [name, inertKey(name, type, defaultText, NOT_CLASSIC, fallbacks)]
  }),
)

export const clientMetricsConfigKeys: ReadonlyMap<string, ConfigKey> = new Map(
  clientMetricsRows.map(([name, type, defaultText]) => [
    name,
    inertKey(name, type, defaultText, NO_TELEMETRY, []),
  ]),
)

function inertKey(
  name: string,
  type: ConfigType,
  defaultText: string,
  about: string,
  fallbacks: ConfigKey['fallbacks'],
): ConfigKey {
  return { name, type, defaultText, effect: 'none', about, altersAtRunTime: true, fallbacks }
}
