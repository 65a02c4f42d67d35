// One pass over a compacted log: reads what was not compacted yet and remembers the last offset of
// each key, then writes segments anew from the start of the log, without what is superseded.
// Touches no file that is in use: the new segments stand beside the old ones, named `.cleaned`, until
// the caller swaps them in. Nothing damaged is copied: the pass ends where damage is met.
// Source: KIP-58, KIP-98, KIP-534.

import type { Clock, Timers } from '../../host/clock.ts'
import { type BatchHeader, recordsMaxTimestamp } from '../batch/header.ts'
import { RecordCursor } from '../batch/record-cursor.ts'
import { recordBytesAsync } from '../batch/records.ts'
import { emptyBatch, retainRecords } from '../batch/retain-records.ts'
import { batchesOf } from './batch-stream.ts'
import type { Cleanable } from './cleanable.ts'
import { CleanedTransactions } from './cleaned-transactions.ts'
import type { LogFaults } from './faults.ts'
import type { FileCache } from './file-cache.ts'
import { KeyMap, type KeyMapOptions } from './key-map.ts'
import { CLEANED_SUFFIX } from './leftovers.ts'
import type { LogConfig } from './log-config.ts'
import type { ScannedBatch } from './scan.ts'
import { Segment, segmentPath } from './segment.ts'
import {
  type BatchFate,
  fateOfData,
  fateOfMarker,
  type LastBatches,
  type RecordJudge,
  staysRecord,
} from './survivors.ts'
import { TimeSlice } from './time-slice.ts'
import type { AbortedTransaction } from './transaction-index.ts'

export interface CompactionOptions {
  readonly files: FileCache
  readonly clock: Clock
  readonly timers: Timers
  readonly config: LogConfig
  readonly map: KeyMapOptions
  readonly lastBatches: LastBatches
  /** All that have a record below the end of what is compacted. */
  readonly aborted: readonly AbortedTransaction[]
  readonly faults?: LogFaults
  /** Ends the pass at the next batch. */
  readonly signal: AbortSignal
}

/** The pass was ended from outside. */
export class CompactionStopped extends Error {}

const WRITE_BYTES = 1024 * 1024
const MAX_SEGMENT_BYTES = 0x7fff_ffff
/** Between two looks at the time: hashing a key takes a microsecond, growing a table some hundreds. */
const RECORDS_PER_LOOK = 16

export class Compaction {
  readonly #options: CompactionOptions
  readonly #slice: TimeSlice
  readonly #transactions: CleanedTransactions
  readonly #map: KeyMap
  #mapEndOffset = 0

  constructor(options: CompactionOptions) {
    this.#options = options
    this.#slice = new TimeSlice(options)
    this.#transactions = new CleanedTransactions(options.aborted)
    this.#map = new KeyMap(options.map)
  }

  /**
   * First: learns the keys of what is dirty.
   * @returns up to which offset, exclusive; less than was asked for when the map is full
   */
  async learnKeys(segments: readonly Segment[], plan: Cleanable): Promise<number> {
    // Those that ended before have no marker in what is read here that could end them.
    const unended = this.#options.aborted.filter((one) => one.lastOffset >= plan.firstDirtyOffset)
    const transactions = new CleanedTransactions(unended)
    this.#mapEndOffset = plan.endOffset
    for (const segment of segments) {
      if (segment.endOffset <= plan.firstDirtyOffset) continue
      for await (const batch of batchesOf(segment, this.#options.timers)) {
        await this.#giveWay()
        const { header } = batch
        if (header.isControlBatch) transactions.judgeMarker(header, batch.bytes)
        else if (!transactions.isAborted(header) || this.#options.faults?.abortedSupersede) {
          const fullAt = await this.#learnBatch(batch, plan.firstDirtyOffset)
          if (fullAt === undefined) continue
          this.#mapEndOffset = fullAt
          return fullAt
        }
      }
    }
    return plan.endOffset
  }

  /**
   * Then: writes neighbouring segments as one, synced. Groups come in the order of the log.
   * @returns undefined when nothing would change
   */
  async rewrite(group: readonly Segment[]): Promise<Segment | undefined> {
    const { files, config, faults } = this.#options
    const { folder, baseOffset } = group[0]!
    const path = segmentPath(folder, baseOffset, 'log') + CLEANED_SUFFIX
    const createdMs = Math.max(...group.map((segment) => segment.createdMs))
    const cleaned = new Segment(files, folder, baseOffset, createdMs, files.file(path))
    const writer = new CleanedWriter(cleaned, config)
    const last = group.at(-1)!
    let isChanged = group.length > 1
    await files.disk.remove(path) // of a pass that failed
    try {
      await cleaned.create()
      for (const segment of group) {
        for await (const batch of batchesOf(segment, this.#options.timers)) {
          await this.#giveWay()
          // The end of the segment must not move, whoever reads it after a crash.
          const isLast = segment === last && batch.header.lastOffset + 1 === segment.endOffset
          const kept = await this.#rewriteBatch(batch, isLast)
          if (kept?.bytes !== batch.bytes) isChanged = true
          if (kept !== undefined) await writer.add(kept)
        }
      }
      if (!isChanged || cleaned.sizeBytes === 0) {
        await discard(cleaned, files)
        return undefined
      }
      await writer.finish()
      if (faults?.compactedUnsynced === true) cleaned.trustSynced()
      else await cleaned.sync()
      return cleaned
    } catch (error) {
      await discard(cleaned, files).catch(() => undefined) // the first error is the one to tell
      throw error
    }
  }

  async #learnBatch(
    { header, bytes }: ScannedBatch,
    fromOffset: number,
  ): Promise<number | undefined> {
    if (header.recordCount === 0 || header.lastOffset < fromOffset) return undefined
    const cursor = new RecordCursor(await recordBytesAsync(bytes), header.recordCount)
    for (let seen = 1; cursor.next(); seen++) {
      if (seen % RECORDS_PER_LOOK === 0) await this.#giveWay()
      const offset = header.baseOffset + cursor.offsetDelta
      const { key } = cursor
      if (key === null || offset < fromOffset) continue
      if (cursor.valueLength < 0 && this.#options.faults?.tombstonesIgnored) continue
      if (!this.#map.put(key, offset)) return offset
    }
    return undefined
  }

  async #rewriteBatch(batch: ScannedBatch, isLast: boolean): Promise<KeptBatch | undefined> {
    const { header, bytes } = batch
    const isNeeded = isLast || this.#options.lastBatches.has(header)
    const nowMs = this.#options.clock.nowMs()
    let fate: BatchFate
    let aborted: AbortedTransaction | undefined
    if (header.isControlBatch) {
      const verdict = this.#transactions.judgeMarker(header, bytes)
      aborted = verdict.aborted
      fate = fateOfMarker(header, { isSpent: verdict.isSpent, isNeeded, nowMs })
    } else {
      fate = fateOfData(header, { isAborted: this.#transactions.isAborted(header), isNeeded })
    }
    if (fate.kind === 'dropped') return undefined
    if (fate.kind === 'judged') return await this.#judgeRecords(batch, isNeeded, nowMs)
    if (fate.kind === 'emptied') {
      return { header, bytes: header.recordCount === 0 ? bytes : emptyBatch(header), aborted }
    }
    if (!fate.setsHorizon) return { header, bytes, aborted }
    const deleteHorizonMs = this.#horizonFrom(nowMs)
    const marked = await retainRecords(bytes, () => true, { deleteHorizonMs })
    return { header, bytes: marked.batch, aborted }
  }

  async #judgeRecords(
    { header, bytes }: ScannedBatch,
    isNeeded: boolean,
    nowMs: number,
  ): Promise<KeptBatch | undefined> {
    const records = await recordBytesAsync(bytes)
    const judged = await this.#judge(header, records, nowMs)
    if (judged.keptCount === 0) {
      return isNeeded ? { header, bytes: emptyBatch(header), aborted: undefined } : undefined
    }
    const deleteHorizonMs =
      judged.hasTombstone && !header.hasDeleteHorizon ? this.#horizonFrom(nowMs) : undefined
    if (judged.keptCount === header.recordCount && deleteHorizonMs === undefined) {
      return { header, bytes, aborted: undefined }
    }
    let index = 0
    const pause = () => this.#giveWay()
    const options = { deleteHorizonMs, records, pause }
    const retained = await retainRecords(bytes, () => judged.kept[index++] === 1, options)
    return { header, bytes: retained.batch, aborted: undefined }
  }

  async #judge(header: BatchHeader, records: Buffer, nowMs: number) {
    const judge: RecordJudge = { map: this.#map, mapEndOffset: this.#mapEndOffset, nowMs }
    const kept = new Uint8Array(header.recordCount)
    const cursor = new RecordCursor(records, header.recordCount)
    let keptCount = 0
    let hasTombstone = false
    for (let index = 0; cursor.next(); index++) {
      if (index % RECORDS_PER_LOOK === RECORDS_PER_LOOK - 1) await this.#giveWay()
      if (!staysRecord(cursor, header, judge)) continue
      kept[index] = 1
      keptCount += 1
      if (cursor.valueLength < 0 && cursor.keyLength >= 0) hasTombstone = true
    }
    return { kept, keptCount, hasTombstone }
  }

  /** Beyond what a timestamp can be, a tombstone stays for ever. */
  #horizonFrom(nowMs: number): number {
    return Math.min(nowMs + this.#options.config.deleteRetentionMs, Number.MAX_SAFE_INTEGER)
  }

  #giveWay(): Promise<void> | undefined {
    if (this.#options.signal.aborted) throw new CompactionStopped()
    return this.#slice.pause()
  }
}

interface KeptBatch {
  /** As it was read. */
  readonly header: BatchHeader
  readonly bytes: Buffer
  readonly aborted: AbortedTransaction | undefined
}

/** Appends batches to a new segment, many in one write. */
class CleanedWriter {
  readonly #segment: Segment
  readonly #config: LogConfig
  #pieces: Buffer[] = []
  #pieceBytes = 0
  #writtenBytes = 0

  constructor(segment: Segment, config: LogConfig) {
    this.#segment = segment
    this.#config = config
  }

  async add({ header, bytes, aborted }: KeptBatch): Promise<void> {
    const segment = this.#segment
    if (segment.sizeBytes + bytes.length > MAX_SEGMENT_BYTES) {
      throw new Error(`${segment.file.path}: grows beyond what an index can point into`)
    }
    segment.note({
      lastOffset: header.lastOffset,
      maxTimestamp: recordsMaxTimestamp(bytes, 0),
      sizeBytes: bytes.length,
      indexIntervalBytes: this.#config.indexIntervalBytes,
      abortedTransaction: aborted,
    })
    this.#pieces.push(bytes)
    this.#pieceBytes += bytes.length
    if (this.#pieceBytes >= WRITE_BYTES) await this.#flush()
  }

  async finish(): Promise<void> {
    await this.#flush()
    this.#segment.seal()
  }

  async #flush(): Promise<void> {
    const pieces = this.#pieces
    await this.#segment.file.use((file) => file.write(pieces, this.#writtenBytes))
    this.#writtenBytes += this.#pieceBytes
    this.#pieces = []
    this.#pieceBytes = 0
  }
}

/** A new segment that is of no use. */
export async function discard(cleaned: Segment, files: FileCache): Promise<void> {
  await cleaned.file.closeWhenIdle()
  await files.disk.remove(cleaned.file.path)
}
