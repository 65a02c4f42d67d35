// Every configuration key of a topic in Kafka 4.3, and what it does here.
// Invariant: names, types, bounds and defaults are Kafka's (fixtures/kafka-4.3.1-config-keys.jsonl),
// but for the defaults that carry a reason.

import type { ConfigDifference, ConfigKey, Fallback } from './config-key.ts'
import {
  atLeast,
  between,
  type ConfigCheck,
  type ConfigType,
  either,
  exactly,
  listOf,
  oneOf,
} from './config-value.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 3_600_000
const LONG_MAX = '9223372036854775807'

const ONE_LZ4 =
  'the broker compresses lz4 as Kafka does at level 9, its default; there are no slower, tighter levels.'
const SYNCED_AT_ONCE =
  'whatever is written, with any acks, is synced by the next commit, sooner than an interval could ask.'
const NOT_REPLICATED = 'there is one node, so nothing is replicated.'
const NOT_TIERED = 'there is no tiered storage: the log is one folder on one disk.'

const throttledReplicas: ConfigCheck = {
  allowed: `'*' or a list of partition:broker, such as 0:1,1:1`,
  accepts: (value) =>
    Array.isArray(value) &&
    ((value.length === 1 && value[0] === '*') ||
      value.every((entry) => /^[0-9]+:[0-9]+$/.test(entry))),
}

interface Row {
  readonly name: string
  readonly type: ConfigType
  readonly default: string | null
  readonly check?: ConfigCheck
  readonly fallbacks?: readonly (string | Fallback)[]
  readonly does: string
  readonly differs?: ConfigDifference
  readonly isInternal?: boolean
}

const acting: readonly Row[] = [
  {
    name: 'cleanup.policy',
    type: 'list',
    default: 'delete',
    check: listOf('compact', 'delete'),
    fallbacks: ['log.cleanup.policy'],
    does: '`delete` removes old segments by time and size, `compact` asks for a key with every record and keeps the last one of each; both may be set.',
  },
  {
    name: 'compression.gzip.level',
    type: 'int',
    default: '-1',
    check: either(between(1, 9), exactly(-1)),
    fallbacks: ['compression.gzip.level'],
    does: 'How hard gzip tries where `compression.type` makes the broker compress; -1 is its own choice.',
  },
  {
    name: 'compression.type',
    type: 'string',
    default: 'producer',
    check: oneOf('uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'),
    fallbacks: ['compression.type'],
    does: 'The codec that batches are stored in: those that come in another one are compressed anew, `producer` keeps each as it came.',
  },
  {
    name: 'compression.zstd.level',
    type: 'int',
    default: '3',
    check: between(-131_072, 22),
    fallbacks: ['compression.zstd.level'],
    does: 'How hard zstd tries where `compression.type` makes the broker compress.',
  },
  {
    name: 'delete.retention.ms',
    type: 'long',
    default: '86400000',
    check: atLeast(0),
    fallbacks: ['log.cleaner.delete.retention.ms'],
    does: 'How long a tombstone stays readable in a compacted topic.',
  },
  {
    name: 'file.delete.delay.ms',
    type: 'long',
    default: '60000',
    check: atLeast(0),
    fallbacks: ['log.segment.delete.delay.ms'],
    does: 'How long the files of a removed segment or topic stay on the disk.',
  },
  {
    name: 'index.interval.bytes',
    type: 'int',
    default: '4096',
    check: atLeast(0),
    fallbacks: ['log.index.interval.bytes'],
    does: 'Bytes of log between two entries of its offset index.',
  },
  {
    name: 'internal.segment.bytes',
    type: 'int',
    default: null,
    isInternal: true,
    does: 'For tests: `segment.bytes` below its bound.',
  },
  {
    name: 'max.compaction.lag.ms',
    type: 'long',
    default: LONG_MAX,
    check: atLeast(1),
    fallbacks: ['log.cleaner.max.compaction.lag.ms'],
    does: 'The longest that a record waits for compaction, whatever the share of duplicates.',
  },
  {
    name: 'max.message.bytes',
    type: 'int',
    default: '1048588',
    check: atLeast(0),
    fallbacks: ['message.max.bytes'],
    does: 'The largest batch that is taken, as it comes (compressed).',
  },
  {
    name: 'message.timestamp.after.max.ms',
    type: 'long',
    default: '3600000',
    check: atLeast(0),
    fallbacks: ['log.message.timestamp.after.max.ms'],
    does: "How far a record's timestamp may lie ahead of the broker's clock.",
  },
  {
    name: 'message.timestamp.before.max.ms',
    type: 'long',
    default: LONG_MAX,
    check: atLeast(0),
    fallbacks: ['log.message.timestamp.before.max.ms'],
    does: "How far a record's timestamp may lie behind the broker's clock.",
  },
  {
    name: 'message.timestamp.type',
    type: 'string',
    default: 'CreateTime',
    check: oneOf('CreateTime', 'LogAppendTime'),
    fallbacks: ['log.message.timestamp.type'],
    does: 'Whether a record keeps the timestamp of its producer or gets the time of its append.',
  },
  {
    name: 'millrace.dedupe.window.ms',
    type: 'long',
    default: '604800000',
    check: atLeast(0),
    does: 'In an event store: how long the ids of events are remembered that were appended with `any` or `exists`; others are for ever.',
  },
  {
    name: 'millrace.store',
    type: 'boolean',
    default: 'false',
    does: 'Whether the topic is an event store: its keys are streams, its records get versions. Settled when the topic is made, which then has one partition, is kept for ever and is never compacted, unless told otherwise (but for the last).',
  },
  {
    name: 'min.cleanable.dirty.ratio',
    type: 'double',
    default: '0.5',
    check: between(0, 1),
    fallbacks: ['log.cleaner.min.cleanable.ratio'],
    does: 'The share of the log not compacted yet from which compaction begins.',
  },
  {
    name: 'min.compaction.lag.ms',
    type: 'long',
    default: '0',
    check: atLeast(0),
    fallbacks: ['log.cleaner.min.compaction.lag.ms'],
    does: 'The shortest time that a record stays out of compaction.',
  },
  {
    name: 'min.insync.replicas',
    type: 'int',
    default: '1',
    check: atLeast(1),
    fallbacks: ['min.insync.replicas'],
    does: 'Above 1, every acks=all is refused with NOT_ENOUGH_REPLICAS: one node is one replica.',
  },
  {
    name: 'retention.bytes',
    type: 'long',
    default: '-1',
    fallbacks: ['log.retention.bytes'],
    does: 'Bytes that a partition keeps; -1 is no limit.',
  },
  {
    name: 'retention.ms',
    type: 'long',
    default: '604800000',
    check: atLeast(-1),
    fallbacks: [
      'log.retention.ms',
      { name: 'log.retention.minutes', factor: MINUTE_MS },
      { name: 'log.retention.hours', factor: HOUR_MS },
    ],
    does: 'How long records are kept; -1 is for ever.',
  },
  {
    name: 'segment.bytes',
    type: 'int',
    default: '1073741824',
    check: atLeast(1_048_576),
    fallbacks: ['log.segment.bytes'],
    does: 'A segment that has grown to this is closed and a new one begun.',
  },
  {
    name: 'segment.index.bytes',
    type: 'int',
    default: '10485760',
    check: atLeast(4),
    fallbacks: ['log.index.size.max.bytes'],
    does: 'A segment whose offset index has grown to this is closed.',
  },
  {
    name: 'segment.jitter.ms',
    type: 'long',
    default: '0',
    check: atLeast(0),
    fallbacks: ['log.roll.jitter.ms', { name: 'log.roll.jitter.hours', factor: HOUR_MS }],
    does: 'Up to so much is taken from `segment.ms`, so that segments do not all close at once.',
  },
  {
    name: 'segment.ms',
    type: 'long',
    default: '604800000',
    check: atLeast(1),
    fallbacks: ['log.roll.ms', { name: 'log.roll.hours', factor: HOUR_MS }],
    does: 'A segment whose first record is older than this is closed.',
  },
]

const inert: readonly Row[] = [
  {
    name: 'compression.lz4.level',
    type: 'int',
    default: '9',
    check: between(1, 17),
    fallbacks: ['compression.lz4.level'],
    does: ONE_LZ4,
  },
  {
    name: 'flush.messages',
    type: 'long',
    default: LONG_MAX,
    check: atLeast(1),
    fallbacks: ['log.flush.interval.messages'],
    does: SYNCED_AT_ONCE,
  },
  {
    name: 'flush.ms',
    type: 'long',
    default: '10',
    check: atLeast(0),
    fallbacks: ['log.flush.interval.ms'],
    does: SYNCED_AT_ONCE,
    differs: {
      kafkaDefault: LONG_MAX,
      why: 'consumers read only what is synced, so data must not wait for the operating system.',
    },
  },
  {
    name: 'follower.replication.throttled.replicas',
    type: 'list',
    default: '',
    check: throttledReplicas,
    does: NOT_REPLICATED,
  },
  {
    name: 'leader.replication.throttled.replicas',
    type: 'list',
    default: '',
    check: throttledReplicas,
    does: NOT_REPLICATED,
  },
  {
    name: 'local.retention.bytes',
    type: 'long',
    default: '-2',
    check: atLeast(-2),
    fallbacks: ['log.local.retention.bytes'],
    does: NOT_TIERED,
  },
  {
    name: 'local.retention.ms',
    type: 'long',
    default: '-2',
    check: atLeast(-2),
    fallbacks: ['log.local.retention.ms'],
    does: NOT_TIERED,
  },
  {
    name: 'preallocate',
    type: 'boolean',
    default: 'false',
    fallbacks: ['log.preallocate'],
    does: 'segments grow as they are written; the space that must not run out, that of the journal, is always preallocated.',
  },
  { name: 'remote.log.copy.disable', type: 'boolean', default: 'false', does: NOT_TIERED },
  { name: 'remote.log.delete.on.disable', type: 'boolean', default: 'false', does: NOT_TIERED },
  {
    name: 'unclean.leader.election.enable',
    type: 'boolean',
    default: 'false',
    fallbacks: ['unclean.leader.election.enable'],
    does: 'there is one node, so no leader is ever elected.',
  },
]

const refused: readonly Row[] = [
  { name: 'remote.storage.enable', type: 'boolean', default: 'false', does: NOT_TIERED },
]

export const topicConfigKeys: ReadonlyMap<string, ConfigKey> = new Map(
  [
    ...acting.map((row) => topicKey(row, 'acts')),
    ...inert.map((row) => topicKey(row, 'none')),
    ...refused.map((row) => topicKey(row, 'refused')),
  ].map((key) => [key.name, key]),
)

function topicKey(row: Row, effect: ConfigKey['effect']): ConfigKey {
  const { default: defaultText, does, fallbacks = [], ...rest } = row
  return {
    ...rest,
    defaultText,
    effect,
    about: does,
    altersAtRunTime: true,
    fallbacks: fallbacks.map((entry) =>
      typeof entry === 'string' ? { name: entry, factor: 1 } : entry,
    ),
  }
}
