// The writing side of one partition: appends wait here in offset order until the group commit takes
// them, go to the active segment, and stay known until a sync or the journal covers them.
// Invariant: durableEndOffset <= writtenEndOffset <= the end of what is queued; what lies between
// durable and written is listed in #undurable without a gap, so that a journal entry can carry it.

import { DiskError } from '../../host/disk.ts'
import type { FileCache } from './file-cache.ts'
import type { LogConfig } from './log-config.ts'
import type { LogPosition } from './log-reader.ts'
import type { PartitionFolder } from './partition-folder.ts'
import { MAX_RELATIVE_OFFSET, Segment } from './segment.ts'
import type { AbortedTransaction } from './transaction-index.ts'

/** One batch on its way to the disk; its bytes stay untouched until it is settled. */
export interface PendingAppend {
  readonly bytes: Buffer
  readonly baseOffset: number
  /** Inclusive. */
  readonly lastOffset: number
  readonly maxTimestamp: number
  /** -1 waits for the sync; 0 and 1 are settled after the write, and their bytes let go. */
  readonly acks: -1 | 0 | 1
  readonly abortedTransaction?: AbortedTransaction | undefined
}

/** What the partition learns of its appends. */
export interface WriterOwner {
  config(): LogConfig
  leaderEpoch(): number
  nowMs(): number
  /** Written to the operating system: acks 0 and 1 may be answered. */
  onWritten(): void
  /** Everything below survives a power cut. */
  onDurable(endOffset: number): void
  /** No space: nothing from this one on was kept; offsets go on from its base offset. */
  onRefused(first: PendingAppend): void
  onSealed(sealed: Segment): void
  onOffline(reason: string): void
  /** Monotonic time has come to this: answers that are overdue go out. */
  onTick(monotonicMs: number): void
}

/** A stretch of a segment that is written and not durable yet. */
interface Undurable {
  readonly segment: Segment
  readonly position: number
  readonly sizeBytes: number
  readonly baseOffset: number
  readonly lastOffset: number
  /** Kept while nobody else may use them again; else read back from the file. */
  readonly bytes: Buffer | undefined
}

/** Whole batches in pieces, and the offsets from the first to behind the last. */
export interface StretchOfLog {
  readonly baseOffset: number
  readonly endOffset: number
  readonly bytes: Buffer[]
}

export interface LogWriterOptions {
  readonly topicId: string
  readonly partition: number
  readonly folder: PartitionFolder
  readonly files: FileCache
  /** In offset order; the last one is the active one. Empty before the first append. */
  readonly segments: Segment[]
  readonly owner: WriterOwner
  readonly endOffset: number
}

export class LogWriter {
  readonly topicId: string
  readonly partition: number
  readonly folder: PartitionFolder
  readonly segments: Segment[]
  readonly #files: FileCache
  readonly #owner: WriterOwner
  #queue: PendingAppend[] = []
  #taken: PendingAppend[] = []
  #undurable: Undurable[] = []
  /** Set when the taken appends are in the journal: durable, whatever becomes of the file. */
  #journaledEndOffset = -1
  #bytesWritten = 0
  readonly #sealedDirty = new Set<Segment>()
  #isRollRequested = false
  #writtenEndOffset: number
  #durableEndOffset: number
  #durableEnd: LogPosition | undefined
  /** Under way: cutting what a failed write left. */
  #repair: Promise<void> | undefined
  #isStalled = false
  #isOffline = false

  constructor(options: LogWriterOptions) {
    this.topicId = options.topicId
    this.partition = options.partition
    this.folder = options.folder
    this.segments = options.segments
    this.#files = options.files
    this.#owner = options.owner
    this.#writtenEndOffset = options.endOffset
    this.#durableEndOffset = options.endOffset
    this.#durableEnd = this.writtenEnd
  }

  get active(): Segment | undefined {
    return this.segments.at(-1)
  }

  /** Every file is durable below it, by name and content. */
  get recoveryPoint(): number {
    const dirty = this.segments.find((segment) => segment.isDirty)
    if (dirty === undefined) return this.#writtenEndOffset
    return dirty.hasDurableName ? dirty.syncedEndOffset : dirty.baseOffset
  }

  /** Since this run began. */
  get bytesWritten(): number {
    return this.#bytesWritten
  }

  /** A segment behind the undurable ones is not synced: then only the journal keeps the order. */
  get hasOlderDirt(): boolean {
    for (const segment of this.#sealedDirty) {
      if (!segment.isDirty) this.#sealedDirty.delete(segment)
    }
    if (this.#sealedDirty.size === 0) return false
    const undurable = this.undurableSegments()
    for (const segment of this.#sealedDirty) if (!undurable.includes(segment)) return true
    return false
  }

  get writtenEndOffset(): number {
    return this.#writtenEndOffset
  }

  get durableEndOffset(): number {
    return this.#durableEndOffset
  }

  get hasQueued(): boolean {
    return this.#queue.length > 0
  }

  /** Taken from the queue and not in the file yet. */
  get hasTaken(): boolean {
    return this.#taken.length > 0
  }

  get takenBytes(): number {
    let bytes = 0
    for (const append of this.#taken) bytes += append.bytes.length
    return bytes
  }

  get hasUndurable(): boolean {
    return this.#undurable.length > 0
  }

  get isOffline(): boolean {
    return this.#isOffline
  }

  /** Journaled appends could not be written for want of space: nothing else may be, before them. */
  get isStalled(): boolean {
    return this.#isStalled
  }

  enqueue(append: PendingAppend): void {
    this.#queue.push(append)
  }

  /** Takes waiting appends for writing, at least one. @returns their bytes */
  take(maxBytes: number): number {
    let bytes = 0
    let count = 0
    while (count < this.#queue.length) {
      const size = this.#queue[count]!.bytes.length
      if (count > 0 && bytes + size > maxBytes) break
      bytes += size
      count += 1
    }
    const rest = this.#queue.splice(count)
    this.#taken.push(...this.#queue)
    this.#queue = rest
    return bytes
  }

  /** Of the first batch that a journal entry would carry; replay takes it from the batches. */
  get leaderEpoch(): number {
    return this.#owner.leaderEpoch()
  }

  /** Where the durable bytes end. */
  get durableEnd(): LogPosition | undefined {
    return this.#durableEnd
  }

  get writtenEnd(): LogPosition | undefined {
    const { active } = this
    return active === undefined ? undefined : { segment: active, position: active.sizeBytes }
  }

  get isRollRequested(): boolean {
    return this.#isRollRequested && !this.#isOffline
  }

  /** Lets the next segment begin at the end, so that the active one can be removed or compacted. */
  roll(): void {
    this.#isRollRequested = (this.active?.sizeBytes ?? 0) > 0
  }

  /** Whether `writeTakenNow` can do without opening or making a file. */
  get isReady(): boolean {
    const { active } = this
    if (this.#repair !== undefined || this.#isRollRequested) return false
    if (active?.openNow === undefined || active.indexesNow === undefined) return false
    let sizeBytes = active.sizeBytes
    for (const append of this.#taken) {
      if (this.#mustRollBefore(append, active, sizeBytes)) return false
      sizeBytes += append.bytes.length
    }
    return true
  }

  /** Writes what was taken on this turn of the event loop. Only when `isReady`. */
  writeTakenNow(): void {
    const { active } = this
    const file = active?.openNow
    if (active === undefined || file === undefined || this.#taken.length === 0) return
    const buffers = this.#taken.map((append) => append.bytes)
    try {
      file.writeSync(buffers, active.sizeBytes)
    } catch (error) {
      this.#cutPartialWrite(active)
      this.#failWrite(error)
      return
    }
    this.#written(active, this.#taken.length)
  }

  /** Writes what was taken, rolling to new segments where needed. */
  async writeTaken(): Promise<void> {
    while ((this.#taken.length > 0 || this.#isRollRequested) && !this.#isOffline) {
      try {
        if (this.#isRollRequested) await this.#beginSegment(this.#writtenEndOffset)
        else await this.#writeRun()
      } catch (error) {
        this.#failWrite(error)
        return
      }
    }
  }

  /** Segments that a direct sync would have to sync. */
  undurableSegments(): Segment[] {
    const segments: Segment[] = []
    for (const { segment } of this.#undurable) {
      if (segments.at(-1) !== segment) segments.push(segment)
    }
    return segments
  }

  /** What the journal must hold of this partition: everything that is not durable, taken included. */
  journalEntry(): StretchOfLog | Promise<StretchOfLog> {
    const stretch = { baseOffset: this.#durableEndOffset, endOffset: this.#takenEndOffset }
    const taken = this.#taken.map((append) => append.bytes)
    const written = this.#undurable.map((part) => part.bytes ?? readBack(part))
    // Few partitions have to read back, and of those not all need to open their files.
    if (written.every((part) => Buffer.isBuffer(part))) {
      return { ...stretch, bytes: [...written, ...taken] }
    }
    return Promise.all(written).then((parts) => ({ ...stretch, bytes: [...parts, ...taken] }))
  }

  /** The taken appends are in the journal from now on, synced or about to be. */
  journaled(endOffset: number): void {
    this.#journaledEndOffset = Math.max(this.#journaledEndOffset, endOffset)
  }

  /** A sync of the files, or of the journal, has covered everything below `endOffset`. */
  durable(endOffset: number): void {
    if (this.#isOffline) return
    const end = Math.min(endOffset, this.#writtenEndOffset)
    if (end <= this.#durableEndOffset) return
    const count = this.#undurable.findLastIndex((stretch) => stretch.lastOffset < end) + 1
    const covered = this.#undurable.splice(0, count)
    const { segment, position, sizeBytes } = covered.at(-1)!
    this.#durableEnd = { segment, position: position + sizeBytes }
    this.#durableEndOffset = end
    this.#owner.onDurable(end)
  }

  /** The partition can no longer be trusted to keep what it is given. */
  fail(error: unknown): void {
    this.#fail(error)
  }

  tick(monotonicMs: number): void {
    this.#owner.onTick(monotonicMs)
  }

  get #takenEndOffset(): number {
    const last = this.#taken.at(-1)
    return last === undefined ? this.#writtenEndOffset : last.lastOffset + 1
  }

  async #writeRun(): Promise<void> {
    await this.#repair
    if (this.#isOffline) return
    const active = await this.#segmentFor(this.#taken[0]!)
    let count = 0
    let sizeBytes = active.sizeBytes
    for (const append of this.#taken) {
      if (count > 0 && this.#mustRollBefore(append, active, sizeBytes)) break
      sizeBytes += append.bytes.length
      count += 1
    }
    const buffers = this.#taken.slice(0, count).map((append) => append.bytes)
    try {
      await active.file.use((file) => file.write(buffers, active.sizeBytes))
    } catch (error) {
      this.#cutPartialWrite(active)
      throw error
    }
    this.#written(active, count)
  }

  /** What a failed write left behind is no batch; nothing is written before it is gone. */
  #cutPartialWrite(segment: Segment): void {
    this.#repair = segment.file
      .use((file) => file.truncate(segment.sizeBytes))
      .catch((error) => this.#fail(error))
      .finally(() => {
        this.#repair = undefined
      })
  }

  async #segmentFor(append: PendingAppend): Promise<Segment> {
    const { active } = this
    if (active !== undefined && !this.#mustRollBefore(append, active, active.sizeBytes)) {
      return active
    }
    return await this.#beginSegment(append.baseOffset)
  }

  async #beginSegment(baseOffset: number): Promise<Segment> {
    const { active, folder } = this
    const next = new Segment(this.#files, folder.path, baseOffset, this.#owner.nowMs())
    await folder.create()
    await next.create()
    this.#isRollRequested = false
    this.segments.push(next)
    if (active !== undefined) {
      active.seal()
      this.#sealedDirty.add(active)
      this.#owner.onSealed(active)
    }
    return next
  }

  #mustRollBefore(append: PendingAppend, active: Segment, sizeBytes: number): boolean {
    if (sizeBytes === 0) return false
    const { segmentBytes, segmentMs, segmentJitterMs, segmentIndexBytes } = this.#owner.config()
    if (sizeBytes + append.bytes.length > segmentBytes) return true
    if (append.lastOffset - active.baseOffset > MAX_RELATIVE_OFFSET) return true
    const indexBytes = active.indexesNow?.offsets.sizeBytes ?? 0
    if (indexBytes + 8 > segmentIndexBytes) return true
    const ageMs =
      active.firstTimestamp >= 0 && append.maxTimestamp >= 0
        ? append.maxTimestamp - active.firstTimestamp
        : this.#owner.nowMs() - active.createdMs
    const jitterMs = Math.min(segmentMs, segmentJitterMs)
    return ageMs > segmentMs - jitterMs * spread(this.partition, active.baseOffset)
  }

  /** The first `count` taken appends stand in the segment's file now. */
  #written(segment: Segment, count: number): void {
    const { indexIntervalBytes } = this.#owner.config()
    const written = this.#taken.splice(0, count)
    this.#isStalled = false
    for (const append of written) {
      const sizeBytes = append.bytes.length
      this.#undurable.push({
        segment,
        position: segment.sizeBytes,
        sizeBytes,
        baseOffset: append.baseOffset,
        lastOffset: append.lastOffset,
        bytes: append.acks === -1 ? append.bytes : undefined,
      })
      const { lastOffset, maxTimestamp, abortedTransaction } = append
      segment.note({ lastOffset, maxTimestamp, sizeBytes, indexIntervalBytes, abortedTransaction })
      this.#writtenEndOffset = lastOffset + 1
      this.#bytesWritten += sizeBytes
    }
    this.#owner.onWritten()
  }

  /** What was taken could not be written. Without space the partition goes on serving what it has. */
  #failWrite(error: unknown): void {
    if (!(error instanceof DiskError) || error.code !== 'no-space') {
      this.#fail(error)
      return
    }
    if (this.#journaledEndOffset > this.#writtenEndOffset) {
      this.#isStalled = true
      return
    }
    this.#isRollRequested = false
    const first = this.#taken[0] ?? this.#queue[0]
    this.#taken = []
    this.#queue = []
    if (first !== undefined) this.#owner.onRefused(first)
  }

  #fail(error: unknown): void {
    if (this.#isOffline) return
    this.#isOffline = true
    this.#taken = []
    this.#queue = []
    this.#undurable = []
    this.#isRollRequested = false
    this.#owner.onOffline(error instanceof Error ? error.message : String(error))
  }
}

function readBack({ segment, position, sizeBytes }: Undurable): Buffer | Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(sizeBytes)
  const checked = (read: number) => {
    if (read === sizeBytes) return bytes
    throw new Error(`${segment.file.path}: ends before what was written`)
  }
  const file = segment.openNow
  if (file !== undefined) return checked(file.readSync(bytes, position))
  return segment.file.use((opened) => opened.read(bytes, position)).then(checked)
}

/** From 0 to below 1, different for each segment and the same at every look. */
function spread(partition: number, baseOffset: number): number {
  return (Math.imul(baseOffset ^ Math.imul(partition + 1, 0x9e3779b1), 0x85ebca6b) >>> 0) / 2 ** 32
}
