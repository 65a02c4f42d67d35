// The acting keys that bound what clients may ask of the broker: connections, requests, answers and
// fetch sessions, and what a client's fair share of them is.

import { type ActingRow, BOUNDED_HERE, UNBOUNDED } from './config-key.ts'
import { atLeast } from './config-value.ts'
import { connectionOverrides } from './connection-overrides.ts'

const MIB = 1_048_576

export const clientConfigRows = {
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
    differs: BOUNDED_HERE,
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
} as const satisfies Record<string, ActingRow>
