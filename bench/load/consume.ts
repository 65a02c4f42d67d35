// Reads partitions from their beginning to their end, over and over until the time is up, with plain
// fetch requests. Prints { recordsPerSecond, mbPerSecond, records }.
import { type Bootstrap, LoadConnection } from './connection.ts'
import { endOfBatches, fetchedPartitions, fetchRequest } from './requests.ts'

export interface ConsumeLoad {
  readonly bootstrap: Bootstrap
  readonly topic: string
  readonly partitions: number
  readonly connections: number
  readonly partitionMaxBytes: number
  readonly warmupSeconds: number
  readonly seconds: number
}

export interface ConsumeResult {
  readonly recordsPerSecond: number
  readonly mbPerSecond: number
  readonly records: number
}

if (import.meta.main) {
  const load = JSON.parse(process.argv[2]!) as ConsumeLoad
  console.log(JSON.stringify(await consume(load)))
  process.exit(0)
}

async function consume(load: ConsumeLoad): Promise<ConsumeResult> {
  const begin = performance.now()
  const measureFrom = begin + load.warmupSeconds * 1000
  const end = measureFrom + load.seconds * 1000
  let records = 0
  let bytes = 0

  const readAll = async (own: readonly number[]): Promise<void> => {
    const connection = await LoadConnection.open(load.bootstrap)
    const offsets = new Map(own.map((partition) => [partition, 0]))
    const frames = new Map<string, Buffer>()
    while (performance.now() < end) {
      const positions = [...offsets].map(([partition, offset]) => ({ partition, offset }))
      const name = positions.map((position) => position.offset).join()
      const frame = frames.get(name) ?? fetchRequest(load.topic, positions, fetchOptions(load))
      if (frames.size < 10_000) frames.set(name, frame)
      const isMeasured = performance.now() >= measureFrom
      for (const part of fetchedPartitions(await connection.send(frame))) {
        if (part.error !== 0) throw new Error(`partition ${part.partition}: error ${part.error}`)
        const from = offsets.get(part.partition)!
        const { nextOffset } = endOfBatches(part.records, from)
        if (isMeasured) {
          records += nextOffset - from
          bytes += part.records.length
        }
        offsets.set(part.partition, nextOffset >= part.highWatermark ? 0 : nextOffset)
      }
    }
    connection.close()
  }
  const all = Array.from({ length: load.partitions }, (_, index) => index)
  const shares = Array.from({ length: Math.min(load.connections, load.partitions) }, (_, share) =>
    all.filter((partition) => partition % load.connections === share),
  )
  await Promise.all(shares.map(readAll))
  const seconds = (performance.now() - measureFrom) / 1000
  return { recordsPerSecond: records / seconds, mbPerSecond: bytes / 1e6 / seconds, records }
}

function fetchOptions(load: ConsumeLoad) {
  return { maxWaitMs: 500, minBytes: 1, partitionMaxBytes: load.partitionMaxBytes }
}
