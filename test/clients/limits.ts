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

export const limits: readonly Limit[] = [
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
