// How fast transactions are committed: a producer alone, and read-process-write, where each
// transaction also reads its records and commits their offset. Every peer speaks transactions v2.
import { createTopic, deleteTopic } from '../load/admin.ts'
import type { ProduceLoad, ProduceResult } from '../load/produce.ts'
import type { TransactionLoad, TransactionResult } from '../load/transactions.ts'
import { type Running, TOPIC_CONFIGS } from '../peers/peer.ts'
import { runLoad } from '../processes.ts'
import { type Bench, compare } from './bench.ts'

const RECORD_BYTES = 1024
/** Of each partition of the source, which is read over and over. */
const SOURCE_RECORDS = 20_000
const WARMUP_SECONDS = 1
const FIRST_WARMUP_SECONDS = 5

interface Row {
  readonly name: string
  readonly isProcessing: boolean
  readonly workers: number
  readonly recordsPerTransaction: number
}

export async function transactionsSuite(bench: Bench): Promise<void> {
  const all: Row[] = []
  for (const isProcessing of [false, true]) {
    for (const workers of [1, 8]) {
      for (const recordsPerTransaction of isProcessing ? [100] : [100, 500]) {
        const what = isProcessing ? 'read-process-write' : 'produce'
        const name = `${what}, 1 KB, a commit every ${recordsPerTransaction}, ${workers} at once`
        all.push({ name, isProcessing, workers, recordsPerTransaction })
      }
    }
  }
  const { rows: wanted } = bench
  await compare(bench, {
    name: 'transactions',
    tables: [
      { value: 'recordsPerSecond', unit: 'records/s' },
      { value: 'p50Ms', unit: 'ms' },
      { value: 'p99Ms', unit: 'ms' },
    ],
    peers: ['millrace', 'kafka', 'kafkaSync'],
    rows: all.filter(({ name }) => wanted === undefined || name.includes(wanted)),
    warmUp: async (running) => {
      const row = { isProcessing: true, workers: 2, recordsPerTransaction: 100 }
      const seconds = FIRST_WARMUP_SECONDS
      await transact(bench, running, { ...row, topic: 'warm-up', seconds })
    },
    measure: async (running, row, { run }) => {
      const kind = row.isProcessing ? 'process' : 'produce'
      const topic = `${kind}-${row.recordsPerTransaction}-${row.workers}-${run}`
      return { ...(await transact(bench, running, { ...row, topic, seconds: bench.seconds })) }
    },
  })
}

/** Makes the topics, proves and measures, and removes them. */
async function transact(
  bench: Bench,
  { bootstrap }: Running,
  row: Omit<Row, 'name'> & { readonly topic: string; readonly seconds: number },
): Promise<TransactionResult> {
  const { topic, workers, recordsPerTransaction } = row
  const [source, trialTopic] = [`${topic}-source`, `${topic}-trial`]
  const topics = row.isProcessing ? [topic, trialTopic, source] : [topic, trialTopic]
  for (const name of topics) await createTopic(bootstrap, name, workers, TOPIC_CONFIGS)
  if (row.isProcessing) {
    await runLoad<ProduceResult>(
      'load/produce.ts',
      {
        bootstrap,
        topic: source,
        partitions: workers,
        connections: 1,
        inFlight: 4,
        partitionsPerRequest: workers,
        recordsPerBatch: recordsPerTransaction,
        recordBytes: RECORD_BYTES,
        acks: -1,
        warmupSeconds: 0,
        records: SOURCE_RECORDS * workers,
      } satisfies ProduceLoad,
      bench.loadCpus,
    )
  }
  const load: TransactionLoad = {
    bootstrap,
    workers,
    recordsPerTransaction,
    recordBytes: RECORD_BYTES,
    source: row.isProcessing ? source : undefined,
    topic,
    trialTopic,
    warmupSeconds: WARMUP_SECONDS,
    seconds: row.seconds,
  }
  const result = await runLoad<TransactionResult>('load/transactions.ts', load, bench.loadCpus)
  for (const name of topics) await deleteTopic(bootstrap, name)
  return result
}
