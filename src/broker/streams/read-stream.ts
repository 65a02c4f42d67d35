// Reading one stream, forward or backward. The stream is looked at once, when the read begins: head and
// events belong to the same moment. The index says where events stand; the log says what they are, and
// a record that is not the one that was looked for is never given out.

import { readBatchHeader } from '../batch/header.ts'
import { recordBytes } from '../batch/records.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { ReadStreamOptions, StoredRecord, StreamRead } from './event-store.ts'
import type { StreamHead } from './expected-version.ts'
import { RecordScan } from './record-scan.ts'
import type { StorePartition } from './store-partition.ts'
import { storedRecord } from './stored-record.ts'
import type { StreamIndex } from './stream-index.ts'

type Head = ReturnType<StreamIndex['headBelow']>

/** So many places are looked up in the index at once. */
const PLACES_AT_ONCE = 256
/** Neighbours within so many offsets are read together. */
const NEAR_OFFSETS = 64
const NEAR_BYTES = 64 * 1024

/** What the log holds at an offset is not what the index says. */
export class IndexDisagrees extends Error {
  override readonly name = 'IndexDisagrees'
}

export function readStream(
  stream: string,
  options: ReadStreamOptions,
  ready: () => Promise<StorePartition | undefined>,
): StreamRead {
  const begun = ready().then((partition) => {
    return partition && { partition, head: partition.headOf(stream) }
  })
  // Whoever only iterates hears of a failure there.
  begun.catch(() => undefined)
  return {
    get head() {
      return begun.then((state): StreamHead => {
        if (state === undefined) return { headVersion: -1, firstVersion: 0, life: 'live' }
        const { headVersion, firstVersion, life } = state.head
        return { headVersion, firstVersion, life }
      })
    },
    async *[Symbol.asyncIterator]() {
      const state = await begun
      if (state === undefined) return
      yield* readEvents(stream, state.partition, state.head, options)
    },
  }
}

async function* readEvents(
  stream: string,
  partition: StorePartition,
  head: Head,
  options: ReadStreamOptions,
): AsyncGenerator<StoredRecord> {
  const isForward = options.direction !== 'backward'
  const { headVersion, firstVersion } = head
  const limit = Math.max(0, options.limit ?? Number.MAX_SAFE_INTEGER)
  const lowest = isForward ? Math.max(options.from ?? 0, firstVersion) : firstVersion
  const highest = isForward ? headVersion : Math.min(options.from ?? headVersion, headVersion)
  const from = isForward ? lowest : Math.max(lowest, highest - limit + 1)
  const to = isForward ? Math.min(highest, lowest + limit - 1) : highest
  const reader = new RecordReader(partition.log)
  for (let done = 0; done <= to - from; done += PLACES_AT_ONCE) {
    const count = Math.min(PLACES_AT_ONCE, to - from - done + 1)
    const newest = isForward ? from + done + count - 1 : to - done
    const places = placesOf(partition.index, head, { newest, count })
    if (isForward) places.reverse()
    for (const [i, { version, offset }] of places.entries()) {
      if (offset < partition.log.logStartOffset) continue
      const next = places[i + 1]?.offset ?? Number.MAX_SAFE_INTEGER
      const record = await reader.read(offset, Math.abs(next - offset) < NEAR_OFFSETS)
      if (record === undefined) continue
      if (record.stream !== stream || record.version !== version) {
        throw new IndexDisagrees(
          `Offset ${offset} of ${partition.log.topic}-${partition.log.partition} holds no version ${version} of stream ${stream}: learn the index anew (millrace stream reindex).`,
        )
      }
      yield record
    }
  }
}

/** Newest first; older ones that the index has no way to any more are left out. */
function placesOf(
  index: StreamIndex,
  head: Head,
  { newest, count }: { newest: number; count: number },
): { version: number; offset: number }[] {
  const places: { version: number; offset: number }[] = []
  let offset = index.offsetOf(head, newest)
  for (let version = newest; version > newest - count && offset >= 0; version--) {
    places.push({ version, offset })
    offset = index.links.previousOf(offset)
  }
  return places
}

/** Reads single records, and remembers the bytes around the last one. */
class RecordReader {
  readonly #log: PartitionLog
  #bytes: Buffer = Buffer.alloc(0)

  constructor(log: PartitionLog) {
    this.#log = log
  }

  /** @returns undefined when the record was removed meanwhile @throws when the disk fails */
  async read(offset: number, isNear: boolean): Promise<StoredRecord | undefined> {
    const known = this.#find(offset)
    if (known !== undefined) return known
    const outcome = await this.#log.read({
      fromOffset: offset,
      maxBytes: isNear ? NEAR_BYTES : 1,
      upTo: 'highWatermark',
      atLeastOneBatch: true,
    })
    if (outcome.kind === 'out-of-range') return undefined
    if (outcome.kind === 'offline') {
      throw new Error(
        `${this.#log.topic}-${this.#log.partition} cannot be read: ${this.#log.offlineReason ?? 'no file can be opened'}`,
      )
    }
    this.#bytes = outcome.bytes
    return this.#find(offset)
  }

  #find(offset: number): StoredRecord | undefined {
    const bytes = this.#bytes
    for (let at = 0; at < bytes.length; ) {
      const header = readBatchHeader(bytes, at)
      const end = at + header.sizeBytes
      if (header.lastOffset >= offset) {
        if (header.baseOffset > offset) return undefined
        const scan = new RecordScan(recordBytes(bytes.subarray(at, end)), header.recordCount)
        scan.skip(offset - header.baseOffset)
        return scan.next() ? storedRecord(scan, header, this.#log) : undefined
      }
      at = end
    }
    return undefined
  }
}
