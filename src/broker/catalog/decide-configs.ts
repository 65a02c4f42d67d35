// May these configurations be set, and to what? Pure: what is set now and the request in, the whole
// new set or a refusal out. A resource is altered as a whole or not at all.
// Source: KIP-133 (replace), KIP-339 (incremental), KIP-226 (brokers).

import { ErrorCode } from '../wire/error-codes.ts'
import type { ConfigKey } from './config-key.ts'
import { brokerConfigKey, brokerConfigKeys, nearestKey } from './config-keys.ts'
import { canonicalText, parseConfigText, readConfig, shownText } from './config-value.ts'
import { clientMetricsConfigKeys, groupConfigKeys } from './group-config-keys.ts'
import { type Refusal, refuse, refuseConfig } from './refusal.ts'
import { topicConfigKeys } from './topic-config-keys.ts'

export type ResourceType = 'topic' | 'broker' | 'group' | 'client-metrics'

export interface ConfigEntry {
  readonly name: string
  readonly value: string | null
}

export interface ConfigOperation extends ConfigEntry {
  readonly operation: 'set' | 'delete' | 'append' | 'subtract'
}

type Texts = Readonly<Record<string, string>>

export type ConfigDecision = Refusal | { readonly kind: 'allowed'; readonly texts: Texts }

export const configKeysOf: Readonly<Record<ResourceType, ReadonlyMap<string, ConfigKey>>> = {
  topic: topicConfigKeys,
  broker: brokerConfigKeys,
  group: groupConfigKeys,
  'client-metrics': clientMetricsConfigKeys,
}

function configKey(type: ResourceType, name: string): ConfigKey | undefined {
  return type === 'broker' ? brokerConfigKey(name) : configKeysOf[type].get(name)
}

export const ownerNames: Readonly<Record<ResourceType, string>> = {
  topic: 'topic',
  broker: 'broker',
  group: 'group',
  'client-metrics': 'client metrics',
}

/** The configurations of a topic that is to be made. */
export function checkTopicConfigs(entries: readonly ConfigEntry[]): ConfigDecision {
  const twice = firstTwice(entries)
  if (twice !== undefined) return refuseTwice(twice)
  const missing = entries.find(({ value }) => value === null)
  if (missing !== undefined) return refuseConfig(`${missing.name} needs a value.`)
  return checkAll('topic', {}, entries)
}

/** AlterConfigs: what is not named goes back to its default. */
export function replaceConfigs(
  type: ResourceType,
  entries: readonly ConfigEntry[],
): ConfigDecision {
  const twice = firstTwice(entries)
  if (twice !== undefined) return refuseTwice(twice)
  const missing = entries.find(({ value }) => value === null)
  if (missing !== undefined) return refuseMissing(missing.name)
  const fixed = type === 'broker' ? explainFixedAtStart(entries) : undefined
  return fixed === undefined ? checkAll(type, {}, entries) : fixed
}

/**
 * IncrementalAlterConfigs: each operation on what is set now.
 * @param inherited the list that APPEND and SUBTRACT start from when the key is not set itself
 */
export function alterConfigs(
  type: ResourceType,
  current: Texts,
  operations: readonly ConfigOperation[],
  inherited: (key: ConfigKey) => string | null,
): ConfigDecision {
  const twice = firstTwice(operations)
  if (twice !== undefined) return refuseTwice(twice)
  const next: Record<string, string> = { ...current }
  const changed: ConfigEntry[] = []
  for (const { name, operation, value } of operations) {
    if (operation === 'delete') {
      delete next[name]
      continue
    }
    if (value === null) return refuseMissing(name)
    if (operation === 'set') {
      changed.push({ name, value })
      continue
    }
    const key = configKey(type, name)
    if (key === undefined) return refuseUnknown(type, name)
    if (key.type !== 'list') {
      return refuseConfig(`${name} is no list, so nothing can be appended or subtracted.`)
    }
    const list = entriesOf(next[name] ?? inherited(key) ?? '')
    const entries = entriesOf(value)
    const result =
      operation === 'append'
        ? [...list, ...entries.filter((entry) => !list.includes(entry))]
        : list.filter((entry) => !entries.includes(entry))
    changed.push({ name, value: result.join(',') })
  }
  // To delete what is not there is nothing, whatever its name: tools tidy up that way.
  const fixed = type === 'broker' ? explainFixedAtStart(changed) : undefined
  return fixed === undefined ? checkAll(type, next, changed) : fixed
}

function checkAll(
  type: ResourceType,
  current: Texts,
  changed: readonly ConfigEntry[],
): ConfigDecision {
  const texts: Record<string, string> = { ...current }
  for (const { name, value } of changed) {
    const key = configKey(type, name)
    if (key === undefined) return refuseUnknown(type, name)
    const text = value ?? ''
    const read = readConfig(key, text)
    if (read.kind === 'invalid') return refuseConfig(read.message)
    const canonical = canonicalText(key.type, text)
    if (key.effect === 'refused' && canonical !== (key.defaultText ?? '')) {
      return refuseConfig(`${name} cannot be ${shownText(key.type, text)}: ${key.about}`)
    }
    texts[name] = canonical
  }
  const contradiction = explainContradiction(type, texts)
  return contradiction === undefined ? { kind: 'allowed', texts } : refuseConfig(contradiction)
}

/** Two values, each fine, that cannot both hold. */
function explainContradiction(type: ResourceType, texts: Texts): string | undefined {
  if (type !== 'topic') return undefined
  const least = texts['min.compaction.lag.ms']
  const most = texts['max.compaction.lag.ms']
  if (least === undefined || most === undefined) return undefined
  if (Number(parseConfigText('long', least)) <= Number(parseConfigText('long', most))) {
    return undefined
  }
  return `min.compaction.lag.ms (${least}) cannot be more than max.compaction.lag.ms (${most}).`
}

function explainFixedAtStart(entries: readonly { readonly name: string }[]): Refusal | undefined {
  for (const { name } of entries) {
    const key = brokerConfigKey(name)
    if (key === undefined) return refuseUnknown('broker', name)
    if (!key.altersAtRunTime) {
      return refuse(
        ErrorCode.INVALID_REQUEST,
        `${name} is read at start only: set it in the file, the environment or a flag.`,
      )
    }
  }
  return undefined
}

function refuseUnknown(type: ResourceType, name: string): Refusal {
  const nearest = nearestKey(name, configKeysOf[type].keys())
  const hint = nearest === undefined ? '' : ` Did you mean '${nearest}'?`
  const message = `There is no ${ownerNames[type]} configuration '${name}'.${hint}`
  // Kafka has a different code for each of the two.
  const isRequest = type === 'client-metrics'
  return refuse(isRequest ? ErrorCode.INVALID_REQUEST : ErrorCode.INVALID_CONFIG, message)
}

function refuseTwice(name: string): Refusal {
  return refuse(ErrorCode.INVALID_REQUEST, `${name} is named twice.`)
}

function refuseMissing(name: string): Refusal {
  return refuse(ErrorCode.INVALID_REQUEST, `${name} needs a value.`)
}

function firstTwice(entries: readonly { readonly name: string }[]): string | undefined {
  const seen = new Set<string>()
  for (const { name } of entries) {
    if (seen.has(name)) return name
    seen.add(name)
  }
  return undefined
}

function entriesOf(text: string): readonly string[] {
  const value = parseConfigText('list', text)
  return Array.isArray(value) ? value : []
}
