// Bytes on disk for the same records, everything that the broker keeps counted.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createTopic } from '../load/admin.ts'
import type { ProduceLoad, ProduceResult } from '../load/produce.ts'
import { runLoad } from '../processes.ts'
import { type Bench, compare } from './bench.ts'

const BLOCK_BYTES = 512

export async function diskSuite(bench: Bench): Promise<void> {
  await compare(
    { ...bench, rounds: 1 },
    {
      name: 'disk',
      tables: [{ value: 'megabytes', unit: 'MB' }],
      peers: ['millrace', 'kafka'],
      rows: [{ name: '100,000 records of 1 KB, 8 partitions' }],
      measure: async (running, _row, { folder, run }) => {
        const topic = `disk-${run}`
        const before = allocatedBytes(folder)
        await createTopic(running.bootstrap, topic, 8, {})
        const load: ProduceLoad = {
          bootstrap: running.bootstrap,
          topic,
          partitions: 8,
          connections: 2,
          inFlight: 4,
          partitionsPerRequest: 1,
          recordsPerBatch: 16,
          recordBytes: 1024,
          acks: -1,
          warmupSeconds: 0,
          records: 100_000,
        }
        await runLoad<ProduceResult>('load/produce.ts', load, bench.loadCpus)
        return { megabytes: (allocatedBytes(folder) - before) / 1e6 }
      },
    },
  )
}

/** Blocks that are really allocated: preallocated index files do not count, journals do. */
function allocatedBytes(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).blocks * BLOCK_BYTES
  }
  return bytes
}
