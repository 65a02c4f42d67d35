// From spawning the process to the first acknowledged record, with a client that retries from the
// beginning, and the memory of a broker that has nothing to do.
import { untilFirstRecord } from '../load/admin.ts'
import { memoryMb } from '../processes.ts'
import { type Bench, compare } from './bench.ts'

const SETTLE_MS = 5000

export async function startSuite(bench: Bench): Promise<void> {
  await compare(bench, {
    name: 'start',
    tables: [
      { value: 'firstRecordMs', unit: 'ms' },
      { value: 'idleMemoryMb', unit: 'MB' },
    ],
    peers: ['millrace', 'kafka'],
    rows: [{ name: 'empty folder' }],
    isOfStart: true,
    measure: async (running) => {
      await untilFirstRecord(running.bootstrap, 'first')
      const firstRecordMs = performance.now() - running.started.spawnedAt
      await new Promise((resolve) => setTimeout(resolve, SETTLE_MS))
      return { firstRecordMs, idleMemoryMb: memoryMb(running.pid).now }
    },
  })
}
