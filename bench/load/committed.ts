// What a consumer with isolation.level=read_committed gets of a partition, worked out as clients do:
// by the list of aborted transactions and the markers.
import { readControlMarker } from '../../src/broker/batch/control-marker.ts'
import { type BatchHeader, readBatchHeader } from '../../src/broker/batch/header.ts'
import { ZERO_UUID } from '../../src/broker/bytes/uuid.ts'
import { fetch } from '../../src/broker/protocol/01-fetch.ts'
import { decodeResponse, encodeRequest } from '../../src/broker/protocol/frames.ts'
import type { LoadConnection } from './connection.ts'

const READ_COMMITTED = 1
const FETCH_BYTES = 16 * 1024 * 1024
const MAX_WAIT_MS = 5000

/**
 * Reads until the stable end has come as far as `endOffset`.
 * @returns how many records are committed, or belong to no transaction
 */
export async function countCommitted(
  connection: LoadConnection,
  { topic, partition, endOffset }: { topic: string; partition: number; endOffset: number },
): Promise<number> {
  let count = 0
  let fetchOffset = 0
  while (fetchOffset < endOffset) {
    const { records, aborted } = await fetchStable(connection, { topic, partition, fetchOffset })
    if (records.length === 0) throw new Error(`${topic}-${partition} ends at ${fetchOffset}`)
    const upcoming = aborted.toSorted((one, other) => one.firstOffset - other.firstOffset)
    const ending = new Set<number>()
    for (const { header, at } of batchesIn(records)) {
      while (upcoming.length > 0 && upcoming[0]!.firstOffset <= header.lastOffset) {
        ending.add(upcoming.shift()!.producerId)
      }
      if (header.isControlBatch) {
        if (readControlMarker(records, at).kind === 'abort') ending.delete(header.producerId)
      } else if (!header.isTransactional || !ending.has(header.producerId)) {
        count += header.recordCount
      }
      fetchOffset = header.lastOffset + 1
    }
  }
  return count
}

/** The whole batches in fetched bytes. */
export function* batchesIn(records: Buffer): Generator<{ header: BatchHeader; at: number }> {
  for (let at = 0; at + 61 <= records.length; ) {
    const header = readBatchHeader(records, at)
    if (at + header.sizeBytes > records.length) return
    yield { header, at }
    at += header.sizeBytes
  }
}

async function fetchStable(
  connection: LoadConnection,
  { topic, partition, fetchOffset }: { topic: string; partition: number; fetchOffset: number },
) {
  const header = { apiVersion: 12, correlationId: 0, clientId: 'bench' }
  const partitions = [{ partition, fetchOffset, partitionMaxBytes: FETCH_BYTES }]
  const request = encodeRequest(fetch, header, {
    maxWaitMs: MAX_WAIT_MS,
    minBytes: 1,
    isolationLevel: READ_COMMITTED,
    topics: [{ topic, topicId: ZERO_UUID, partitions }],
    forgottenTopicsData: [],
  })
  const answer = decodeResponse(fetch, 12, await connection.send(Buffer.concat(request))).body
  const found = answer.responses[0]!.partitions[0]!
  if (found.errorCode !== 0) throw new Error(`fetch was answered with error ${found.errorCode}`)
  return { records: found.records ?? Buffer.alloc(0), aborted: found.abortedTransactions ?? [] }
}
