import { startBroker } from '../../broker/broker.ts'
import { transportContract } from '../../sdk/testing/transport-contract.ts'
import type { Transport } from '../../sdk/transport/transport.ts'
import { type KafkaTransport, kafka } from './kafka.ts'

const SESSION_TIMEOUT_MS = 1500
const broker = await startBroker({
  memory: true,
  listen: '127.0.0.1:0',
  config: {
    'group.consumer.min.session.timeout.ms': '500',
    'group.consumer.session.timeout.ms': String(SESSION_TIMEOUT_MS),
    'group.consumer.min.heartbeat.interval.ms': '50',
    'group.consumer.heartbeat.interval.ms': '100',
  },
})
const engine = kafka({ brokers: `127.0.0.1:${broker.addresses[0]!.port}` })
const opened = new Set<KafkaTransport>()
transportContract({
  name: 'Millrace over TCP',
  row: engine.capabilities,
  blanks: {},
  engine: async () => ({
    ...engine,
    open: async (o) => {
      const t = await engine.open(o)
      opened.add(t as KafkaTransport)
      return t
    },
  }),
  timing: { sessionTimeoutMs: SESSION_TIMEOUT_MS, rebalanceTimeoutMs: 1000, deadlineMs: 15_000 },
  concurrency: 4,
  disturb: {
    kill: (t: Transport) => (t as KafkaTransport).abandon(),
    breakConnections: async () => {
      for (const t of opened) await t.breakConnections()
    },
  },
  close: () => broker.close(),
})
