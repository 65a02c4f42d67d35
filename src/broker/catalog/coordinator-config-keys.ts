// The acting keys of the two coordinators: consumer groups of both protocols with their offsets, and
// transactions.

import { type ActingRow, BOUNDED_HERE, UNBOUNDED } from './config-key.ts'
import { atLeast, oneOf, someOf } from './config-value.ts'

const MIB = 1_048_576

export const coordinatorConfigRows = {
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
    differs: BOUNDED_HERE,
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
} as const satisfies Record<string, ActingRow>
