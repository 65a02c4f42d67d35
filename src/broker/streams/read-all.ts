// Reading a store in the order of its log, and following it: one cursor for what is there and what comes,
// so nothing is lost or given twice between the two. Aborted transactions and markers are left out;
// records about streams are given as they stand.

import type { Clock, Timers } from '../../host/clock.ts'
import { readControlMarker } from '../batch/control-marker.ts'
import { readBatchHeader } from '../batch/header.ts'
import { recordBytes } from '../batch/records.ts'
import type { PartitionLog, ReadOutcome } from '../log/partition-log.ts'
import { TimeSlice } from '../log/time-slice.ts'
import type {
  EventFilter,
  Position,
  ReadAllOptions,
  StoredRecord,
  Subscribed,
} from './event-store.ts'
import { RecordScan } from './record-scan.ts'
import type { StorePartition } from './store-partition.ts'
import { storedRecord } from './stored-record.ts'

export interface ReadSource {
  readonly topic: string
  readonly clock: Clock
  readonly timers: Timers
  find(): readonly StorePartition[] | undefined
  /** Called when the topic may have been made. @returns ends the calls */
  onMade(listener: () => void): () => void
}

const READ_BYTES = 1024 * 1024
/** Between two looks at the time. */
const RECORDS_PER_LOOK = 64

export async function* readAll(
  source: ReadSource,
  options: ReadAllOptions,
): AsyncGenerator<StoredRecord> {
  let left = options.limit ?? Number.MAX_SAFE_INTEGER
  const ends = cursorsOf(source, options).map((cursor) => ({
    cursor,
    end: cursor.log.lastStableOffset,
  }))
  for (const { cursor, end } of ends) {
    while (left > 0 && cursor.offset < end && !isAborted(options.signal)) {
      const outcome = await cursor.read()
      for await (const record of cursor.recordsOf(outcome, end)) {
        if (left === 0 || isAborted(options.signal)) return
        left -= 1
        yield record
      }
    }
  }
}

export async function* subscribe(
  source: ReadSource,
  options: ReadAllOptions,
): AsyncGenerator<Subscribed> {
  const { signal, limit = Number.MAX_SAFE_INTEGER } = options
  const woken = new Waker(signal)
  try {
    let cursors = cursorsOf(source, options)
    const stopWaiting = cursors.length === 0 ? source.onMade(woken.wake) : undefined
    if (stopWaiting !== undefined) woken.disposers.push(stopWaiting)
    for (const { log } of cursors) woken.disposers.push(log.onAdvance(woken.wake))
    const begun = cursors.map(({ log }) => log.lastStableOffset)
    let isCaughtUp = false
    let left = limit
    while (!isAborted(signal) && left > 0) {
      if (cursors.length === 0) {
        cursors = cursorsOf(source, options)
        for (const { log } of cursors) woken.disposers.push(log.onAdvance(woken.wake))
      }
      woken.rest()
      let isIdle = true
      for (const cursor of cursors) {
        if (cursor.offset >= cursor.log.lastStableOffset) continue
        isIdle = false
        const outcome = await cursor.read()
        for await (const record of cursor.recordsOf(outcome, Number.MAX_SAFE_INTEGER)) {
          if (left === 0 || isAborted(signal)) return
          left -= 1
          yield { kind: 'event', record }
        }
      }
      if (!isCaughtUp && cursors.every(({ offset }, i) => offset >= (begun[i] ?? 0))) {
        isCaughtUp = true
        yield { kind: 'caught-up', next: cursors.map((cursor) => cursor.position) }
      }
      if (isIdle) await woken.woken()
    }
  } finally {
    woken.dispose()
  }
}

function cursorsOf(source: ReadSource, { from = [], ...filter }: ReadAllOptions): Cursor[] {
  return (source.find() ?? []).map(({ log }) => {
    const begin = from.find(({ partition }) => partition === log.partition)?.offset ?? 0
    return new Cursor(log, begin, filter, source)
  })
}

/** A place in one partition. */
class Cursor {
  readonly log: PartitionLog
  readonly #filter: EventFilter
  readonly #types: ReadonlySet<string> | undefined
  readonly #slice: TimeSlice
  /** Of the next record. */
  offset: number

  constructor(log: PartitionLog, offset: number, filter: EventFilter, host: ReadSource) {
    this.log = log
    this.offset = Math.max(offset, log.logStartOffset)
    this.#filter = filter
    this.#types = filter.types && new Set(filter.types)
    this.#slice = new TimeSlice(host)
  }

  get position(): Position {
    return { topic: this.log.topic, partition: this.log.partition, offset: this.offset }
  }

  /** @throws when the partition is offline */
  async read(): Promise<Extract<ReadOutcome, { kind: 'records' }>> {
    const { log } = this
    this.offset = Math.max(this.offset, log.logStartOffset)
    const outcome = await log.read({
      fromOffset: this.offset,
      maxBytes: READ_BYTES,
      upTo: 'lastStableOffset',
      atLeastOneBatch: true,
    })
    if (outcome.kind === 'records') return outcome
    const why =
      outcome.kind === 'offline'
        ? (log.offlineReason ?? 'no file can be opened')
        : `it has no offset ${this.offset}`
    throw new Error(`${log.topic}-${log.partition} cannot be read: ${why}`)
  }

  /** What is wanted of these bytes, below `end`; goes on behind all that was looked at. */
  async *recordsOf(
    { bytes, abortedTransactions }: Extract<ReadOutcome, { kind: 'records' }>,
    end: number,
  ): AsyncGenerator<StoredRecord> {
    const aborted = new Set<number>()
    let nextAborted = 0
    let looked = 0
    for (let at = 0; at < bytes.length; ) {
      const header = readBatchHeader(bytes, at)
      const batch = bytes.subarray(at, at + header.sizeBytes)
      at += header.sizeBytes
      for (; nextAborted < abortedTransactions.length; nextAborted++) {
        const { producerId, firstOffset } = abortedTransactions[nextAborted]!
        if (firstOffset > header.lastOffset) break
        aborted.add(producerId)
      }
      if (header.isControlBatch) {
        if (readControlMarker(batch).kind === 'abort') aborted.delete(header.producerId)
      } else if (!(header.isTransactional && aborted.has(header.producerId))) {
        const scan = new RecordScan(recordBytes(batch), header.recordCount)
        while (scan.next()) {
          const offset = header.baseOffset + scan.offsetDelta
          if (offset < this.offset || offset >= end) continue
          if (++looked % RECORDS_PER_LOOK === 0) await this.#slice.pause()
          if (!this.#isWanted(scan)) continue
          this.offset = offset + 1
          yield storedRecord(scan, header, this.log)
        }
      }
      this.offset = Math.max(this.offset, header.lastOffset + 1)
    }
  }

  #isWanted(scan: RecordScan): boolean {
    if (this.#types !== undefined && !this.#types.has(scan.type ?? 'unknown')) return false
    const { streamPrefix } = this.#filter
    return streamPrefix === undefined || scan.key.startsWith(streamPrefix)
  }
}

/** It changes behind the compiler's back. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

/** Whoever follows waits here until a partition has more, or the signal is aborted. */
class Waker {
  readonly disposers: (() => void)[] = []
  #signalled = Promise.withResolvers<void>()

  constructor(signal: AbortSignal | undefined) {
    if (signal === undefined) return
    signal.addEventListener('abort', this.wake)
    this.disposers.push(() => signal.removeEventListener('abort', this.wake))
  }

  readonly wake = (): void => {
    this.#signalled.resolve()
  }

  /** Before a look at the partitions: what comes from now on wakes. */
  rest(): void {
    this.#signalled = Promise.withResolvers<void>()
  }

  woken(): Promise<void> {
    return this.#signalled.promise
  }

  dispose(): void {
    for (const dispose of this.disposers) dispose()
  }
}
