// The broker's configuration keys that act, and the typed configuration that the rooms read: where it
// listens, its topics and who may do what here, the others in tables of their own beside this one.
// Invariant: a row here is a field of BrokerConfig, named by its key in camel case, so that a key
// cannot be listed as acting without being readable. Own keys carry the prefix `millrace.`.

import { clientConfigRows } from './client-config-keys.ts'
import type { ActingRow, ConfigKey } from './config-key.ts'
import { atLeast, type ConfigValue, exactly, oneOf } from './config-value.ts'
import { coordinatorConfigRows } from './coordinator-config-keys.ts'
import { logConfigRows } from './log-config-keys.ts'
import { loginConfigRows } from './login-config-keys.ts'

/** Kafka's authorizer, and the one that it had before: both decide by the same rules. */
const AUTHORIZER_CLASSES = [
  'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'kafka.security.authorizer.AclAuthorizer',
]

const rows = {
  // Where it listens and keeps its data.
  listeners: {
    type: 'list',
    default: 'PLAINTEXT://127.0.0.1:9092',
    about: 'The addresses that clients connect to, NAME://HOST:PORT each; port 0 takes a free one.',
    differs: {
      kafkaDefault: 'PLAINTEXT://:9092',
      why: 'without access control a broker should be reachable from its own machine only.',
    },
  },
  'advertised.listeners': {
    type: 'list',
    default: null,
    about:
      'The address that clients of a listener are told, by its name, when it is not the one listened on.',
  },
  'listener.security.protocol.map': {
    type: 'string',
    default: 'SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT',
    about: 'What each name in `listeners` speaks: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL.',
  },
  'controller.listener.names': {
    type: 'list',
    default: null,
    about: 'Listeners of these names are left out: there is no quorum of controllers.',
  },
  'log.dirs': {
    type: 'list',
    default: null,
    about: 'The data folder; exactly one.',
  },
  'log.dir': {
    type: 'list',
    default: './.millrace',
    about: 'The data folder when `log.dirs` is not set.',
    differs: {
      kafkaDefault: '/tmp/kafka-logs',
      why: 'data belongs where it survives a reboot, and beside the project that wrote it.',
    },
  },
  'node.id': {
    type: 'int',
    default: '1',
    check: exactly(1),
    about: 'The id of the only node.',
    differs: { kafkaDefault: null, why: 'there is one node, and it is always 1.' },
  },
  'broker.id': {
    type: 'int',
    default: '1',
    check: exactly(1),
    about: 'The id of the only node, by its old name.',
    differs: { kafkaDefault: '-1', why: 'there is one node, and it is always 1.' },
  },
  'broker.rack': {
    type: 'string',
    default: null,
    about: 'The rack that clients are told.',
  },

  ...clientConfigRows,

  // What it shows of itself.
  'millrace.metrics.file': {
    type: 'string',
    default: null,
    about:
      "Where the metrics are written as Prometheus text, for node_exporter's textfile collector; see metrics.md.",
  },
  'millrace.metrics.interval.ms': {
    type: 'int',
    default: '15000',
    check: atLeast(100),
    about: 'How often.',
  },
  'millrace.metrics.max.topics': {
    type: 'int',
    default: '1000',
    check: atLeast(0),
    altersAtRunTime: true,
    about: 'Topics that metrics tell apart; the bytes of others are counted together.',
  },

  // Topics.
  'auto.create.topics.enable': {
    type: 'boolean',
    default: 'true',
    about: 'Whether asking for a topic that does not exist makes it.',
  },
  'num.partitions': {
    type: 'int',
    default: '4',
    check: atLeast(1),
    about: 'Partitions of a topic that is made without a number.',
    differs: {
      kafkaDefault: '1',
      why: 'a topic that begins with one partition cannot be read in parallel without moving keys later.',
    },
  },
  'default.replication.factor': {
    type: 'int',
    default: '1',
    about: 'Replication factor of a topic that is made without one; above 1 it is refused.',
  },
  'delete.topic.enable': {
    type: 'boolean',
    default: 'true',
    about: 'Whether topics can be deleted.',
  },
  'millrace.accept.any.replication.factor': {
    type: 'boolean',
    default: 'false',
    about:
      'For development: takes a replication factor above 1, and still keeps one copy (`--accept-any-replication-factor`).',
  },
  'millrace.max.partitions': {
    type: 'int',
    default: '20000',
    check: atLeast(1),
    about: 'Partitions of all topics together.',
  },

  // Who may do what.
  'authorizer.class.name': {
    type: 'string',
    default: '',
    check: oneOf('', ...AUTHORIZER_CLASSES),
    about:
      "Turns access control on: Kafka's StandardAuthorizer, whose rules this broker applies itself (no Java class can be loaded). It is on without this as soon as a listener speaks SASL or asks for client certificates.",
  },
  'super.users': {
    type: 'string',
    default: '',
    check: {
      allowed: 'principals like User:alice, separated by semicolons',
      accepts: arePrincipals,
    },
    about: 'Who may do everything, whatever the access rules say.',
  },
  'allow.everyone.if.no.acl.found': {
    type: 'boolean',
    default: 'false',
    about: 'A resource that no access rule is about is open to everybody.',
  },
  'millrace.max.acls': {
    type: 'int',
    default: '100000',
    check: atLeast(0),
    about: 'Access rules.',
  },

  ...logConfigRows,
  ...coordinatorConfigRows,
  ...loginConfigRows,
} as const satisfies Record<string, ActingRow>

type Rows = typeof rows

type CamelCase<Name extends string> = Name extends `${infer Head}.${infer Tail}`
  ? `${Head}${Capitalize<CamelCase<Tail>>}`
  : Name

type ValueOf<R extends ActingRow> =
  | (R['type'] extends 'boolean'
      ? boolean
      : R['type'] extends 'list'
        ? readonly string[]
        : R['type'] extends 'string' | 'password'
          ? string
          : number)
  | (R['default'] extends null ? undefined : never)

/** The broker's settings as its rooms read them. Fields change when an admin alters them. */
export type BrokerConfig = {
  readonly [Name in keyof Rows & string as CamelCase<Name>]: ValueOf<Rows[Name]>
}

function arePrincipals(value: ConfigValue): boolean {
  const names = typeof value === 'string' && value !== '' ? value.split(';') : []
  return names.every((name) => name.trim() === '' || /^[^:]+:/.test(name.trim()))
}

export const actingBrokerConfigKeys: readonly ConfigKey[] = Object.entries<ActingRow>(rows).map(
  ([name, { default: defaultText, altersAtRunTime = false, ...row }]) => ({
    name,
    ...row,
    defaultText,
    effect: 'acts',
    altersAtRunTime,
    fallbacks: [],
  }),
)

/** `socket.request.max.bytes` -> `socketRequestMaxBytes`. */
export function configFieldName(key: string): string {
  return key.replace(/\.([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
