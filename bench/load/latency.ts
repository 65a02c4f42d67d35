// End-to-end latency at a fixed rate: one record a request, sent when the clock says so and not when
// the last answer came (open loop), and a consumer that waits in a fetch. Both ends are one process,
// so one clock times them. Prints { sent, received, ack: {p50Ms, p99Ms}, endToEnd: {p50Ms, p99Ms} }.
import { buildBatch } from '../../src/broker/batch/builder.ts'
import { percentile } from '../percentile.ts'
import { type Bootstrap, LoadConnection } from './connection.ts'
import {
  endOfBatches,
  fetchedPartitions,
  fetchRequest,
  produceError,
  produceRequest,
} from './requests.ts'

export interface LatencyLoad {
  readonly bootstrap: Bootstrap
  readonly topic: string
  readonly ratePerSecond: number
  readonly recordBytes: number
  readonly acks: number
  readonly warmupSeconds: number
  readonly seconds: number
}

/** Offset of the first record sent here: creating the topic wrote one. */
const FIRST_OFFSET = 1

interface Percentiles {
  readonly p50Ms: number
  readonly p99Ms: number
}

export interface LatencyResult {
  readonly sent: number
  readonly received: number
  readonly ack: Percentiles
  readonly endToEnd: Percentiles
}

if (import.meta.main) {
  const load = JSON.parse(process.argv[2]!) as LatencyLoad
  console.log(JSON.stringify(await measure(load)))
  process.exit(0)
}

async function measure(load: LatencyLoad): Promise<LatencyResult> {
  const producer = await LoadConnection.open(load.bootstrap)
  const consumer = await LoadConnection.open(load.bootstrap)
  const batch = buildBatch({
    records: [
      { key: null, value: Buffer.alloc(load.recordBytes, 97), timestamp: Date.now(), headers: [] },
    ],
  })
  const frame = produceRequest(load.topic, load.acks, [{ partition: 0, batch }])
  const total = Math.round(load.ratePerSecond * (load.warmupSeconds + load.seconds))
  const skipped = Math.round(load.ratePerSecond * load.warmupSeconds)
  const acks: number[] = []
  const endToEnds: number[] = []
  // One partition and one producer connection: the n-th record sent is the n-th read.
  const sentAt: number[] = []
  let received = 0

  const consuming = (async () => {
    while (received < total) {
      const request = fetchRequest(
        load.topic,
        [{ partition: 0, offset: received + FIRST_OFFSET }],
        {
          maxWaitMs: 500,
          minBytes: 1,
          partitionMaxBytes: 1_048_576,
        },
      )
      const [part] = fetchedPartitions(await consumer.send(request))
      const now = performance.now()
      const end = endOfBatches(part!.records, received + FIRST_OFFSET)
      const nextOffset = end.nextOffset - FIRST_OFFSET
      for (let offset = received; offset < nextOffset; offset++) {
        if (offset >= skipped) endToEnds.push(now - sentAt[offset]!)
      }
      received = nextOffset
    }
  })()

  const begin = performance.now()
  const acknowledged: Promise<void>[] = []
  for (let index = 0; index < total; index++) {
    const due = begin + (index * 1000) / load.ratePerSecond
    while (performance.now() < due) await untilDue(due)
    sentAt[index] = performance.now()
    acknowledged.push(
      producer.send(frame).then((response) => {
        const error = produceError(response)
        if (error !== 0) throw new Error(`produce was answered with error ${error}`)
        if (index >= skipped) acks.push(performance.now() - sentAt[index]!)
      }),
    )
  }
  await Promise.all(acknowledged)
  await consuming
  producer.close()
  consumer.close()
  return { sent: total, received, ack: summary(acks), endToEnd: summary(endToEnds) }
}

/** Sleeps while there is time for it, then gives way turn by turn: timers are only good to 1 ms. */
function untilDue(due: number): Promise<void> {
  const leftMs = due - performance.now()
  return new Promise((resolve) => {
    if (leftMs > 2) setTimeout(resolve, leftMs - 1.5)
    else setImmediate(resolve)
  })
}

function summary(samples: number[]): Percentiles {
  samples.sort((a, b) => a - b)
  return { p50Ms: percentile(samples, 50), p99Ms: percentile(samples, 99) }
}
