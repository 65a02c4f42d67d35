// The broker's configuration keys that act, and the typed configuration that the rooms read.
// Invariant: a row here is a field of BrokerConfig, named by its key in camel case, so that a key
// cannot be listed as acting without being readable. Own keys carry the prefix `millrace.`.

import type { ActingRow, ConfigKey } from './config-key.ts'
import { atLeast, type ConfigValue, exactly, oneOf, someOf } from './config-value.ts'
import { connectionOverrides } from './connection-overrides.ts'
import { loginConfigRows } from './login-config-keys.ts'

const MIB = 1_048_576
const UNBOUNDED = '2147483647'
const BOUNDED = 'whatever clients can grow has a bound that one machine can bear.'

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

  // What clients may ask of it.
  'socket.request.max.bytes': {
    type: 'int',
    default: '104857600',
    check: atLeast(1),
    about: 'A larger request closes its connection.',
  },
  'connections.max.idle.ms': {
    type: 'long',
    default: '600000',
    about: 'A connection on which nothing moves for so long is closed.',
  },
  'max.connections': {
    type: 'int',
    default: '10000',
    check: atLeast(0),
    altersAtRunTime: true,
    about: 'Connections at once; the next ones wait until others have gone.',
    differs: { kafkaDefault: UNBOUNDED, why: BOUNDED },
  },
  'max.connections.per.ip': {
    type: 'int',
    default: UNBOUNDED,
    check: atLeast(0),
    altersAtRunTime: true,
    about: 'Connections at once from one address; more are closed as they come.',
  },
  'max.connections.per.ip.overrides': {
    type: 'string',
    default: '',
    check: connectionOverrides,
    altersAtRunTime: true,
    about: 'The same for addresses of their own, `10.0.0.1:50,::1:7`.',
  },
  'max.connection.creation.rate': {
    type: 'int',
    default: UNBOUNDED,
    check: atLeast(0),
    altersAtRunTime: true,
    about: 'Connections a second; more wait until the rate is down.',
  },
  'socket.listen.backlog.size': {
    type: 'int',
    default: '50',
    check: atLeast(1),
    about:
      'Connections that wait for a place or for the rate; as many again may be held back before they are closed, and more are closed as they come.',
  },
  'millrace.in.flight.bytes': {
    type: 'long',
    default: String(192 * MIB),
    check: atLeast(MIB),
    about:
      'Bytes of requests and of answers, of all connections: what is arriving, waits, runs, or is not taken yet. Nobody is refused above it: sockets are not read from, and fetches wait.',
  },
  'queued.max.request.bytes': {
    type: 'long',
    default: '-1',
    check: atLeast(-1),
    about:
      'Of them, bytes of requests; above, no connection is read from. -1: a third of `millrace.in.flight.bytes`.',
  },
  'millrace.queued.max.response.bytes': {
    type: 'long',
    default: '-1',
    check: atLeast(-1),
    about:
      'Of them, bytes of answers that clients have not taken; above, fetches and lists wait. -1: two thirds of `millrace.in.flight.bytes`.',
  },
  'millrace.slow.reader.timeout.ms': {
    type: 'int',
    default: '10000',
    check: atLeast(1),
    about:
      'While others wait for memory of answers: a connection whose peer has taken nothing for so long is closed.',
  },
  'millrace.connection.in.flight.bytes': {
    type: 'int',
    default: String(16 * MIB),
    check: atLeast(1),
    about: 'Bytes of requests that wait or run on one connection; above, it is not read from.',
  },
  'millrace.connection.in.flight.requests': {
    type: 'int',
    default: '1000',
    check: atLeast(1),
    about: 'Requests that wait or run on one connection; above, it is not read from.',
  },
  'fetch.max.bytes': {
    type: 'int',
    default: String(55 * MIB),
    check: atLeast(1024),
    about: 'Most bytes in the answer to one fetch, whatever the client asks.',
  },
  'max.incremental.fetch.session.cache.slots': {
    type: 'int',
    default: '1000',
    check: atLeast(0),
    about: 'Fetch sessions that are remembered.',
  },
  'millrace.max.fetch.session.partitions': {
    type: 'int',
    default: '500000',
    check: atLeast(0),
    about: 'Partitions in all fetch sessions together; beyond, clients are served without one.',
  },
  'max.request.partition.size.limit': {
    type: 'int',
    default: '2000',
    check: atLeast(1),
    about: 'Most partitions in one answer to DescribeTopicPartitions.',
  },

  // Fairness.
  'quota.window.num': {
    type: 'int',
    default: '11',
    check: atLeast(1),
    about: 'Windows over which the rates of client quotas are measured.',
  },
  'quota.window.size.seconds': {
    type: 'int',
    default: '1',
    check: atLeast(1),
    about: 'Length of one such window.',
  },
  'controller.quota.window.num': {
    type: 'int',
    default: '11',
    check: atLeast(1),
    about: 'Windows whose unused mutations `controller_mutation_rate` lets a client save up.',
  },
  'controller.quota.window.size.seconds': {
    type: 'int',
    default: '1',
    check: atLeast(1),
    about: 'Length of one such window.',
  },
  'millrace.max.client.quotas': {
    type: 'int',
    default: '10000',
    check: atLeast(0),
    about: 'Users, client ids and addresses that may have quotas of their own.',
  },
  'millrace.max.metered.clients': {
    type: 'int',
    default: '10000',
    check: atLeast(1),
    about:
      'Clients under a quota whose use is remembered; the one that was silent for longest makes room.',
  },

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

  // The log.
  'log.retention.check.interval.ms': {
    type: 'long',
    default: '300000',
    check: atLeast(1),
    about: 'How often old segments are looked for.',
  },
  'log.cleaner.enable': {
    type: 'boolean',
    default: 'true',
    about: 'Whether compacted topics are compacted.',
  },
  'log.cleaner.backoff.ms': {
    type: 'long',
    default: '15000',
    check: atLeast(0),
    altersAtRunTime: true,
    about: 'How long compaction rests when it found nothing to do.',
  },
  'log.cleaner.dedupe.buffer.size': {
    type: 'long',
    default: '134217728',
    altersAtRunTime: true,
    about:
      'Bytes for the keys of one pass of compaction, 24 for each; what does not fit has to wait.',
  },
  'log.cleaner.io.buffer.load.factor': {
    type: 'double',
    default: '0.9',
    altersAtRunTime: true,
    about: 'The share of those bytes that may be filled; the fuller, the slower.',
  },
  'millrace.scrub.bytes.per.second': {
    type: 'long',
    default: String(4 * MIB),
    check: atLeast(0),
    about:
      'How fast closed segments are read in the background to find damage before a consumer does; 0 does not.',
  },
  'millrace.scrub.interval.ms': {
    type: 'long',
    default: '604800000',
    check: atLeast(1),
    about: 'How long that rests once it has been through all of them.',
  },
  'producer.id.expiration.ms': {
    type: 'int',
    default: '86400000',
    check: atLeast(1),
    altersAtRunTime: true,
    about: 'An idempotent producer that is silent for so long is forgotten.',
  },
  'millrace.check.compressed.batches': {
    type: 'boolean',
    default: 'true',
    altersAtRunTime: true,
    about:
      'Whether compressed batches are decompressed on append to check that they hold what they say.',
  },
  'millrace.recompression.max.bytes': {
    type: 'long',
    default: String(128 * MIB),
    check: atLeast(0),
    about:
      'Bytes of batches that are decompressed or compressed anew, of all partitions, until they are on the disk; above, the next ones wait.',
  },
  'millrace.recompression.threads': {
    type: 'int',
    default: '2',
    check: atLeast(1),
    about:
      "Batches that are decompressed or compressed anew at once. The threads are the disk's too: four, unless `UV_THREADPOOL_SIZE` says otherwise.",
  },
  'millrace.max.open.files': {
    type: 'int',
    default: '384',
    check: atLeast(16),
    about: 'Files of partitions open at once; the one unused for longest makes room.',
  },
  'millrace.unsafe.skip.sync': {
    type: 'boolean',
    default: 'false',
    about: 'For benchmarks: answers without waiting for the disk. A power cut then loses data.',
  },

  // Consumer groups.
  'group.initial.rebalance.delay.ms': {
    type: 'int',
    default: '0',
    about: 'How long the first rebalance of an empty group waits for more members.',
    differs: {
      kafkaDefault: '3000',
      why: 'on one machine every first consume would cost three seconds.',
    },
  },
  'group.min.session.timeout.ms': {
    type: 'int',
    default: '6000',
    about: 'The shortest session timeout that a member may ask for.',
  },
  'group.max.session.timeout.ms': {
    type: 'int',
    default: '1800000',
    about: 'The longest session timeout that a member may ask for.',
  },
  'group.consumer.session.timeout.ms': {
    type: 'int',
    default: '45000',
    check: atLeast(1),
    about: 'How long a member of a consumer group may be silent (new protocol).',
  },
  'group.consumer.min.session.timeout.ms': {
    type: 'int',
    default: '45000',
    check: atLeast(1),
    about: 'The shortest session timeout that a consumer group may be given.',
  },
  'group.consumer.max.session.timeout.ms': {
    type: 'int',
    default: '60000',
    check: atLeast(1),
    about: 'The longest session timeout that a consumer group may be given.',
  },
  'group.consumer.heartbeat.interval.ms': {
    type: 'int',
    default: '5000',
    check: atLeast(1),
    about: 'How often members of a consumer group are told to give a sign (new protocol).',
  },
  'group.consumer.min.heartbeat.interval.ms': {
    type: 'int',
    default: '5000',
    check: atLeast(1),
    about: 'The shortest heartbeat interval that a consumer group may be given.',
  },
  'group.consumer.max.heartbeat.interval.ms': {
    type: 'int',
    default: '15000',
    check: atLeast(1),
    about: 'The longest heartbeat interval that a consumer group may be given.',
  },
  'group.consumer.assignment.interval.ms': {
    type: 'int',
    default: '1000',
    check: atLeast(0),
    altersAtRunTime: true,
    about: 'Partitions of a consumer group are shared out anew after so long at the earliest.',
  },
  'group.consumer.min.assignment.interval.ms': {
    type: 'int',
    default: '0',
    check: atLeast(0),
    about: 'The shortest assignment interval that a consumer group may be given.',
  },
  'group.consumer.max.assignment.interval.ms': {
    type: 'int',
    default: '15000',
    check: atLeast(0),
    about: 'The longest assignment interval that a consumer group may be given.',
  },
  'group.consumer.max.size': {
    type: 'int',
    default: UNBOUNDED,
    check: atLeast(1),
    about: 'Members of one consumer group (new protocol).',
  },
  'group.consumer.assignors': {
    type: 'list',
    default: 'uniform,range',
    check: someOf('uniform', 'range'),
    about: 'How partitions may be shared out; the first counts where members do not ask.',
  },
  'group.consumer.migration.policy': {
    type: 'string',
    default: 'disabled',
    check: oneOf('disabled'),
    about:
      'How members of the classic and of the new protocol may be in one group: not at all. A group changes while it has no members.',
    differs: {
      kafkaDefault: 'bidirectional',
      why: 'a group changes its protocol while it is empty, not while it is read.',
    },
  },
  'group.max.size': {
    type: 'int',
    default: '10000',
    check: atLeast(1),
    about: 'Members of one group.',
    differs: { kafkaDefault: UNBOUNDED, why: BOUNDED },
  },
  'millrace.max.groups': {
    type: 'int',
    default: '10000',
    check: atLeast(1),
    about: 'Consumer groups.',
  },
  'millrace.max.group.metadata.bytes': {
    type: 'long',
    default: String(128 * MIB),
    check: atLeast(0),
    about:
      'Bytes of what the members of all groups said of themselves and were assigned; beyond, nobody joins.',
  },
  'offset.metadata.max.bytes': {
    type: 'int',
    default: '4096',
    about: 'The longest text that may go with a committed offset.',
  },
  'offsets.retention.minutes': {
    type: 'int',
    default: '10080',
    check: atLeast(1),
    about: 'How long the offsets of an empty group are kept.',
  },
  'offsets.retention.check.interval.ms': {
    type: 'long',
    default: '600000',
    check: atLeast(1),
    about: 'How often offsets to expire are looked for.',
  },
  'offsets.topic.num.partitions': {
    type: 'int',
    default: '4',
    check: atLeast(1),
    about: 'Partitions of the topic that keeps committed offsets, when it is made.',
    differs: {
      kafkaDefault: '50',
      why: 'its partitions spread load over nodes, and there is one.',
    },
  },
  'offsets.topic.segment.bytes': {
    type: 'int',
    default: '104857600',
    check: atLeast(1),
    about: 'Segment size of the topic that keeps committed offsets, when it is made.',
  },

  // Transactions.
  'transaction.max.timeout.ms': {
    type: 'int',
    default: '900000',
    check: atLeast(1),
    about: 'The longest timeout that a transactional producer may ask for.',
  },
  'transaction.abort.timed.out.transaction.cleanup.interval.ms': {
    type: 'int',
    default: '10000',
    check: atLeast(1),
    about:
      'How often transactions that have outlived their timeout are looked for; they are aborted.',
  },
  'transactional.id.expiration.ms': {
    type: 'int',
    default: '604800000',
    check: atLeast(1),
    about: 'A transactional id without a transaction for so long is forgotten.',
  },
  'transaction.remove.expired.transaction.cleanup.interval.ms': {
    type: 'int',
    default: '3600000',
    check: atLeast(1),
    about: 'How often transactional ids to forget are looked for.',
  },
  'millrace.max.transactional.ids': {
    type: 'int',
    default: '100000',
    check: atLeast(1),
    about: 'Transactional ids that are remembered; a producer with another one is refused.',
  },
  'transaction.state.log.num.partitions': {
    type: 'int',
    default: '4',
    check: atLeast(1),
    about: 'Partitions of the topic that keeps the state of transactions, when it is made.',
    differs: {
      kafkaDefault: '50',
      why: 'its partitions spread load over nodes, and there is one.',
    },
  },
  'transaction.state.log.segment.bytes': {
    type: 'int',
    default: '104857600',
    check: atLeast(1),
    about: 'Segment size of the topic that keeps the state of transactions, when it is made.',
  },

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
