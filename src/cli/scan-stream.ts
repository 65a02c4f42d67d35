// Streams as they can be had by Kafka's protocol, which knows no lookup by key: by reading the partition.
// One stream is read from its end back, in windows of offsets, until its first event; all streams are
// learnt by reading everything once.
// Rules of records about a stream: behind a deletion its events are gone, a truncation says which are.

import { partitionOfKey } from '../broker/batch/murmur2.ts'
import type { BatchRecord } from '../broker/batch/records.ts'
import type { StreamInfo } from '../broker/streams/event-store.ts'
import { firstVersionIn } from '../broker/streams/read-wanted.ts'
import { kindOfType, type RecordKind } from '../broker/streams/store-names.ts'
import type { Cluster, TopicInfo, TopicPartition } from './client/cluster.ts'
import { fetchRecords } from './client/fetch.ts'
import { EARLIEST, LATEST, listOffsetsOf } from './client/offsets.ts'
import { typeOf, versionOf } from './store-topic.ts'

const FIRST_WINDOW_OFFSETS = 1000
const MAX_WINDOW_OFFSETS = 64_000
const isolation = 'read_committed'

export interface StreamRecord {
  readonly kind: RecordKind
  /** Of a record about its stream: that of the newest event before it, -1 when there was none. */
  readonly version: number
  readonly record: BatchRecord
}

export function partitionOfStream({ name, partitions }: TopicInfo, key: Buffer): TopicPartition {
  return { topic: name, partition: partitionOfKey(key, partitions.length) }
}

/** A stream's committed records, newest first, ending with its first event or with its deletion. */
export async function* scanStream(
  cluster: Cluster,
  place: TopicPartition,
  key: Buffer,
): AsyncGenerator<StreamRecord, void, undefined> {
  let firstVersion = 0
  for await (const record of recordsBackward(cluster, place, key)) {
    const found = streamRecord(record)
    if (found.kind === 'truncated') {
      firstVersion = Math.max(firstVersion, firstVersionIn(record.value) ?? 0)
    } else if (found.kind === 'event' && found.version < firstVersion) return
    yield found
    if (found.kind === 'deleted' || found.kind === 'tombstoned') return
    if (found.kind === 'event' && found.version === firstVersion) return
  }
}

async function* recordsBackward(
  cluster: Cluster,
  place: TopicPartition,
  key: Buffer,
): AsyncGenerator<BatchRecord, void, undefined> {
  const [startOffset, endOffset] = await boundsOf(cluster, [place]).then(
    ([bounds]) => [bounds!.startOffset, bounds!.endOffset] as const,
  )
  let windowOffsets = FIRST_WINDOW_OFFSETS
  for (let end = endOffset; end > startOffset; ) {
    const fromOffset = Math.max(startOffset, end - windowOffsets)
    const found: BatchRecord[] = []
    const range = { ...place, fromOffset, endOffset: end }
    for await (const { records } of fetchRecords(cluster, [range], { isolation })) {
      for (const record of records) if (record.key?.equals(key) === true) found.push(record)
    }
    yield* found.reverse()
    end = fromOffset
    windowOffsets = Math.min(MAX_WINDOW_OFFSETS, windowOffsets * 2)
  }
}

/** Every stream of the store whose name begins so, in the order in which they first appear. */
export async function scanStreams(
  cluster: Cluster,
  { name, partitions }: TopicInfo,
  prefix: string,
): Promise<StreamInfo[]> {
  const places = partitions.map(({ partition }) => ({ topic: name, partition }))
  const bounds = await boundsOf(cluster, places)
  const ranges = bounds.map(({ startOffset, ...range }) => ({ ...range, fromOffset: startOffset }))
  const streams = new Map<string, StreamInfo>()
  for await (const { records } of fetchRecords(cluster, ranges, { isolation })) {
    for (const record of records) {
      const stream = record.key?.toString()
      if (stream?.startsWith(prefix) !== true) continue
      streams.set(stream, afterRecord(streams.get(stream), stream, record))
    }
  }
  return [...streams.values()].filter(
    ({ headVersion, life }) => headVersion >= 0 || life !== 'live',
  )
}

function afterRecord(
  before: StreamInfo | undefined,
  stream: string,
  record: BatchRecord,
): StreamInfo {
  const { kind, version } = streamRecord(record)
  const next = version + 1
  switch (kind) {
    case 'event':
      // What was before the log's start is not known: the first event that is there comes first.
      return {
        stream,
        headVersion: version,
        firstVersion: before?.firstVersion ?? version,
        life: 'live',
      }
    case 'truncated': {
      const asked = firstVersionIn(record.value) ?? 0
      const firstVersion = Math.min(next, Math.max(before?.firstVersion ?? 0, asked))
      return { stream, headVersion: version, firstVersion, life: before?.life ?? 'live' }
    }
    default:
      return { stream, headVersion: version, firstVersion: next, life: kind }
  }
}

function streamRecord(record: BatchRecord): StreamRecord {
  const { headers } = record
  return { kind: kindOfType(typeOf(headers) ?? ''), version: versionOf(headers) ?? -1, record }
}

async function boundsOf(cluster: Cluster, places: readonly TopicPartition[]) {
  const ask = (timestamp: number) =>
    listOffsetsOf(
      cluster,
      places.map((place) => ({ ...place, timestamp })),
      { isolation },
    )
  const [starts, ends] = await Promise.all([ask(EARLIEST), ask(LATEST)])
  return places.map((place, i) => {
    return { ...place, startOffset: starts[i]!.offset, endOffset: ends[i]!.offset }
  })
}
