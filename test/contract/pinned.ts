// Which engines run under the contract of transports, and what each of them must show. A row that
// changes here is a promise that changes; docs/transports.md is written from it.

import type { Pinned } from '../../src/sdk/testing/transport-contract.ts'

/** Every Kafka cluster, whoever serves it: the event store needs more than the protocol has. */
const kafkaRow = {
  order: 'partition',
  replay: true,
  atomicOutput: true,
  expectedVersion: false,
  idempotentProducer: true,
  compaction: true,
  positions: true,
} as const

export const pinned = {
  memory: {
    name: 'memory',
    row: {
      order: 'partition',
      replay: true,
      atomicOutput: true,
      expectedVersion: true,
      idempotentProducer: true,
      compaction: true,
      positions: true,
    },
    blanks: { 'send-once': 'in one process there is no connection that could break' },
  },
  embedded: {
    name: 'embedded',
    row: {
      order: 'partition',
      replay: true,
      atomicOutput: true,
      expectedVersion: true,
      idempotentProducer: true,
      compaction: true,
      positions: true,
    },
    blanks: {
      'send-once': 'in one process there is no connection that could break',
      killed: 'a member and its broker are one process: whoever kills the one has killed the other',
    },
  },
  millraceOverTcp: { name: 'kafka on Millrace', row: kafkaRow, blanks: {} },
  millraceOverTcpClassic: { name: 'kafka on Millrace, classic groups', row: kafkaRow, blanks: {} },
  kafka: { name: 'kafka', row: kafkaRow, blanks: {} },
  kafkaClassic: { name: 'kafka, classic groups', row: kafkaRow, blanks: {} },
} as const satisfies Record<string, Pinned>
