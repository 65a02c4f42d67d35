// How many MB/s of records a broker acknowledges: record size, acks and number of partitions varied.
import { createTopic, deleteTopic } from '../load/admin.ts'
import type { ProduceLoad, ProduceResult } from '../load/produce.ts'
import { TOPIC_CONFIGS } from '../peers/peer.ts'
import { cpuSeconds, memoryMb, runLoad } from '../processes.ts'
import { type Bench, compare } from './bench.ts'

const BATCH_BYTES = 16_384 // Kafka's default batch.size
const WARMUP_SECONDS = 1

interface Row {
  readonly name: string
  readonly recordBytes: number
  readonly acks: number
  readonly partitions: number
}

export async function produceSuite(bench: Bench): Promise<void> {
  const rows: Row[] = []
  for (const recordBytes of [100, 1024]) {
    for (const acks of [1, -1]) {
      for (const partitions of [1, 8, 256]) {
        const size = recordBytes === 1024 ? '1 KB' : `${recordBytes} B`
        const name = `${size}, acks=${acks === -1 ? 'all' : acks}, ${partitions} partitions`
        rows.push({ name, recordBytes, acks, partitions })
      }
    }
  }
  await compare(bench, {
    name: 'produce',
    tables: [
      { value: 'mbPerSecond', unit: 'MB/s' },
      { value: 'cpuCores', unit: 'cores' },
      { value: 'peakMemoryMb', unit: 'MB' },
    ],
    peers: ['millrace', 'millraceNoSync', 'kafka', 'kafkaSync'],
    rows,
    measure: async (running, row, { run }) => {
      const topic = `produce-${row.recordBytes}-${row.acks}-${row.partitions}-${run}`
      await createTopic(running.bootstrap, topic, row.partitions, topicConfigs(row.partitions))
      const before = cpuSeconds(running.pid)
      const result = await runLoad<ProduceResult>(
        'load/produce.ts',
        {
          bootstrap: running.bootstrap,
          topic,
          partitions: row.partitions,
          connections: 4,
          inFlight: 5,
          partitionsPerRequest: Math.min(8, row.partitions),
          recordsPerBatch: Math.floor(BATCH_BYTES / (row.recordBytes + 8)),
          recordBytes: row.recordBytes,
          acks: row.acks,
          warmupSeconds: WARMUP_SECONDS,
          seconds: bench.seconds,
        } satisfies ProduceLoad,
        bench.loadCpus,
      )
      const cpu = (cpuSeconds(running.pid) - before) / (bench.seconds + WARMUP_SECONDS)
      await deleteTopic(running.bootstrap, topic)
      return { ...result, cpuCores: cpu, peakMemoryMb: memoryMb(running.pid).peak }
    },
  })
}

/** Many partitions share the bound on what is kept, so that the working set stays below 1 GB. */
function topicConfigs(partitions: number): Record<string, string> {
  if (partitions <= 8) return TOPIC_CONFIGS
  const bytes = String(2 * 1024 * 1024)
  return { ...TOPIC_CONFIGS, 'segment.bytes': bytes, 'retention.bytes': bytes }
}
