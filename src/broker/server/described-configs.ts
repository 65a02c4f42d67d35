// Configurations as DescribeConfigs and CreateTopics show them: every key, its value, where it comes
// from and what else it could come from. Source: KIP-226 (sources), KIP-569 (types, documentation).

import type { BrokerSettings, ConfigLayer, ConfigSource } from '../catalog/broker-settings.ts'
import type { ConfigKey } from '../catalog/config-key.ts'
import { brokerConfigKey } from '../catalog/config-keys.ts'
import type { ConfigResource } from '../catalog/config-resource.ts'
import { type ConfigType, canonicalText } from '../catalog/config-value.ts'
import { configKeysOf, type ResourceType } from '../catalog/decide-configs.ts'

export interface DescribedConfig {
  readonly name: string
  readonly value: string | null
  readonly readOnly: boolean
  readonly configSource: number
  readonly isSensitive: boolean
  readonly synonyms: readonly { name: string; value: string | null; source: number }[]
  readonly configType: number
  readonly documentation: string | null
}

const sourceCodes: Readonly<Record<ConfigSource, number>> = {
  topic: 1,
  'dynamic-broker': 2,
  'dynamic-default-broker': 3,
  'static-broker': 4,
  default: 5,
  'client-metrics': 7,
  group: 8,
}

const typeCodes: Readonly<Record<ConfigType, number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  short: 4,
  long: 5,
  double: 6,
  list: 7,
  class: 8,
  password: 9,
}

/** Sorted once: ten thousand topics may be described in a row. */
const sortedKeys = {
  topic: sortedKeysOf('topic'),
  broker: sortedKeysOf('broker'),
  'client-metrics': sortedKeysOf('client-metrics'),
  group: sortedKeysOf('group'),
} satisfies Readonly<Record<ResourceType, readonly ConfigKey[]>>

function sortedKeysOf(type: ResourceType): ConfigKey[] {
  return [...configKeysOf[type].values()]
    .filter((key) => !key.isInternal)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

export interface DescribeOptions {
  readonly settings: BrokerSettings
  /** What is set on the resource itself. */
  readonly own: Readonly<Record<string, string>>
  /** null = every key. */
  readonly keys: readonly string[] | null
  readonly withSynonyms: boolean
  readonly withDocumentation: boolean
}

/** In the order of the names. */
export function describeConfigsOf(
  resource: ConfigResource,
  options: DescribeOptions,
): DescribedConfig[] {
  if (resource.type !== 'broker') {
    const asked = options.keys && new Set(options.keys)
    const sorted = sortedKeys[resource.type]
    const keys = asked === null ? sorted : sorted.filter((key) => asked.has(key.name))
    return keys.map((key) => describe(resource, key, options))
  }
  const keys = brokerKeys(options)
  // "Every broker" is no broker: it has what was altered for it, and no defaults.
  if (resource.name === '') {
    const altered = keys.filter((key) => options.own[key.name] !== undefined)
    return altered.map((key) => describeAltered(key, options))
  }
  return keys.map((key) => entry(key, options.settings.layers(key.name), options))
}

/** Those of single listeners exist once they are set. */
function brokerKeys({ settings, keys: asked }: DescribeOptions): ConfigKey[] {
  const ofListeners = settings.listenerKeys().flatMap((name) => brokerConfigKey(name) ?? [])
  const all = [...sortedKeys.broker, ...ofListeners].sort((a, b) => (a.name < b.name ? -1 : 1))
  return asked === null ? all : all.filter((key) => asked.includes(key.name))
}

function describe(
  resource: ConfigResource,
  key: ConfigKey,
  options: DescribeOptions,
): DescribedConfig {
  const source = resource.type === 'broker' ? 'static-broker' : resource.type
  const layers = options.settings.layersBelow(key, options.own, source)
  const value = options.settings.effectiveText(key, options.own, source)
  return { ...entry(key, layers, options), value: value && canonicalText(key.type, value) }
}

function describeAltered(key: ConfigKey, options: DescribeOptions): DescribedConfig {
  const layers = options.settings
    .layers(key.name)
    .filter((layer) => layer.source === 'dynamic-default-broker')
  return entry(key, layers, options)
}

/** @param layers who wins first */
function entry(
  key: ConfigKey,
  layers: readonly ConfigLayer[],
  { withSynonyms, withDocumentation }: DescribeOptions,
): DescribedConfig {
  const isSensitive = key.type === 'password'
  const winner = layers[0]
  const shown = (layer: ConfigLayer) => {
    const type = brokerConfigKey(layer.name)?.type ?? key.type
    return isSensitive ? null : canonicalText(type, layer.text)
  }
  return {
    name: key.name,
    value: winner === undefined ? null : shown(winner),
    readOnly: !key.altersAtRunTime,
    configSource: sourceCodes[winner?.source ?? 'default'],
    isSensitive,
    synonyms: withSynonyms
      ? layers.map((layer) => ({
          name: layer.name,
          value: shown(layer),
          source: sourceCodes[layer.source],
        }))
      : [],
    configType: typeCodes[key.type],
    documentation: withDocumentation ? documentationOf(key) : null,
  }
}

function documentationOf(key: ConfigKey): string {
  if (key.effect === 'acts') return key.about
  return `${key.effect === 'none' ? 'No effect' : 'Refused'}: ${key.about}`
}
