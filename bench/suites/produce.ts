// How many MB/s of records a broker acknowledges: record size, acks and number of partitions varied.
import { createTopic, deleteTopic } from '../load/admin.ts'
import type { ProduceLoad, ProduceResult } from '../load/produce.ts'
import { type Running, TOPIC_CONFIGS } from '../peers/peer.ts'
import { cpuSeconds, memoryMb, runLoad } from '../processes.ts'
import { type Bench, compare } from './bench.ts'

const BATCH_BYTES = 16_384 // Kafka's default batch.size
const WARMUP_SECONDS = 1
const FIRST_WARMUP_SECONDS = 5

interface Row {
  readonly name: string
  readonly recordBytes: number
  readonly acks: number
  readonly partitions: number
}

export async function produceSuite(bench: Bench): Promise<void> {
  const all: Row[] = []
  for (const recordBytes of [100, 1024]) {
    for (const acks of [1, -1]) {
      for (const partitions of [1, 8, 256]) {
        const size = recordBytes === 1024 ? '1 KB' : `${recordBytes} B`
        const name = `${size}, acks=${acks === -1 ? 'all' : acks}, ${partitions} partitions`
        all.push({ name, recordBytes, acks, partitions })
      }
    }
  }
  const { rows: wanted } = bench
  const rows = all.filter(({ name }) => wanted === undefined || name.includes(wanted))
  const warmUp: Row = { name: 'warm-up', recordBytes: 1024, acks: -1, partitions: 8 }
  await compare(bench, {
    name: 'produce',
    tables: [
      { value: 'mbPerSecond', unit: 'MB/s' },
      { value: 'cpuCores', unit: 'cores' },
      { value: 'peakMemoryMb', unit: 'MB' },
    ],
    peers: ['millrace', 'millraceNoSync', 'kafka', 'kafkaSync'],
    rows,
    warmUp: async (running) => {
      await load(bench, running, { ...warmUp, topic: 'warm-up', seconds: FIRST_WARMUP_SECONDS })
    },
    measure: async (running, row, { run }) => {
      const topic = `produce-${row.recordBytes}-${row.acks}-${row.partitions}-${run}`
      const before = cpuSeconds(running.pid)
      const beganMs = performance.now()
      const result = await load(bench, running, { ...row, topic, seconds: bench.seconds })
      // Making and removing the topic included, in the time as in the work.
      const seconds = (performance.now() - beganMs) / 1000
      const cpuCores = (cpuSeconds(running.pid) - before) / seconds
      return { ...result, cpuCores, peakMemoryMb: memoryMb(running.pid).peak }
    },
  })
}

/** Makes the topic, fills it for so long, and removes it. */
async function load(
  bench: Bench,
  { bootstrap }: Running,
  { topic, recordBytes, acks, partitions, seconds }: Row & { topic: string; seconds: number },
): Promise<ProduceResult> {
  await createTopic(bootstrap, topic, partitions, topicConfigs(partitions))
  const result = await runLoad<ProduceResult>(
    'load/produce.ts',
    {
      bootstrap,
      topic,
      partitions,
      connections: 4,
      inFlight: 5,
      partitionsPerRequest: Math.min(8, partitions),
      recordsPerBatch: Math.floor(BATCH_BYTES / (recordBytes + 8)),
      recordBytes,
      acks,
      warmupSeconds: WARMUP_SECONDS,
      seconds,
    } satisfies ProduceLoad,
    bench.loadCpus,
  )
  await deleteTopic(bootstrap, topic)
  return result
}

/** Many partitions share the bound on what is kept, so that the working set stays below 1 GB. */
function topicConfigs(partitions: number): Record<string, string> {
  if (partitions <= 8) return TOPIC_CONFIGS
  const bytes = String(2 * 1024 * 1024)
  return { ...TOPIC_CONFIGS, 'segment.bytes': bytes, 'retention.bytes': bytes }
}
