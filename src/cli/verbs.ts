// Every verb of the command: its words, what it does in one line, whether it changes anything, and
// the module that defines it, which is loaded only when the verb is used.

import type { VerbModule } from './session.ts'

export interface Verb {
  /** The words that call it: `topic config set`. */
  readonly path: string
  readonly summary: string
  readonly impact: 'read' | 'write'
  /** What stands between the tabs of a line in a pipe. */
  readonly fields?: readonly string[]
  /** Ends by itself, in order, when it is interrupted. */
  readonly drains?: true
  readonly load: () => Promise<VerbModule>
}

/** What the words mean that only group others. */
export const nouns: Readonly<Record<string, string>> = {
  topic: 'Topics: list, describe, create, configure, trim, remove',
  'topic config': 'The configuration of a topic: get, set, unset',
  group: 'Consumer groups: list, describe, move, remove',
  parked: 'Events that a group has given up: list, show, redrive, discard',
  stream: 'Streams of an event store: read, append, list, reindex',
  transaction: 'Transactions: list, describe, abort',
  quota: 'Client quotas: list, set, unset',
  acl: 'Access rules: add, list, remove',
  user: 'Users who can log in: add, list, change, remove',
  log: 'The data folder of a stopped broker: check, truncate',
}

const parkedFields = [
  'topic',
  'partition',
  'offset',
  'key',
  'state',
  'events',
  'reason',
  'attempts',
  'last failed',
  'failure',
  'error',
]

export const verbs: readonly Verb[] = [
  {
    path: 'dev',
    summary: 'Run a broker here and now (the default)',
    impact: 'write',
    drains: true,
    load: () => import('./verbs/dev.ts'),
  },
  {
    path: 'start',
    summary: 'Run a broker',
    impact: 'write',
    drains: true,
    load: () => import('./verbs/start.ts'),
  },
  {
    path: 'produce',
    summary: 'Write records to a topic',
    impact: 'write',
    fields: ['partition@offset'],
    drains: true,
    load: () => import('./verbs/produce.ts'),
  },
  {
    path: 'consume',
    summary: 'Read records of topics',
    impact: 'read',
    fields: ['topic', 'partition', 'offset', 'time', 'key', 'value'],
    drains: true,
    load: () => import('./verbs/consume.ts'),
  },
  {
    path: 'topic ls',
    summary: 'List topics',
    impact: 'read',
    fields: ['topic', 'partitions', 'replicas'],
    load: () => import('./verbs/topic-ls.ts'),
  },
  {
    path: 'topic describe',
    summary: 'Show partitions, offsets and configuration of topics',
    impact: 'read',
    fields: ['topic', 'partition', 'leader', 'replicas', 'start', 'end', 'offsets'],
    load: () => import('./verbs/topic-describe.ts'),
  },
  {
    path: 'topic create',
    summary: 'Create topics',
    impact: 'write',
    fields: ['topic', 'result', 'partitions'],
    load: () => import('./verbs/topic-create.ts'),
  },
  {
    path: 'topic config get',
    summary: 'Show the configuration of a topic',
    impact: 'read',
    fields: ['key', 'value', 'source'],
    load: () => import('./verbs/topic-config-get.ts'),
  },
  {
    path: 'topic config set',
    summary: 'Set configuration keys of a topic',
    impact: 'write',
    load: () => import('./verbs/topic-config-set.ts'),
  },
  {
    path: 'topic config unset',
    summary: "Return configuration keys of a topic to the broker's default",
    impact: 'write',
    load: () => import('./verbs/topic-config-unset.ts'),
  },
  {
    path: 'topic trim',
    summary: 'Delete the oldest records of a topic',
    impact: 'write',
    fields: ['topic', 'partition', 'start', 'new start', 'end'],
    load: () => import('./verbs/topic-trim.ts'),
  },
  {
    path: 'topic rm',
    summary: 'Delete topics with their records',
    impact: 'write',
    fields: ['topic', 'partitions', 'result'],
    load: () => import('./verbs/topic-rm.ts'),
  },
  {
    path: 'group ls',
    summary: 'List consumer groups',
    impact: 'read',
    fields: ['group', 'state', 'type', 'protocol'],
    load: () => import('./verbs/group-ls.ts'),
  },
  {
    path: 'group describe',
    summary: 'Show members, committed offsets and lag of groups',
    impact: 'read',
    fields: ['group', 'topic', 'partition', 'committed', 'end', 'lag', 'member'],
    load: () => import('./verbs/group-describe.ts'),
  },
  {
    path: 'group seek',
    summary: 'Move the committed offsets of a stopped group',
    impact: 'write',
    fields: ['topic', 'partition', 'before', 'after', 'change', 'lag after'],
    load: () => import('./verbs/group-seek.ts'),
  },
  {
    path: 'group rm',
    summary: 'Delete groups, or what they committed for a topic',
    impact: 'write',
    fields: ['group', 'topics', 'result'],
    load: () => import('./verbs/group-rm.ts'),
  },
  {
    path: 'parked ls',
    summary: 'List parked events, by key or by kind of failure',
    impact: 'read',
    fields: parkedFields,
    load: () => import('./verbs/parked-ls.ts'),
  },
  {
    path: 'parked show',
    summary: 'Show a parked event with its error and its bytes',
    impact: 'read',
    fields: ['name', 'value'],
    load: () => import('./verbs/parked-show.ts'),
  },
  {
    path: 'parked redrive',
    summary: 'Have parked events handled again, in the order of their keys',
    impact: 'write',
    fields: parkedFields,
    load: () => import('./verbs/parked-redrive.ts'),
  },
  {
    path: 'parked discard',
    summary: 'Take parked events away for good, for a reason',
    impact: 'write',
    fields: parkedFields,
    load: () => import('./verbs/parked-discard.ts'),
  },
  {
    path: 'stream read',
    summary: 'Read the events of a stream of an event store',
    impact: 'read',
    fields: ['version', 'type', 'time', 'id', 'value', 'partition', 'offset'],
    load: () => import('./verbs/stream-read.ts'),
  },
  {
    path: 'stream append',
    summary: 'Append an event to a stream that is as it is expected',
    impact: 'write',
    fields: ['stream', 'version', 'partition@offset', 'id'],
    load: () => import('./verbs/stream-append.ts'),
  },
  {
    path: 'stream ls',
    summary: 'List the streams of an event store',
    impact: 'read',
    fields: ['stream', 'version', 'first version', 'events', 'state'],
    load: () => import('./verbs/stream-ls.ts'),
  },
  {
    path: 'stream reindex',
    summary: 'Learn the stream index of a stopped broker from its log again',
    impact: 'write',
    fields: ['partition', 'records', 'streams', 'ms'],
    load: () => import('./verbs/stream-reindex.ts'),
  },
  {
    path: 'transaction ls',
    summary: 'List transactional ids, or what is open in a topic',
    impact: 'read',
    fields: ['transactional id', 'state', 'producer'],
    load: () => import('./verbs/transaction-ls.ts'),
  },
  {
    path: 'transaction describe',
    summary: 'Show state, producer and partitions of transactions',
    impact: 'read',
    fields: ['transactional id', 'state', 'producer', 'epoch', 'topic', 'partition'],
    load: () => import('./verbs/transaction-describe.ts'),
  },
  {
    path: 'transaction abort',
    summary: 'Abort a transaction and fence its producer, or end one that hangs in a partition',
    impact: 'write',
    fields: ['what', 'result'],
    load: () => import('./verbs/transaction-abort.ts'),
  },
  {
    path: 'quota ls',
    summary: 'List what users, clients and addresses may use',
    impact: 'read',
    fields: ['user', 'client id', 'ip', 'key', 'value'],
    load: () => import('./verbs/quota-ls.ts'),
  },
  {
    path: 'quota set',
    summary: 'Set quotas of a user, a client id, both together, or an address',
    impact: 'write',
    load: () => import('./verbs/quota-set.ts'),
  },
  {
    path: 'quota unset',
    summary: 'Remove quotas',
    impact: 'write',
    load: () => import('./verbs/quota-unset.ts'),
  },
  {
    path: 'acl add',
    summary: 'Allow or deny somebody something',
    impact: 'write',
    fields: ['resource', 'pattern', 'name', 'principal', 'host', 'operation', 'permission'],
    load: () => import('./verbs/acl-add.ts'),
  },
  {
    path: 'acl ls',
    summary: 'List access rules',
    impact: 'read',
    fields: ['resource', 'pattern', 'name', 'principal', 'host', 'operation', 'permission'],
    load: () => import('./verbs/acl-ls.ts'),
  },
  {
    path: 'acl rm',
    summary: 'Remove access rules',
    impact: 'write',
    fields: ['resource', 'pattern', 'name', 'principal', 'host', 'operation', 'permission'],
    load: () => import('./verbs/acl-rm.ts'),
  },
  {
    path: 'user add',
    summary: 'Make a user who can log in',
    impact: 'write',
    load: () => import('./verbs/user-add.ts'),
  },
  {
    path: 'user ls',
    summary: 'List users and how they log in',
    impact: 'read',
    fields: ['user', 'mechanisms'],
    load: () => import('./verbs/user-ls.ts'),
  },
  {
    path: 'user passwd',
    summary: 'Give a user another password',
    impact: 'write',
    load: () => import('./verbs/user-passwd.ts'),
  },
  {
    path: 'user rm',
    summary: 'Take users away',
    impact: 'write',
    fields: ['user', 'result'],
    load: () => import('./verbs/user-rm.ts'),
  },
  {
    path: 'log check',
    summary: 'Check the data folder of a stopped broker',
    impact: 'read',
    fields: [
      'partition',
      'segments',
      'batches',
      'records',
      'start',
      'end',
      'state',
      'first damage',
    ],
    load: () => import('./verbs/log-check.ts'),
  },
  {
    path: 'log truncate',
    summary: 'End a damaged partition of a stopped broker at an offset',
    impact: 'write',
    fields: ['partition', 'end', 'batches', 'records', 'bytes', 'file', 'position', 'kept in'],
    load: () => import('./verbs/log-truncate.ts'),
  },
  {
    path: 'status',
    summary: 'Show whether a broker answers, and what it holds',
    impact: 'read',
    fields: ['name', 'value'],
    load: () => import('./verbs/status.ts'),
  },
]
