// The contract of transports for a cluster: whatever it is, it is killed and cut off in the same way.

import {
  type Pinned,
  type TransportContract,
  transportContract,
} from '../../src/sdk/testing/transport-contract.ts'
import type { Transport } from '../../src/sdk/transport/transport.ts'
import { KafkaTransport, kafka } from '../../src/transports/kafka/kafka.ts'
import type { KafkaOptions } from '../../src/transports/kafka/kafka-options.ts'

const CONCURRENT_RULES = 4

export function kafkaContract(
  cluster: Pinned &
    Pick<TransportContract, 'timing' | 'close'> & {
      options(): KafkaOptions | Promise<KafkaOptions>
    },
): void {
  const opened = new Set<Transport>()
  transportContract({
    ...cluster,
    concurrency: CONCURRENT_RULES,
    engine: async () => {
      const engine = kafka(await cluster.options())
      const open: typeof engine.open = async (how) => {
        const transport = await engine.open(how)
        opened.add(transport)
        return transport
      }
      return { ...engine, open }
    },
    disturb: {
      kill: async (transport) => {
        if (transport instanceof KafkaTransport) await transport.abandon()
      },
      breakConnections: async () => {
        for (const transport of opened) {
          if (transport instanceof KafkaTransport) await transport.breakConnections()
        }
      },
    },
  })
}
