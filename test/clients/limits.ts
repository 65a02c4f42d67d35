// What a client cannot do by itself, whatever the broker. A cell of the matrix is a pass or stands
// here, and both are checked: the ability is tried all the same, and must fail with these words.

import type { Ability } from './ability.ts'
import type { Client } from './clients.ts'

export interface Limit {
  /** The id of the client, as in clients.ts. */
  readonly client: string
  readonly abilities: readonly string[]
  readonly reason: string
  /** What the client, or its driver for want of a call, says. */
  readonly says: RegExp
}

const NO_SUCH_VERB = /no such/

const NEW_PROTOCOL = 'new protocol: one joins, one leaves'
const NEW_PROTOCOL_STATIC = 'new protocol: static member, back without a rebalance'
const NEW_PROTOCOL_PATTERN = 'new protocol: subscribes by a pattern that the broker resolves'

export const limits: readonly Limit[] = [
  ...['kcat', 'kafka-python-2.0.2', 'kafka-python-3', 'sarama', 'kafkajs'].map((client) => ({
    client,
    abilities: [NEW_PROTOCOL, NEW_PROTOCOL_STATIC, NEW_PROTOCOL_PATTERN],
    reason: 'knows only the classic protocol of consumer groups',
    says: NO_SUCH_VERB,
  })),
  {
    client: 'java-3.9',
    abilities: [NEW_PROTOCOL_PATTERN],
    reason: 'resolves patterns by itself: SubscriptionPattern came with 4.0',
    says: /ClassNotFoundException: .*SubscriptionPattern/,
  },
  {
    client: 'franz-go',
    abilities: [NEW_PROTOCOL_STATIC],
    reason:
      'does not say when a static member leaves, so that its place is free only with its session',
    says: /has its partitions again: not within/,
  },
  {
    client: 'franz-go',
    abilities: [NEW_PROTOCOL_PATTERN],
    reason: 'resolves patterns by itself, when it next refreshes its metadata',
    says: /reads the topic that matches: not within/,
  },
  {
    client: 'platformatic',
    abilities: [NEW_PROTOCOL_STATIC],
    reason: 'leaves the group when it closes, although it is a static member',
    says: /has its partitions again: not within/,
  },
  {
    client: 'platformatic',
    abilities: [NEW_PROTOCOL_PATTERN],
    reason: 'has no subscription by pattern',
    says: /no subscription by pattern/,
  },
  {
    client: 'kcat',
    abilities: [
      'creates a topic',
      'alters and describes configs',
      'creates partitions',
      'deletes records',
      'deletes a topic',
      'lists and describes groups',
      'deletes a group',
    ],
    reason: 'administers nothing but the listing of topics',
    says: NO_SUCH_VERB,
  },
  {
    client: 'kcat',
    abilities: ['a lost answer leaves no duplicate'],
    reason: 'ends when it loses the connection to its only broker',
    says: /All broker connections are down/,
  },
  {
    client: 'kcat',
    abilities: ['transactions: reads, processes and writes exactly once'],
    reason: 'has no transactions',
    says: NO_SUCH_VERB,
  },
  {
    client: 'kcat',
    abilities: ['logs in by SCRAM-SHA-512 over TLS'],
    reason:
      'repeats its own nonce in the last message of SCRAM, as librdkafka 2.0 does, which Kafka refuses since 3.7.2 (CVE-2024-56128)',
    says: /invalid credentials (for|with) SASL mechanism SCRAM-SHA-512/,
  },
  {
    client: 'kafka-python-2.0.2',
    abilities: ['transactions: reads, processes and writes exactly once'],
    reason: 'has no transactions',
    says: /Unrecognized configs: .*transactional_id/,
  },
  {
    client: 'kafka-python-2.0.2',
    abilities: ['produces idempotently', 'a lost answer leaves no duplicate'],
    reason: 'has no idempotent producer',
    says: /Unrecognized configs: .*enable_idempotence/,
  },
  {
    client: 'kafka-python-2.0.2',
    abilities: ['static member: back without a rebalance'],
    reason: 'has no static membership',
    says: /Unrecognized configs: .*group_instance_id/,
  },
  {
    client: 'kafka-python-2.0.2',
    abilities: ['deletes records'],
    reason: 'has no call to delete records',
    says: NO_SUCH_VERB,
  },
  {
    client: 'platformatic',
    abilities: ['static member: back without a rebalance'],
    reason: 'leaves the group when it closes, although it is a static member',
    says: /the other is disturbed by the leaving/,
  },
  {
    client: 'kafkajs',
    abilities: [
      'writes snappy',
      'writes lz4',
      'writes zstd',
      'reads snappy of all',
      'reads lz4 of all',
      'reads zstd of all',
      'reads what the broker kept in snappy',
      'reads what the broker kept in lz4',
      'reads what the broker kept in zstd',
    ],
    reason: 'has only gzip by itself, other codecs are packages of others',
    says: /compression not implemented/,
  },
  {
    client: 'kafkajs',
    abilities: ['static member: back without a rebalance'],
    reason: 'has no static membership',
    says: /the other is disturbed by the leaving/,
  },
]

export function limitOf(client: Client, ability: Ability): Limit | undefined {
  return limits.find(
    (limit) => limit.client === client.id && limit.abilities.includes(ability.name),
  )
}
