// Writes docs/configuration.md from the tables of configuration keys. A test holds the file to it:
//
//   node scripts/configuration-docs.ts

import { writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { actingBrokerConfigKeys } from '../src/broker/catalog/broker-config-keys.ts'
import type { ConfigKey } from '../src/broker/catalog/config-key.ts'
import { brokerConfigKeys } from '../src/broker/catalog/config-keys.ts'
import {
  clientMetricsConfigKeys,
  groupConfigKeys,
} from '../src/broker/catalog/group-config-keys.ts'
import { inertConfigKeys } from '../src/broker/catalog/inert-config-keys.ts'
import { refusedConfigKeys } from '../src/broker/catalog/refused-config-keys.ts'
import { topicConfigKeys } from '../src/broker/catalog/topic-config-keys.ts'

export const configurationDocsPath = resolve(import.meta.dirname, '../docs/configuration.md')

const LONG_MAX = '9223372036854775807'

export function renderConfigurationDocs(): string {
  const topicKeys = [...topicConfigKeys.values()].filter((key) => !key.isInternal)
  const acting = topicKeys.filter((key) => key.effect === 'acts')
  const idle = topicKeys.filter((key) => key.effect !== 'acts')
  const acts = new Set(actingBrokerConfigKeys.map((key) => key.name))
  const fallbacks = [...brokerConfigKeys.values()].filter(
    (key) => key.effect === 'acts' && !acts.has(key.name),
  )
  const groupKeys = [...groupConfigKeys.values()]
  const differing = [...actingBrokerConfigKeys, ...topicKeys].filter((key) => key.differs)

  return `# Configuration

Keys, types, defaults and bounds are those of Apache Kafka 4.3, so its documentation applies, and an ordinary \`server.properties\` of a single node starts this broker. This page says which keys act, which are only kept and shown, and where a default differs. It is written by \`node scripts/configuration-docs.ts\` from the tables that the broker itself reads.

## Where settings come from

A flag counts above the environment, the environment above the file, the file above the default.

- **Flags**: \`--data DIR\` (\`log.dirs\`), \`--listen HOST:PORT\` (\`listeners\`), \`--advertise HOST:PORT\` (\`advertised.listeners\`), \`--accept-any-replication-factor\`, \`--config FILE\`.
- **Environment**: \`MILLRACE_DATA\`, \`MILLRACE_LISTEN\`, \`MILLRACE_ADVERTISE\`, and for every key of the broker its name in capitals: \`MILLRACE_LOG_RETENTION_MS\` for \`log.retention.ms\`, \`MILLRACE_MAX_GROUPS\` for \`millrace.max.groups\`.
- **File**: Java's \`.properties\` with Kafka's names.

An unknown key, a value that is not allowed, and a key that promises what does not exist end the start with one line that says where it stands. Keys without effect are named in the log.

A running broker takes new values for topics, and for the broker keys marked "run time" (\`kafka-configs\`, or any client's IncrementalAlterConfigs). What is altered is stored in the catalogue and counts above file and environment: first for this broker (entity name \`1\`), then for every broker (no name).

## Defaults that differ from Kafka's

| key | Kafka | here | because |
| --- | --- | --- | --- |
${differing.map((key) => `| \`${key.name}\` | ${value(key.differs!.kafkaDefault)} | ${value(key.defaultText)} | ${key.differs!.why} |`).join('\n')}

## Topics

A topic's own setting counts above the broker's key for it.

| key | type | default | broker key | what it does |
| --- | --- | --- | --- | --- |
${acting.map((key) => `| \`${key.name}\` | ${typeOf(key)} | ${value(key.defaultText)} | ${names(key.fallbacks)} | ${key.about} |`).join('\n')}

Known, kept and shown, without effect:

| key | default | why |
| --- | --- | --- |
${idle.map((key) => `| \`${key.name}\` | ${value(key.defaultText)} | ${key.effect === 'refused' ? 'cannot be changed: ' : ''}${key.about} |`).join('\n')}

## The broker

Keys that begin with \`millrace.\` are ours.

| key | type | default | read | what it does |
| --- | --- | --- | --- | --- |
${actingBrokerConfigKeys.map(brokerRow).join('\n')}

What topics without a setting of their own use:

| key | type | default | read | what it does |
| --- | --- | --- | --- | --- |
${fallbacks.map(brokerRow).join('\n')}

### Refused

Setting one of these to anything but its default ends the start.

${refusedConfigKeys.map(groupItem).join('\n')}

### Without effect

${inertConfigKeys.map(groupItem).join('\n')}

## Groups and client metrics

A group without a value of its own has the broker's, of the same name with \`group.\` before it.

| key | type | default | what it does |
| --- | --- | --- | --- |
${groupKeys
  .filter(({ effect }) => effect === 'acts')
  .map(groupRow)
  .join('\n')}

${keptAndShown(groupKeys.filter(({ effect }) => effect === 'none'))}

${keptAndShown([...clientMetricsConfigKeys.values()])}
`
}

function groupRow(key: ConfigKey): string {
  return `| \`${key.name}\` | ${typeOf(key)} | ${value(key.defaultText)} | ${key.about} |`
}

function keptAndShown(keys: readonly ConfigKey[]): string {
  const why = keys[0]!.about.replace(/^./, (letter) => letter.toUpperCase())
  return `${why} Kept and shown: ${list(keys.map(({ name }) => name))}.`
}

function brokerRow(key: ConfigKey): string {
  const read = key.altersAtRunTime ? 'run time' : 'start'
  return `| \`${key.name}\` | ${typeOf(key)} | ${value(key.defaultText)} | ${read} | ${key.about} |`
}

function typeOf(key: ConfigKey): string {
  if (key.check === undefined) return key.type
  return key.type === 'list' ? key.check.allowed : `${key.type}, ${key.check.allowed}`
}

function groupItem(group: (typeof inertConfigKeys)[number]): string {
  return `- ${group.why} ${list(group.rows.map(([name]) => name))}.`
}

function list(keys: readonly string[]): string {
  return keys.map((key) => `\`${key}\``).join(', ')
}

function names(fallbacks: ConfigKey['fallbacks']): string {
  return list(fallbacks.map(({ name }) => name))
}

function value(text: string | null): string {
  if (text === null) return 'none'
  if (text === '') return 'empty'
  return text === LONG_MAX ? 'for ever' : `\`${text}\``
}

if (process.argv[1] === import.meta.filename) {
  writeFileSync(configurationDocsPath, renderConfigurationDocs())
}
