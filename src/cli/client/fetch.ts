// Reads partitions by assignment, without a group: long polls in rounds, one per leader, until every
// partition has reached its end offset, or for ever where none is given.
// Invariant: offsets of a partition are yielded in ascending order, each at most once; control
// records never are, records of aborted transactions not with `read_committed`.
// Source: KIP-74 (a batch that contains the offset may begin before it), KIP-98 (aborted list).

import { abortedFilter } from '../../broker/batch/aborted-filter.ts'
import {
  BATCH_OVERHEAD_BYTES,
  type BatchHeader,
  batchCrc,
  readBatchHeader,
} from '../../broker/batch/header.ts'
import { type BatchRecord, readRecords } from '../../broker/batch/records.ts'
import { DecodeError } from '../../broker/bytes/reader.ts'
import { ZERO_UUID } from '../../broker/bytes/uuid.ts'
import { fetch } from '../../broker/protocol/01-fetch.ts'
import type { DecodedResponseOf } from '../../broker/protocol/api.ts'
import { CodecError } from '../../host/codec-block.ts'
import { assertAccepted, ClientError } from './client-error.ts'
import type { Cluster, TopicPartition } from './cluster.ts'
import { byTopic, type Isolation, isolationLevels } from './offsets.ts'
import { unlessAborted } from './unless-aborted.ts'

/** From version 13 on topics go by id; names serve every broker. */
const FETCH_BY_NAME_VERSION = 12
const DEFAULT_MAX_BYTES = 16 * 1024 * 1024
const DEFAULT_PARTITION_MAX_BYTES = 4 * 1024 * 1024
const NO_BYTES = Buffer.alloc(0)
const NO_SESSION = { sessionId: 0, sessionEpoch: -1 }

export interface ReadRange extends TopicPartition {
  readonly fromOffset: number
  /** Exclusive; without it the partition is followed. */
  readonly endOffset?: number
}

export interface FetchOptions {
  readonly isolation?: Isolation
  readonly maxWaitMs?: number
  /** Of one answer, and of one partition in it. */
  readonly maxBytes?: number
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal
}

export interface FetchedRecords extends TopicPartition {
  readonly records: readonly BatchRecord[]
  /** Where reading goes on. */
  readonly nextOffset: number
  readonly highWatermark: number
}

interface Cursor extends TopicPartition {
  nextOffset: number
  readonly endOffset: number
}

type TopicAnswer = DecodedResponseOf<typeof fetch>['responses'][number]
type PartitionAnswer = TopicAnswer['partitions'][number]

/** @throws ClientError refused OFFSET_OUT_OF_RANGE when the records at `fromOffset` were deleted */
export async function* fetchRecords(
  cluster: Cluster,
  ranges: readonly ReadRange[],
  options: FetchOptions = {},
): AsyncGenerator<FetchedRecords, void, undefined> {
  const cursors = openCursors(ranges)
  while (cursors.size > 0 && options.signal?.aborted !== true) {
    const topics = [...new Set([...cursors.values()].map(({ topic }) => topic))]
    const poll = cluster.retrying(() => pollLeaders(cluster, [...cursors.values()], options), {
      topics,
    })
    const answers = await unlessAborted(poll, options.signal)
    if (answers === undefined) return
    for (const { topic, partitions } of answers) {
      for (const answer of partitions) {
        const name = `${topic}/${answer.partitionIndex}`
        const cursor = cursors.get(name)
        if (cursor === undefined) continue
        const records = takeRecords(cursor, answer, options.isolation)
        if (cursor.nextOffset >= cursor.endOffset) cursors.delete(name)
        const { partition, nextOffset } = cursor
        yield { topic, partition, records, nextOffset, highWatermark: answer.highWatermark }
      }
    }
  }
}

function openCursors(ranges: readonly ReadRange[]): Map<string, Cursor> {
  const cursors = new Map<string, Cursor>()
  for (const { topic, partition, fromOffset, endOffset = Number.POSITIVE_INFINITY } of ranges) {
    if (fromOffset >= endOffset) continue
    cursors.set(`${topic}/${partition}`, { topic, partition, nextOffset: fromOffset, endOffset })
  }
  return cursors
}

/** One fetch from each leader. An error of one partition is the error of all: they are read again. */
async function pollLeaders(
  cluster: Cluster,
  cursors: readonly Cursor[],
  options: FetchOptions,
): Promise<TopicAnswer[]> {
  const leaders = await Promise.all(cursors.map((cursor) => cluster.leader(cursor)))
  const byLeader = Map.groupBy(cursors, (_, index) => leaders[index]!)
  // An idle leader must not hold up what another one has.
  const maxWaitMs = options.maxWaitMs ?? (byLeader.size > 1 ? 100 : 500)
  const polls = [...byLeader].map(async ([leader, own]) => {
    const connection = await cluster.broker(leader)
    const body = fetchBody(own, { ...options, maxWaitMs })
    const answer = await connection.request(fetch, body, {
      maxVersion: FETCH_BY_NAME_VERSION,
      timeoutMs: maxWaitMs + cluster.timeoutMs,
    })
    assertAccepted(answer.errorCode, 'Fetch')
    for (const { topic, partitions } of answer.responses) {
      for (const { partitionIndex, errorCode } of partitions) {
        assertAccepted(errorCode, `Topic ${topic} partition ${partitionIndex}`)
      }
    }
    return answer.responses
  })
  return (await Promise.all(polls)).flat()
}

function fetchBody(cursors: readonly Cursor[], options: FetchOptions & { maxWaitMs: number }) {
  const { maxBytes = DEFAULT_MAX_BYTES, isolation = 'read_uncommitted', maxWaitMs } = options
  return {
    replicaId: -1,
    maxWaitMs,
    minBytes: 1,
    maxBytes,
    isolationLevel: isolationLevels[isolation],
    ...NO_SESSION,
    topics: byTopic(cursors, ({ partition, nextOffset }) => ({
      partition,
      currentLeaderEpoch: -1,
      fetchOffset: nextOffset,
      lastFetchedEpoch: -1,
      logStartOffset: -1,
      partitionMaxBytes: Math.min(maxBytes, DEFAULT_PARTITION_MAX_BYTES),
    })).map(({ topic, partitions }) => ({ topic, topicId: ZERO_UUID, partitions })),
    forgottenTopicsData: [],
    rackId: '',
  }
}

/**
 * The records from the cursor up to its end; moves the cursor behind the last whole batch.
 * @throws ClientError malformed
 */
function takeRecords(
  cursor: Cursor,
  answer: PartitionAnswer,
  isolation: Isolation | undefined,
): BatchRecord[] {
  const records: BatchRecord[] = []
  const bytes = answer.records ?? NO_BYTES
  const isAborted = abortedFilter(
    isolation === 'read_committed' ? answer.abortedTransactions : null,
  )
  try {
    for (let at = 0; at + BATCH_OVERHEAD_BYTES <= bytes.length; ) {
      const header = readBatchHeader(bytes, at)
      // The last batch of an answer may be cut short; it comes again, whole.
      if (at + header.sizeBytes > bytes.length) break
      const batch = bytes.subarray(at, at + header.sizeBytes)
      const isShown = !isAborted(header, batch) && !header.isControlBatch
      if (header.lastOffset >= cursor.nextOffset) {
        if (isShown) records.push(...wantedRecords(cursor, header, batch))
        cursor.nextOffset = header.lastOffset + 1
      }
      at += header.sizeBytes
    }
  } catch (error) {
    if (!(error instanceof DecodeError || error instanceof CodecError)) throw error
    const where = `Topic ${cursor.topic} partition ${cursor.partition} from offset ${cursor.nextOffset}`
    throw new ClientError('malformed', `${where}: ${error.message}`, { cause: error })
  }
  return records
}

function wantedRecords(cursor: Cursor, header: BatchHeader, batch: Buffer): BatchRecord[] {
  if (batchCrc(batch, 0, batch.length) !== header.crc) {
    throw new DecodeError('the batch is damaged (CRC)', 0)
  }
  return [...readRecords(batch)].filter(
    ({ offset }) => offset >= cursor.nextOffset && offset < cursor.endOffset,
  )
}
