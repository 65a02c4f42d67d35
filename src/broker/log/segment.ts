// One segment of a partition: a .log file, its name the offset it starts at, and its indexes. Knows
// what was written and what was synced; the order of writes is the log writer's.
// Invariant: syncedBytes <= sizeBytes; both are ends of whole batches. Indexes of the active segment
// live in memory and are written when it is sealed or the log is closed; those of sealed segments are
// read on first use.

import type { DiskFile } from '../../host/disk.ts'
import { crc32c } from '../bytes/crc32c.ts'
import type { SegmentNote } from './checkpoint-file.ts'
import type { CachedFile, FileCache } from './file-cache.ts'
import { isCompacted, type LogConfig } from './log-config.ts'
import { OffsetIndex, type OffsetIndexEntry } from './offset-index.ts'
import { recoveryCounters as counters } from './recovery-counters.ts'
import { TimeIndex } from './time-index.ts'
import {
  type AbortedTransaction,
  decodeTransactionIndex,
  encodeTransactionIndex,
} from './transaction-index.ts'

const OFFSET_DIGITS = 20
/** Every file that goes by a segment's name. */
export const SEGMENT_EXTENSIONS = ['log', 'index', 'timeindex', 'txnindex'] as const
/** An offset is stored relative to the segment's base in 32 bits (KAFKA-5413). */
export const MAX_RELATIVE_OFFSET = 0x7fff_ffff
const NO_TIMESTAMP = -1
const INDEX_ENTRY_BYTES = 8

export interface Indexes {
  readonly offsets: OffsetIndex
  readonly times: TimeIndex
  readonly aborted: AbortedTransaction[]
}

/** What a segment needs to know of a batch that was written to it. */
export interface WrittenBatch {
  readonly lastOffset: number
  readonly maxTimestamp: number
  readonly sizeBytes: number
  readonly indexIntervalBytes: number
  readonly abortedTransaction?: AbortedTransaction | undefined
}

export class Segment {
  readonly baseOffset: number
  readonly folder: string
  readonly file: CachedFile
  readonly #files: FileCache
  /** Written to the operating system. */
  sizeBytes = 0
  /** Exclusive; the base offset while the segment is empty. */
  endOffset: number
  /** Known to survive a power cut in this file. */
  syncedBytes = 0
  syncedEndOffset: number
  /** Whether the file's name, and its folder's, survive a power cut. */
  hasDurableName = false
  maxTimestamp = NO_TIMESTAMP
  maxTimestampOffset: number
  /** Of the first batch; -1 while there is none. What segment.ms counts from. */
  firstTimestamp = NO_TIMESTAMP
  createdMs: number
  /** In no list any more: what stands in its files has been removed or is elsewhere now. */
  isRetired = false
  #bytesSinceIndexEntry = 0
  #indexes: Indexes | undefined
  /** Aborted transactions that its index on disk must know, by the last checkpoint. */
  #notedAborted = 0
  /** It is as the checkpoint says: there are no more of them. */
  #isAsNoted = false
  /** How many the index on disk has; -1 when it may have any. */
  #savedAborted = 0
  #indexWrites: Promise<void> = Promise.resolve()
  /** Under way: a checkpoint's, a commit's, the one at sealing. */
  readonly #syncs = new Set<Promise<void>>()
  #failedSync: { readonly error: unknown } | undefined

  constructor(
    files: FileCache,
    folder: string,
    baseOffset: number,
    createdMs: number,
    file = files.file(segmentPath(folder, baseOffset, 'log')),
  ) {
    this.#files = files
    this.folder = folder
    this.baseOffset = baseOffset
    this.endOffset = baseOffset
    this.syncedEndOffset = baseOffset
    this.maxTimestampOffset = baseOffset
    this.createdMs = createdMs
    this.file = file
  }

  get isDirty(): boolean {
    return this.syncedBytes < this.sizeBytes || !this.hasDurableName
  }

  /** In memory already; undefined when they must be loaded first. */
  get indexesNow(): Indexes | undefined {
    return this.#indexes
  }

  /** Known without its indexes where a checkpoint counted none: most logs have none at all. */
  get mayHaveAborted(): boolean {
    if (this.#indexes !== undefined) return this.#indexes.aborted.length > 0
    return !this.#isAsNoted || this.#notedAborted > 0
  }

  get hasUnsavedAborts(): boolean {
    const length = this.#indexes?.aborted.length ?? 0
    return length > 0 && length !== this.#savedAborted
  }

  /** A checkpoint knew of so many aborted transactions: an index on disk with fewer is refused. */
  expectAborted(count: number): void {
    this.#notedAborted = count
  }

  /** The same file once more, to be learnt anew while this one goes on serving. */
  twin(): Segment {
    const { folder, baseOffset, createdMs, file } = this
    const twin = new Segment(this.#files, folder, baseOffset, createdMs, file)
    twin.sizeBytes = this.sizeBytes
    twin.endOffset = this.endOffset
    twin.#notedAborted = this.#notedAborted
    return twin
  }

  /** Takes over what its twin has learnt, unless it has been written to meanwhile and knows more. */
  adopt(twin: Segment): void {
    if (twin.endOffset !== this.endOffset) return
    this.#indexes = twin.#indexes
    this.#savedAborted = twin.#savedAborted
    this.#bytesSinceIndexEntry = twin.#bytesSinceIndexEntry
    this.maxTimestamp = twin.maxTimestamp
    this.maxTimestampOffset = twin.maxTimestampOffset
    this.firstTimestamp = twin.firstTimestamp
  }

  /** Makes the empty file and its empty indexes. */
  async create(): Promise<void> {
    await this.file.use(() => undefined, { create: true })
    this.#indexes = emptyIndexes()
  }

  /** The segment is as a checkpoint says: durable, its indexes on disk. */
  restore(note: SegmentNote): void {
    this.sizeBytes = note.sizeBytes
    this.endOffset = note.endOffset
    this.syncedBytes = note.sizeBytes
    this.syncedEndOffset = note.endOffset
    this.maxTimestamp = note.maxTimestamp
    this.maxTimestampOffset = note.maxTimestampOffset
    this.firstTimestamp = note.firstTimestamp
    this.hasDurableName = true
    this.expectAborted(note.abortedCount)
    this.#isAsNoted = true
  }

  toNote(): SegmentNote {
    const { baseOffset, endOffset, sizeBytes, createdMs } = this
    const { maxTimestamp, maxTimestampOffset, firstTimestamp } = this
    return {
      baseOffset,
      endOffset,
      sizeBytes,
      maxTimestamp,
      maxTimestampOffset,
      firstTimestamp,
      createdMs,
      abortedCount: this.#indexes?.aborted.length ?? this.#notedAborted,
    }
  }

  /**
   * Its batches are about to be noted from the first one on.
   * @param aborted transactions that are known and will not be learnt again
   */
  beginAnew(aborted: readonly AbortedTransaction[] = []): void {
    this.#indexes = { ...emptyIndexes(), aborted: [...aborted] }
    this.#savedAborted = -1
    this.sizeBytes = 0
    this.endOffset = this.baseOffset
    this.maxTimestamp = NO_TIMESTAMP
    this.maxTimestampOffset = this.baseOffset
    this.firstTimestamp = NO_TIMESTAMP
    this.#bytesSinceIndexEntry = 0
  }

  /** Its batches are about to be noted from that index entry's on; what lies before is known. */
  goOnFrom(entry: OffsetIndexEntry, fromOffset: number, firstTimestamp: number): void {
    const { offsets, times, aborted } = this.#indexes!
    offsets.truncateToPosition(entry.position)
    times.truncateToOffset(entry.relativeOffset)
    const kept = aborted.filter((transaction) => transaction.lastOffset < fromOffset)
    aborted.splice(0, aborted.length, ...kept)
    const last = times.last()
    this.sizeBytes = entry.position
    // Nearly: the batch at the entry starts somewhere behind it, and will tell.
    this.endOffset = this.baseOffset
    this.maxTimestamp = last?.timestamp ?? NO_TIMESTAMP
    this.maxTimestampOffset = this.baseOffset + (last?.relativeOffset ?? 0)
    this.firstTimestamp = firstTimestamp
    this.#bytesSinceIndexEntry = Number.MAX_SAFE_INTEGER
  }

  /** Everything noted so far was synced before this run. */
  trustSynced(): void {
    this.syncedBytes = this.sizeBytes
    this.syncedEndOffset = this.endOffset
  }

  /** A batch now stands at `sizeBytes`: accounts for it and indexes it. */
  note(batch: WrittenBatch): void {
    const indexes = this.#indexes
    if (indexes === undefined) throw new Error(`${this.file.path}: written before it was opened`)
    const position = this.sizeBytes
    if (batch.maxTimestamp > this.maxTimestamp) {
      this.maxTimestamp = batch.maxTimestamp
      this.maxTimestampOffset = batch.lastOffset
    }
    if (this.firstTimestamp === NO_TIMESTAMP) this.firstTimestamp = batch.maxTimestamp
    if (this.#bytesSinceIndexEntry > batch.indexIntervalBytes) {
      indexes.offsets.append(batch.lastOffset - this.baseOffset, position)
      indexes.times.append(this.maxTimestamp, this.maxTimestampOffset - this.baseOffset)
      this.#bytesSinceIndexEntry = 0
    }
    if (batch.abortedTransaction !== undefined) indexes.aborted.push(batch.abortedTransaction)
    this.#bytesSinceIndexEntry += batch.sizeBytes
    this.sizeBytes += batch.sizeBytes
    this.endOffset = batch.lastOffset + 1
  }

  /** The .log file now, when it needs no opening. */
  get openNow(): DiskFile | undefined {
    return this.file.openNow
  }

  /** Reads what stands there; fewer bytes only where the file ends. */
  async read(
    position: number,
    length: number,
    allocate: (bytes: number) => Buffer = Buffer.allocUnsafeSlow,
  ): Promise<Buffer> {
    const target = allocate(length)
    const read = await this.file.use((file) => file.read(target, position))
    return read === length ? target : target.subarray(0, read)
  }

  /**
   * Makes all that is written now durable in this file. The caller never retries a failure: the
   * system tells one sync of lost pages, and then holds them for clean. So one that fails, fails all
   * that run beside it and all that follow.
   * @param options.isRetry believes the system instead: a planted mistake
   */
  async sync({ isRetry = false } = {}): Promise<void> {
    if (isRetry) this.#failedSync = undefined
    const { sizeBytes, endOffset } = this
    const running = this.file.use((file) => this.#syncFile(file))
    this.#syncs.add(running)
    try {
      await running
    } finally {
      this.#syncs.delete(running)
    }
    await Promise.allSettled(this.#syncs)
    if (this.#failedSync !== undefined) throw this.#failedSync.error
    this.syncedBytes = Math.max(this.syncedBytes, sizeBytes)
    this.syncedEndOffset = Math.max(this.syncedEndOffset, endOffset)
  }

  async #syncFile(file: DiskFile): Promise<void> {
    try {
      await file.sync()
    } catch (error) {
      this.#failedSync ??= { error }
      throw error
    }
  }

  /** No batch will follow: the time index gets its last entry. */
  seal(): void {
    this.#indexes?.times.append(this.maxTimestamp, this.maxTimestampOffset - this.baseOffset)
  }

  /** Writes the index files anew, unsynced: they can be rebuilt. */
  writeIndexes(): Promise<void> {
    const written = this.#indexWrites.then(() => this.#writeIndexes())
    this.#indexWrites = written.catch(() => undefined) // the caller is told
    return written
  }

  /** Its place is taken: resolves when no index file is written under its name any more. */
  retire(): Promise<void> {
    this.isRetired = true
    return this.#indexWrites
  }

  async #writeIndexes(): Promise<void> {
    const indexes = this.#indexes
    if (indexes === undefined || this.isRetired) return
    await this.#writeFile('index', indexes.offsets.encode())
    await this.#writeFile('timeindex', indexes.times.encode())
    await this.#writeTransactionIndex()
  }

  /** Brings the file of aborted transactions up to date; unsynced. Without any there is no file. */
  writeTransactionIndex(): Promise<void> {
    const written = this.#indexWrites.then(() => this.#writeTransactionIndex())
    this.#indexWrites = written.catch(() => undefined) // the caller is told
    return written
  }

  async #writeTransactionIndex(): Promise<void> {
    if (this.isRetired) return
    const aborted = this.#indexes?.aborted ?? []
    const { length } = aborted
    if (length === this.#savedAborted) return
    const path = segmentPath(this.folder, this.baseOffset, 'txnindex')
    if (length === 0) await this.#files.disk.remove(path)
    else await this.#writeFile('txnindex', encodeTransactionIndex(aborted))
    this.#savedAborted = length
  }

  /** What the file of aborted transactions holds; undefined when it is damaged or lacks some. */
  async readTransactionIndex(): Promise<AbortedTransaction[] | undefined> {
    const bytes = await this.#readFile('txnindex')
    const aborted = bytes === undefined ? [] : decodeTransactionIndex(bytes)
    return aborted !== undefined && aborted.length >= this.#notedAborted ? aborted : undefined
  }

  /**
   * @param logBytes of the .log file; positions beyond it are damage
   * @returns undefined when a file is missing or damaged: the caller rebuilds
   */
  async loadIndexes(logBytes = this.sizeBytes): Promise<Indexes | undefined> {
    if (this.#indexes !== undefined) return this.#indexes
    const offsetBytes = await this.#readFile('index')
    const timeBytes = await this.#readFile('timeindex')
    const aborted = await this.readTransactionIndex()
    if (offsetBytes === undefined || timeBytes === undefined) return undefined
    const offsets = OffsetIndex.decode(offsetBytes, logBytes)
    const times = TimeIndex.decode(timeBytes)
    if (offsets === undefined || times === undefined || aborted === undefined) {
      counters.indexesRefused += 1
      return undefined
    }
    // Whoever made it writable meanwhile may have noted batches already: theirs are newer.
    if (this.#indexes === undefined) {
      this.#indexes = { offsets, times, aborted }
      this.#savedAborted = aborted.length
    }
    return this.#indexes
  }

  /** Removes the .log and everything that goes with it, at once. */
  async removeFiles(): Promise<void> {
    for (const extension of SEGMENT_EXTENSIONS) {
      await this.#files.disk.remove(segmentPath(this.folder, this.baseOffset, extension))
    }
  }

  async #readFile(extension: string): Promise<Buffer | undefined> {
    return await this.#files.disk.readFile(segmentPath(this.folder, this.baseOffset, extension))
  }

  async #writeFile(extension: string, content: Buffer): Promise<void> {
    const path = segmentPath(this.folder, this.baseOffset, extension)
    const file = await this.#files.disk.open(path, { create: true })
    try {
      await file.write([content], 0)
      await file.truncate(content.length)
    } finally {
      await file.close()
    }
  }
}

/**
 * Whether a batch must begin a new segment: by size, by age (of its own time against the first
 * batch's, or of the clock where batches have none), or because an index can take no more.
 * @param addedBytes that will be in the segment before it
 */
export function mustRoll(
  segment: Segment,
  batch: { bytes: Buffer; lastOffset: number; maxTimestamp: number },
  config: LogConfig,
  nowMs: number,
  addedBytes = 0,
): boolean {
  const sizeBytes = segment.sizeBytes + addedBytes
  if (sizeBytes === 0) return false
  if (sizeBytes + batch.bytes.length > config.segmentBytes) return true
  if (batch.lastOffset - segment.baseOffset > MAX_RELATIVE_OFFSET) return true
  const indexBytes = segment.indexesNow?.offsets.sizeBytes ?? 0
  if (indexBytes + INDEX_ENTRY_BYTES > config.segmentIndexBytes) return true
  const hasTimes = segment.firstTimestamp >= 0 && batch.maxTimestamp >= 0
  const ageMs = hasTimes ? batch.maxTimestamp - segment.firstTimestamp : nowMs - segment.createdMs
  const { segmentJitterMs } = config
  // KIP-354: the active segment is never compacted, so it must not live longer than that either.
  const segmentMs = isCompacted(config)
    ? Math.min(config.segmentMs, config.maxCompactionLagMs)
    : config.segmentMs
  if (segmentJitterMs === 0) return ageMs > segmentMs
  return ageMs > segmentMs - Math.min(segmentMs, segmentJitterMs) * spread(segment)
}

/** From 0 to below 1, different for each segment and the same at every look. */
function spread({ folder, baseOffset }: Segment): number {
  return crc32c(Buffer.from(`${folder}/${baseOffset}`)) / 2 ** 32
}

export function emptyIndexes(): Indexes {
  return { offsets: new OffsetIndex(), times: new TimeIndex(), aborted: [] }
}

/** Kafka's file names: 20 digits and what the file is. */
export function segmentPath(folder: string, baseOffset: number, extension: string): string {
  return `${folder}/${String(baseOffset).padStart(OFFSET_DIGITS, '0')}.${extension}`
}

/** The offset in a file name, or undefined when it is none of ours. */
export function baseOffsetOf(name: string, extension: string): number | undefined {
  const match = /^(\d{20})\.(\w+)$/.exec(name)
  if (match === null || match[2] !== extension) return undefined
  const offset = Number(match[1])
  return Number.isSafeInteger(offset) ? offset : undefined
}
