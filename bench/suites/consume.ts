// How many MB/s a broker hands to consumers that read from the beginning, page cache warm.
import { createTopic, deleteTopic } from '../load/admin.ts'
import type { ConsumeLoad, ConsumeResult } from '../load/consume.ts'
import type { ProduceLoad, ProduceResult } from '../load/produce.ts'
import { runLoad } from '../processes.ts'
import { type Bench, compare } from './bench.ts'

const STORED_BYTES = 256 * 1024 * 1024

interface Row {
  readonly name: string
  readonly recordBytes: number
  readonly partitions: number
  readonly partitionMaxBytes: number
}

export async function consumeSuite(bench: Bench): Promise<void> {
  const rows: Row[] = [100, 1024].flatMap((recordBytes) =>
    [1, 8].map((partitions) => ({
      name: `${recordBytes === 1024 ? '1 KB' : `${recordBytes} B`}, ${partitions} partitions`,
      recordBytes,
      partitions,
      partitionMaxBytes: 1_048_576, // Kafka's default max.partition.fetch.bytes
    })),
  )
  await compare(bench, {
    name: 'consume',
    tables: [{ value: 'mbPerSecond', unit: 'MB/s' }],
    peers: ['millrace', 'kafka'],
    rows,
    measure: async (running, row, { run }) => {
      const topic = `consume-${row.recordBytes}-${row.partitions}-${run}`
      const { bootstrap } = running
      await createTopic(bootstrap, topic, row.partitions, { 'file.delete.delay.ms': '100' })
      const fill: ProduceLoad = {
        bootstrap,
        topic,
        partitions: row.partitions,
        connections: 2,
        inFlight: 4,
        partitionsPerRequest: 1,
        recordsPerBatch: Math.floor(16_384 / (row.recordBytes + 8)),
        recordBytes: row.recordBytes,
        acks: -1,
        warmupSeconds: 0,
        records: Math.floor(STORED_BYTES / 4 / row.recordBytes),
      }
      await runLoad<ProduceResult>('load/produce.ts', fill, bench.loadCpus)
      const load: ConsumeLoad = {
        bootstrap,
        topic,
        partitions: row.partitions,
        connections: 4,
        partitionMaxBytes: row.partitionMaxBytes,
        warmupSeconds: 1,
        seconds: bench.seconds,
      }
      const result = await runLoad<ConsumeResult>('load/consume.ts', load, bench.loadCpus)
      await deleteTopic(bootstrap, topic)
      return { ...result }
    },
  })
}
