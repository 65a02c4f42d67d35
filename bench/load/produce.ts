// Produces as fast as the broker acknowledges, or at most: `connections` sockets, each with
// `inFlight` requests under way, each request one batch for each of `partitionsPerRequest`
// partitions. Prints { recordsPerSecond, mbPerSecond, requestsPerSecond, p50Ms, p99Ms, records }.
import { buildBatch } from '../../src/broker/batch/builder.ts'
import { percentile } from '../percentile.ts'
import { type Bootstrap, LoadConnection } from './connection.ts'
import { produceError, produceRequest } from './requests.ts'

export interface ProduceLoad {
  readonly bootstrap: Bootstrap
  readonly topic: string
  readonly partitions: number
  readonly connections: number
  readonly inFlight: number
  readonly partitionsPerRequest: number
  readonly recordsPerBatch: number
  readonly recordBytes: number
  readonly acks: number
  readonly warmupSeconds: number
  /** How long to measure, or ... */
  readonly seconds?: number
  /** ... how many records to write, without warm-up. */
  readonly records?: number
}

export interface ProduceResult {
  readonly recordsPerSecond: number
  readonly mbPerSecond: number
  readonly requestsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly records: number
}

if (import.meta.main) {
  const load = JSON.parse(process.argv[2]!) as ProduceLoad
  console.log(JSON.stringify(await produce(load)))
  process.exit(0)
}

async function produce(load: ProduceLoad): Promise<ProduceResult> {
  const frames = buildFrames(load)
  const recordsPerRequest = load.recordsPerBatch * load.partitionsPerRequest
  const latencies: number[] = []
  let requests = 0
  let isMeasuring = load.records !== undefined
  let isDone = false
  let left = load.records === undefined ? Infinity : Math.ceil(load.records / recordsPerRequest)

  const connections: LoadConnection[] = []
  for (let index = 0; index < load.connections; index++) {
    connections.push(await LoadConnection.open(load.bootstrap))
  }
  let nextFrame = 0
  const pump = async (connection: LoadConnection): Promise<void> => {
    while (!isDone && left-- > 0) {
      const frame = frames[nextFrame++ % frames.length]!
      const sentAt = performance.now()
      const error = produceError(await connection.send(frame))
      if (error !== 0) throw new Error(`produce was answered with error ${error}`)
      if (!isMeasuring) continue
      requests++
      latencies.push(performance.now() - sentAt)
    }
  }
  const pumps = connections.flatMap((connection) =>
    Array.from({ length: load.inFlight }, () => pump(connection)),
  )
  let begin = performance.now()
  if (load.seconds !== undefined) {
    await delay(load.warmupSeconds * 1000)
    isMeasuring = true
    begin = performance.now()
    await Promise.race([delay(load.seconds * 1000), Promise.all(pumps)])
  } else {
    await Promise.all(pumps)
  }
  const seconds = (performance.now() - begin) / 1000
  const measured = requests
  isDone = true
  await Promise.all(pumps)
  for (const connection of connections) connection.close()
  latencies.sort((a, b) => a - b)
  const records = measured * recordsPerRequest
  return {
    recordsPerSecond: records / seconds,
    mbPerSecond: (records * load.recordBytes) / 1e6 / seconds,
    requestsPerSecond: measured / seconds,
    p50Ms: percentile(latencies, 50),
    p99Ms: percentile(latencies, 99),
    records,
  }
}

/** Frames that together touch every partition equally. */
function buildFrames(load: ProduceLoad): Buffer[] {
  const value = Buffer.alloc(load.recordBytes)
  for (let index = 0; index < value.length; index++) value[index] = 32 + ((index * 131) % 95)
  const records = Array.from({ length: load.recordsPerBatch }, () => ({
    key: null,
    value,
    timestamp: Date.now(),
    headers: [],
  }))
  const batch = buildBatch({ records })
  const frames: Buffer[] = []
  const count = load.partitions / gcd(load.partitions, load.partitionsPerRequest)
  for (let index = 0; index < count; index++) {
    const batches = Array.from({ length: load.partitionsPerRequest }, (_, at) => ({
      partition: (index * load.partitionsPerRequest + at) % load.partitions,
      batch,
    }))
    frames.push(produceRequest(load.topic, load.acks, batches))
  }
  return frames
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b)
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
