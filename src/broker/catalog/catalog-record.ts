// What the catalogue's log is made of: one record per fact, keyed so that compaction keeps the last
// word on each. Keys and values are JSON-friendly text, because an operator should be able to read
// this log with any Kafka tool.
//
//   key                      value (absent = the fact is withdrawn)
//   cluster                  { clusterId }
//   leader-epoch             { leaderEpoch }
//   producer-ids             { nextProducerId }
//   topic/NAME               { id, partitions, configs }
//   deleted-topic/ID         { name }              until the topic's files are gone
//   configs/RESOURCE/NAME    { KEY: TEXT, ... }    RESOURCE is broker, group or client-metrics
//   client-quotas/ENTITY     { KEY: NUMBER, ... }  ENTITY is {"user":"alice"}, as client-quotas.ts writes it
//   acl/RULE                 {}                    RULE is written out in acl-set.ts

import type { Acl } from './acl.ts'
import { aclText, parseAclText } from './acl-set.ts'
import {
  isQuotaKey,
  parseQuotaEntity,
  type QuotaEntity,
  type QuotaKey,
  type QuotaValues,
  quotaEntityText,
} from './client-quotas.ts'
//   user/..., login-secret   see credential-record.ts

import {
  type CredentialRecord,
  credentialFields,
  credentialKey,
  decodeCredential,
  decodeLoginSecret,
  type LoginSecretRecord,
} from './credential-record.ts'

export interface TopicFacts {
  readonly id: string
  readonly partitions: number
  readonly configs: Readonly<Record<string, string>>
}

export type ConfigOwner = 'broker' | 'group' | 'client-metrics'

export type CatalogRecord =
  | CredentialRecord
  | LoginSecretRecord
  | { readonly kind: 'cluster'; readonly clusterId: string }
  | { readonly kind: 'leader-epoch'; readonly leaderEpoch: number }
  | { readonly kind: 'producer-ids'; readonly nextProducerId: number }
  | { readonly kind: 'topic'; readonly name: string; readonly topic: TopicFacts | null }
  | { readonly kind: 'deleted-topic'; readonly id: string; readonly name: string | null }
  | {
      readonly kind: 'configs'
      readonly owner: ConfigOwner
      readonly name: string
      readonly configs: Readonly<Record<string, string>> | null
    }
  | {
      readonly kind: 'client-quotas'
      readonly entity: QuotaEntity
      readonly values: QuotaValues | null
    }
  | { readonly kind: 'acl'; readonly acl: Acl; readonly isRemoved: boolean }

export interface KeyAndValue {
  readonly key: Buffer
  readonly value: Buffer | null
}

export function encodeRecord(record: CatalogRecord): KeyAndValue {
  switch (record.kind) {
    case 'cluster':
      return encode('cluster', { clusterId: record.clusterId })
    case 'leader-epoch':
      return encode('leader-epoch', { leaderEpoch: record.leaderEpoch })
    case 'producer-ids':
      return encode('producer-ids', { nextProducerId: record.nextProducerId })
    case 'topic':
      return encode(`topic/${record.name}`, record.topic)
    case 'deleted-topic':
      return encode(
        `deleted-topic/${record.id}`,
        record.name === null ? null : { name: record.name },
      )
    case 'credential':
      return encode(credentialKey(record), credentialFields(record))
    case 'login-secret':
      return encode('login-secret', { secret: record.secret.toString('base64') })
    case 'configs':
      return encode(`configs/${record.owner}/${record.name}`, record.configs)
    case 'client-quotas':
      return encode(`client-quotas/${quotaEntityText(record.entity)}`, record.values)
    case 'acl':
      return encode(`acl/${aclText(record.acl)}`, record.isRemoved ? null : {})
  }
}

/** @throws Error when the record is none of ours: the catalogue is damaged, or a later version wrote it */
export function decodeRecord(key: Buffer | null, value: Buffer | null): CatalogRecord {
  const text = key?.toString() ?? ''
  const [kind, ...rest] = text.split('/')
  const name = rest.join('/')
  const fields = value === null ? null : parseObject(text, value)
  if (kind === 'topic') return { kind, name, topic: fields && topicFacts(text, fields) }
  if (kind === 'deleted-topic') {
    return { kind, id: name, name: fields && textField(text, fields, 'name') }
  }
  if (kind === 'configs') return decodeConfigs(text, rest, fields)
  if (kind === 'client-quotas') return decodeQuotas(text, name, fields)
  if (kind === 'acl') {
    const acl = parseAclText(name)
    if (acl === undefined) throw unreadable(text)
    return { kind, acl, isRemoved: fields === null }
  }
  const ofLogin = kind === 'user' ? decodeCredential(rest, fields) : undefined
  if (ofLogin !== undefined) return ofLogin
  const secret = kind === 'login-secret' ? decodeLoginSecret(fields) : undefined
  if (secret !== undefined) return secret
  if (fields !== null && name === '') {
    if (kind === 'cluster') return { kind, clusterId: textField(text, fields, 'clusterId') }
    if (kind === 'leader-epoch') {
      return { kind, leaderEpoch: wholeField(text, fields, 'leaderEpoch') }
    }
    if (kind === 'producer-ids') {
      return { kind, nextProducerId: wholeField(text, fields, 'nextProducerId') }
    }
  }
  throw unreadable(text)
}

function decodeConfigs(
  text: string,
  [owner, ...name]: readonly string[],
  fields: Record<string, unknown> | null,
): CatalogRecord {
  if (owner !== 'broker' && owner !== 'group' && owner !== 'client-metrics') throw unreadable(text)
  const configs = fields && texts(text, fields)
  return { kind: 'configs', owner, name: name.join('/'), configs }
}

function decodeQuotas(
  text: string,
  entityText: string,
  fields: Record<string, unknown> | null,
): CatalogRecord {
  const entity = parseQuotaEntity(entityText)
  if (entity === undefined) throw unreadable(text)
  if (fields === null) return { kind: 'client-quotas', entity, values: null }
  const values: Partial<Record<QuotaKey, number>> = {}
  for (const [key, value] of Object.entries(fields)) {
    if (!isQuotaKey(key) || typeof value !== 'number') throw unreadable(text)
    values[key] = value
  }
  return { kind: 'client-quotas', entity, values }
}

function topicFacts(key: string, fields: Record<string, unknown>): TopicFacts {
  const { configs } = fields
  if (!isObject(configs)) throw unreadable(key)
  return {
    id: textField(key, fields, 'id'),
    partitions: wholeField(key, fields, 'partitions'),
    configs: texts(key, configs),
  }
}

function texts(key: string, fields: Record<string, unknown>): Record<string, string> {
  const result: Record<string, string> = {}
  for (const name of Object.keys(fields)) result[name] = textField(key, fields, name)
  return result
}

function encode(key: string, value: object | null): KeyAndValue {
  return { key: Buffer.from(key), value: value && Buffer.from(JSON.stringify(value)) }
}

function parseObject(key: string, value: Buffer): Record<string, unknown> {
  const parsed: unknown = JSON.parse(value.toString())
  if (!isObject(parsed)) throw unreadable(key)
  return parsed
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function textField(key: string, fields: Record<string, unknown>, name: string): string {
  const value = fields[name]
  if (typeof value !== 'string') throw unreadable(key)
  return value
}

function wholeField(key: string, fields: Record<string, unknown>, name: string): number {
  const value = fields[name]
  if (!Number.isSafeInteger(value)) throw unreadable(key)
  return Number(value)
}

function unreadable(key: string): Error {
  return new Error(`The catalogue has a record that this version cannot read: '${key}'.`)
}
