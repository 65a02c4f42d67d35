// Reading a store in the order of its log, and following it: one cursor for what is there and what
// comes, so nothing is lost or given twice between the two.

import type { IncomingRecord } from '../../events/record.ts'
import type {
  EventFilter,
  ReadAllOptions,
  StoredRecord,
  Subscribed,
} from '../../transport/event-store.ts'
import type { Connection } from './connection.ts'
import { News } from './news.ts'
import type { PartitionLog } from './partition-log.ts'
import { headerOf, TYPE_HEADER, VERSION_HEADER } from './store-records.ts'

const READ_BYTES = 64 * 1024
const TYPE_OF_UNTYPED = 'unknown'

interface Cursor {
  readonly log: PartitionLog
  offset: number
}

export async function* readAll(
  topic: string,
  connection: Connection,
  options: ReadAllOptions,
): AsyncGenerator<StoredRecord> {
  const cursors = await connection.request(() => cursorsOf(topic, connection, options))
  const ends = cursors.map(({ log }) => log.lastStableOffset)
  let left = options.limit ?? Number.MAX_SAFE_INTEGER
  for (const [i, cursor] of cursors.entries()) {
    while (cursor.offset < ends[i]!) {
      for (const record of await next(connection, cursor)) {
        if (left === 0 || options.signal?.aborted) return
        if (record.offset >= ends[i]! || !isWanted(record, options)) continue
        left--
        yield storedRecord(record)
      }
    }
  }
}

export async function* subscribe(
  topic: string,
  connection: Connection,
  options: ReadAllOptions,
): AsyncGenerator<Subscribed> {
  const { signal } = options
  const news = new News()
  const { topics } = connection.broker
  const stops = [topics.watch(news.note)]
  let left = options.limit ?? Number.MAX_SAFE_INTEGER
  try {
    let cursors: readonly Cursor[] = []
    let ends: readonly number[] | undefined
    let isCaughtUp = false
    while (!signal?.aborted && left > 0) {
      if (cursors.length === 0) {
        cursors = await connection.request(() => cursorsOf(topic, connection, options))
        for (const { log } of cursors) stops.push(log.watch(news.note))
        ends ??= cursors.map(({ log }) => log.lastStableOffset)
      }
      const count = news.count
      for (const cursor of cursors) {
        for (const record of await next(connection, cursor)) {
          if (left === 0 || signal?.aborted) return
          if (!isWanted(record, options)) continue
          left--
          yield { kind: 'event', record: storedRecord(record) }
        }
      }
      if (!isCaughtUp && cursors.every(({ offset }, i) => offset >= (ends?.[i] ?? 0))) {
        isCaughtUp = true
        yield { kind: 'caught-up', next: cursors.map(positionOf) }
      }
      const isAtEnd = cursors.every(({ log, offset }) => offset >= log.lastStableOffset)
      if (isAtEnd) await news.since(count, signal)
    }
  } finally {
    for (const stop of stops) stop()
  }
}

export function storedRecord(record: IncomingRecord): StoredRecord {
  const { topic, partition, offset, key, value, headers, timestampMs } = record
  const stream = Buffer.from(key ?? []).toString()
  const version = Number(headerOf(headers, VERSION_HEADER) ?? -1)
  return { topic, partition, offset, stream, version, value, headers, timestampMs }
}

function cursorsOf(
  topic: string,
  { broker }: Connection,
  { from = [] }: ReadAllOptions,
): readonly Cursor[] {
  return (broker.topics.findStore(topic) ?? []).map(({ log }) => {
    const begin = from.find(({ partition }) => partition === log.partition)
    return { log, offset: begin?.offset ?? 0 }
  })
}

async function next(connection: Connection, cursor: Cursor): Promise<readonly IncomingRecord[]> {
  const read = await connection.request(() => cursor.log.read(cursor.offset, READ_BYTES))
  cursor.offset = read.nextOffset
  return read.records
}

function isWanted({ key, headers }: IncomingRecord, { types, streamPrefix }: EventFilter): boolean {
  if (
    streamPrefix !== undefined &&
    !Buffer.from(key ?? [])
      .toString()
      .startsWith(streamPrefix)
  ) {
    return false
  }
  return types === undefined || types.includes(headerOf(headers, TYPE_HEADER) ?? TYPE_OF_UNTYPED)
}

function positionOf({ log: { topic, partition }, offset }: Cursor) {
  return { topic, partition, offset }
}
