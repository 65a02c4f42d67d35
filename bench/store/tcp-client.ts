// Our event store over TCP, as every Kafka client has it: Produce with the expected version in a
// header. A stream cannot be read by name that way, so reading takes the whole partition: good enough
// for gates, and not timed.
import { buildBatch } from '../../src/broker/batch/builder.ts'
import { readRecords } from '../../src/broker/batch/records.ts'
import { batchesIn } from '../load/committed.ts'
import { LoadConnection } from '../load/connection.ts'
import {
  fetchedPartitions,
  fetchRequest,
  producedOffset,
  produceError,
  produceRequest,
} from '../load/requests.ts'
import { encode, STORE } from './embedded-client.ts'
import type { LoadEvent, ReadEvent, StoreClient, StorePlace } from './store-client.ts'

const MAX_CONNECTIONS = 8
const INVALID_RECORD = 87
const EXPECTED_VERSION = 'millrace-expected-version'
const FETCH_BYTES = 16 * 1024 * 1024

export async function open({ port, callers }: StorePlace): Promise<StoreClient> {
  const connections: LoadConnection[] = []
  while (connections.length < Math.min(callers, MAX_CONNECTIONS)) {
    connections.push(await LoadConnection.open({ host: '127.0.0.1', port }))
  }
  let next = 0
  return {
    knowsRetries: true,
    async append(stream, expectedVersion, events) {
      const connection = connections[next++ % connections.length]!
      const batch = encodeAppend(stream, expectedVersion, events)
      const answer = await connection.send(produceRequest(STORE, -1, [{ partition: 0, batch }]))
      const error = produceError(answer)
      if (error === INVALID_RECORD) return { kind: 'conflict' }
      if (error !== 0) throw new Error(`produce was answered with error ${error}`)
      const version = expectedVersion + events.length
      return { kind: 'appended', version, place: String(producedOffset(answer)) }
    },
    async read(stream) {
      return (await readPartition(connections[0]!)).filter((event) => event.stream === stream)
    },
    async close() {
      for (const connection of connections) connection.close()
    },
  }
}

function encodeAppend(stream: string, expectedVersion: number, events: readonly LoadEvent[]) {
  const key = Buffer.from(stream)
  const expected = expectedVersion === -1 ? 'none' : String(expectedVersion)
  const timestamp = Date.now()
  const records = events.map((event, index) => {
    const { value, headers } = encode(event)
    const check = [EXPECTED_VERSION, Buffer.from(expected)] as const
    return { key, value, timestamp, headers: index === 0 ? [...headers, check] : headers }
  })
  return buildBatch({ records })
}

/** Everything up to the high watermark of the moment. */
async function readPartition(
  connection: LoadConnection,
): Promise<(ReadEvent & { readonly stream: string })[]> {
  const events: (ReadEvent & { readonly stream: string })[] = []
  for (let offset = 0; ; ) {
    const limits = { maxWaitMs: 0, minBytes: 0, partitionMaxBytes: FETCH_BYTES }
    const request = fetchRequest(STORE, [{ partition: 0, offset }], limits)
    const [fetched] = fetchedPartitions(await connection.send(request))
    if (fetched!.error !== 0) throw new Error(`fetch was answered with error ${fetched!.error}`)
    for (const { header, at } of batchesIn(fetched!.records)) {
      offset = header.lastOffset + 1
      for (const record of readRecords(fetched!.records.subarray(at, at + header.sizeBytes))) {
        const of = (wanted: string) => String(record.headers.find(([name]) => name === wanted)?.[1])
        const version = Number(of('millrace-version'))
        events.push({ stream: String(record.key), id: of('ce_id'), version })
      }
    }
    if (offset >= fetched!.highWatermark) return events
  }
}
