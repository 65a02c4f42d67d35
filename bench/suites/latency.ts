// End-to-end latency at fixed rates, from the moment a record is due to the moment a waiting
// consumer has it; p50 and p99 are separate tables.
import { createTopic } from '../load/admin.ts'
import type { LatencyLoad, LatencyResult } from '../load/latency.ts'
import { TOPIC_CONFIGS } from '../peers/peer.ts'
import { runLoad } from '../processes.ts'
import { type Bench, compare } from './bench.ts'

export async function latencySuite(bench: Bench): Promise<void> {
  await compare(bench, {
    name: 'latency',
    tables: [
      { value: 'endToEndP50Ms', unit: 'ms' },
      { value: 'endToEndP99Ms', unit: 'ms' },
      { value: 'ackP50Ms', unit: 'ms' },
    ],
    peers: ['millrace', 'kafka', 'kafkaSync'],
    rows: [200, 1000, 5000].map((rate) => ({ name: `${rate}/s, 1 KB, acks=all`, rate })),
    measure: async (running, row, { run }) => {
      const topic = `latency-${row.rate}-${run}`
      await createTopic(running.bootstrap, topic, 1, TOPIC_CONFIGS)
      const load: LatencyLoad = {
        bootstrap: running.bootstrap,
        topic,
        ratePerSecond: row.rate,
        recordBytes: 1024,
        acks: -1,
        warmupSeconds: 5, // a JVM compiles what it runs often
        seconds: bench.seconds,
      }
      const result = await runLoad<LatencyResult>('load/latency.ts', load, bench.loadCpus)
      return {
        endToEndP50Ms: result.endToEnd.p50Ms,
        endToEndP99Ms: result.endToEnd.p99Ms,
        ackP50Ms: result.ack.p50Ms,
        ackP99Ms: result.ack.p99Ms,
      }
    },
  })
}
