// The contract of transports against Millrace over TCP, by both group protocols.

import { pinned } from '../../../test/contract/pinned.ts'
import { kafkaContract } from '../../../test/support/kafka-contract.ts'
import { type Broker, startBroker } from '../../broker/broker.ts'

const SESSION_TIMEOUT_MS = 1500

for (const [cluster, groupProtocol] of [
  [pinned.millraceOverTcp, 'consumer'],
  [pinned.millraceOverTcpClassic, 'classic'],
] as const) {
  let broker: Broker | undefined
  kafkaContract({
    ...cluster,
    options: async () => {
      broker = await startBroker({
        memory: true,
        listen: '127.0.0.1:0',
        config: {
          'group.consumer.min.session.timeout.ms': '500',
          'group.consumer.session.timeout.ms': String(SESSION_TIMEOUT_MS),
          'group.consumer.min.heartbeat.interval.ms': '50',
          'group.consumer.heartbeat.interval.ms': '100',
          'group.min.session.timeout.ms': '500',
        },
      })
      return { brokers: `127.0.0.1:${broker.addresses[0]!.port}`, groupProtocol }
    },
    timing: {
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      rebalanceTimeoutMs: 1000,
      deadlineMs: 15_000,
    },
    close: async () => broker?.close(),
  })
}
