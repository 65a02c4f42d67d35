// What configurations are set on: a topic, the broker or every broker, a group, a client metrics
// subscription. Whether it is there, what it adds to a decision about its texts, and the record of that.

import { ErrorCode } from '../wire/error-codes.ts'
import type { BrokerConfig } from './broker-config-keys.ts'
import type { CatalogRecord } from './catalog-record.ts'
import type { CatalogState } from './catalog-state.ts'
import { type ConfigDecision, ownerNames, type ResourceType } from './decide-configs.ts'
import { NODE_ID } from './decide-topic.ts'
import { explainOutOfBounds } from './group-config-keys.ts'
import { type Refusal, refuse, refuseConfig } from './refusal.ts'
import { keepStore } from './store-topics.ts'

export interface ConfigResource {
  readonly type: ResourceType
  readonly name: string
}

type Texts = Readonly<Record<string, string>>

/** What is set on a resource itself, valid texts by key. */
export function configsOf({ type, name }: ConfigResource, state: CatalogState): Texts {
  if (type === 'topic') return state.topic(name)?.configs ?? {}
  return state.configs(type, name)
}

export function explainWrongResource(
  { type, name }: ConfigResource,
  state: CatalogState,
): Refusal | undefined {
  if (type === 'broker') {
    if (name === '' || name === String(NODE_ID)) return undefined
    return refuse(
      ErrorCode.INVALID_REQUEST,
      `There is no broker '${name}': it is ${NODE_ID}, or empty for every broker.`,
    )
  }
  if (name === '')
    return refuse(ErrorCode.INVALID_REQUEST, `A resource of type ${ownerNames[type]} needs a name.`)
  if (type !== 'topic' || state.topic(name) !== undefined) return undefined
  return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, `There is no topic '${name}'.`)
}

/** What is stored of texts that are valid each by itself. */
export function settleTexts(
  type: ResourceType,
  { current, next }: { readonly current: Texts; readonly next: Texts },
  config: BrokerConfig,
): ConfigDecision {
  if (type === 'topic') {
    const kept = keepStore(current, next)
    if (kept.kind === 'conflict') return refuseConfig(kept.message)
    return { kind: 'allowed', texts: kept.texts }
  }
  const outOfBounds = type === 'group' ? explainOutOfBounds(next, config) : undefined
  return outOfBounds === undefined ? { kind: 'allowed', texts: next } : refuseConfig(outOfBounds)
}

export function configsRecord(
  { type, name }: ConfigResource,
  texts: Texts,
  state: CatalogState,
): CatalogRecord {
  if (type !== 'topic') {
    const configs = Object.keys(texts).length === 0 ? null : texts
    return { kind: 'configs', owner: type, name, configs }
  }
  const { id, partitions } = state.topic(name)!
  return { kind: 'topic', name, topic: { id, partitions, configs: texts } }
}
