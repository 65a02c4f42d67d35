// Transactions as fast as they can be committed: `workers` producers, each with a connection and a
// partition of its own, one transaction after the other, once each has proved that it writes what it
// should. Prints { recordsPerSecond, transactionsPerSecond, p50Ms, p99Ms }, the latter of whole
// transactions.
import { percentile } from '../percentile.ts'
import type { Bootstrap } from './connection.ts'
import { type TransactionWork, TransactionWorker } from './transaction-worker.ts'

export interface TransactionLoad extends TransactionWork {
  readonly bootstrap: Bootstrap
  readonly workers: number
  readonly warmupSeconds: number
  readonly seconds: number
}

export interface TransactionResult {
  readonly recordsPerSecond: number
  readonly transactionsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
}

if (import.meta.main) {
  const load = JSON.parse(process.argv[2]!) as TransactionLoad
  console.log(JSON.stringify(await measure(load)))
  process.exit(0)
}

async function measure(load: TransactionLoad): Promise<TransactionResult> {
  const workers: TransactionWorker[] = []
  for (let index = 0; index < load.workers; index++)
    workers.push(await TransactionWorker.open(load.bootstrap, load, index))
  await Promise.all(workers.map((worker) => worker.prove()))

  const latencies: number[] = []
  let isMeasuring = false
  let isDone = false
  const pumps = workers.map(async (worker) => {
    while (!isDone) {
      const beganMs = performance.now()
      await worker.transact(load.topic, 'commit')
      if (isMeasuring) latencies.push(performance.now() - beganMs)
    }
  })
  const failed = Promise.all(pumps)
  await Promise.race([delay(load.warmupSeconds * 1000), failed])
  isMeasuring = true
  const beganMs = performance.now()
  await Promise.race([delay(load.seconds * 1000), failed])
  const seconds = (performance.now() - beganMs) / 1000
  const transactions = latencies.length
  isDone = true
  await failed
  for (const worker of workers) worker.close()
  latencies.length = transactions
  latencies.sort((a, b) => a - b)
  return {
    recordsPerSecond: (transactions * load.recordsPerTransaction) / seconds,
    transactionsPerSecond: transactions / seconds,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
