// The writing side of one partition: appends wait here in offset order until the group commit takes
// them; they become durable by the journal or by the file, and stand in the active segment's file
// sooner or later. What is in the journal only is kept in memory, and read from there.
// Invariant: offsets pass, in order, through queue, unwritten and file. Whatever is below
// durableEndOffset is covered by a sync of the file or of the journal; what is in the file and in
// not covered is listed in #undurable without a gap, so that a journal entry can carry it.

import type { FileCache } from './file-cache.ts'
import type { LogConfig } from './log-config.ts'
import type { LogPosition } from './log-reader.ts'
import type { PartitionFolder } from './partition-folder.ts'
import { mustRoll, Segment } from './segment.ts'
import { isNoSpace } from './space-reserve.ts'
import { isTooManyFiles } from './too-many-files.ts'
import type { AbortedTransaction } from './transaction-index.ts'
import { UndurableStretches } from './undurable-stretches.ts'

/** Why appends are refused that may be tried again. */
export const NO_SPACE = 'no space left on the disk'
export const TOO_MANY_FILES = 'too many open files: the system opens no more for now'

/** One batch on its way to the disk; its bytes stay untouched until it is answered. */
export interface PendingAppend {
  readonly bytes: Buffer
  readonly baseOffset: number
  /** Inclusive. */
  readonly lastOffset: number
  readonly maxTimestamp: number
  /** -1 waits for the sync; 0 and 1 are answered after the write, and their bytes let go. */
  readonly acks: -1 | 0 | 1
  readonly abortedTransaction?: AbortedTransaction | undefined
}

/** What the partition learns of its appends. */
export interface WriterOwner {
  config(): LogConfig
  leaderEpoch(): number
  nowMs(): number
  /** More was handed to the operating system: see `acceptedEndOffset`. */
  onAccepted(): void
  /** Everything below survives a power cut. */
  onDurable(endOffset: number): void
  /** No space, or no files: nothing from this one on was kept; offsets go on from its base offset. */
  onRefused(first: PendingAppend, reason: string): void
  onSealed(sealed: Segment): void
  onOffline(reason: string): void
  /** Monotonic time has come to this: answers that are overdue go out. */
  onTick(monotonicMs: number): void
}

/** Taken from the queue and not in the file yet. */
interface Unwritten {
  readonly append: PendingAppend
  /** The producer's own bytes, or once journaled a copy that stays. */
  bytes: Buffer
}

/** All that was taken, or only what is in the journal with bytes of our own. */
export type WriteScope = 'taken' | 'journaled'

/** What the journal has to carry of a partition. */
export interface Uncovered {
  readonly baseOffset: number
  /** Exclusive. */
  readonly endOffset: number
  readonly pieces: readonly Buffer[]
  readonly sizeBytes: number
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
  #unwritten: Unwritten[] = []
  readonly #undurable: UndurableStretches
  readonly #sealedDirty = new Set<Segment>()
  #writtenEndOffset: number
  /** Exclusive; in the journal, synced or about to be. */
  #journaledEndOffset = 0
  /** Exclusive; in the journal, with bytes of our own: may be answered and written later. */
  #copiedEndOffset = 0
  #durableEndOffset: number
  #bytesWritten = 0
  #replaceCount = 0
  /** Under way: one write at a time, and before it the cutting of what a failed one left. */
  #writing: Promise<void> | undefined
  #repair: Promise<void> | undefined
  /** Its file may hold a part of a write that failed. */
  #uncut: Segment | undefined
  #isRollRequested = false
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
    this.#undurable = new UndurableStretches(this.writtenEnd)
  }

  get active(): Segment | undefined {
    return this.segments.at(-1)
  }

  get leaderEpoch(): number {
    return this.#owner.leaderEpoch()
  }

  /** Exclusive: in the file. */
  get writtenEndOffset(): number {
    return this.#writtenEndOffset
  }

  /** Exclusive: handed to the operating system, in the file or in the journal. */
  get acceptedEndOffset(): number {
    return Math.max(this.#writtenEndOffset, this.#copiedEndOffset)
  }

  /** Exclusive: in the journal, synced or about to be. */
  get journaledEndOffset(): number {
    return this.#journaledEndOffset
  }

  /** In the journal, and its sync has not returned. */
  get hasUnsyncedJournal(): boolean {
    return this.#journaledEndOffset > this.#durableEndOffset
  }

  /** Exclusive: survives a power cut. */
  get durableEndOffset(): number {
    return this.#durableEndOffset
  }

  get writtenEnd(): LogPosition | undefined {
    const { active } = this
    return active === undefined ? undefined : { segment: active, position: active.sizeBytes }
  }

  /** Where the durable bytes end that stand in the file. */
  get durableEnd(): LogPosition | undefined {
    return this.#durableEndOffset >= this.#writtenEndOffset
      ? this.writtenEnd
      : this.#undurable.start
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

  /** How often compaction put a segment in the place of others. */
  get replaceCount(): number {
    return this.#replaceCount
  }

  get hasQueued(): boolean {
    return this.#queue.length > 0
  }

  /** Acknowledged, or about to be, by the journal alone: its file is not synced so far. */
  get needsJournal(): boolean {
    return this.#journaledEndOffset > this.recoveryPoint
  }

  /** Something waits that no sync has covered. */
  get isPending(): boolean {
    if (this.#isOffline) return false
    if (this.#isStalled) return this.hasUnsyncedJournal
    return this.hasQueued || this.hasUncovered || this.#isRollRequested
  }

  /** Something was taken, or written, that is not durable. */
  get hasUncovered(): boolean {
    return this.#takenEndOffset > this.#durableEndOffset
  }

  /** Taken, or in the journal, and not in the file yet. */
  get hasUnwritten(): boolean {
    return this.#unwritten.length > 0
  }

  get isOffline(): boolean {
    return this.#isOffline
  }

  /** Journaled appends could not be written for want of space, or files: nothing else may be, before. */
  get isStalled(): boolean {
    return this.#isStalled
  }

  get isRollRequested(): boolean {
    return this.#isRollRequested && !this.#isOffline
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

  /** Exclusive: of everything that was appended, wherever it is on its way. */
  get queuedEndOffset(): number {
    const last = this.#queue.at(-1)
    return last === undefined ? this.#takenEndOffset : last.lastOffset + 1
  }

  enqueue(append: PendingAppend): void {
    this.#queue.push(append)
  }

  /** Takes waiting appends, at least one. @returns their bytes */
  take(maxBytes: number): number {
    let bytes = 0
    let count = 0
    for (const append of this.#queue) {
      if (count > 0 && bytes + append.bytes.length > maxBytes) break
      bytes += append.bytes.length
      this.#unwritten.push({ append, bytes: append.bytes })
      count += 1
    }
    if (count === this.#queue.length) this.#queue = []
    else this.#queue.splice(0, count)
    return bytes
  }

  /** Lets the next segment begin at the end, so that the active one can be removed or compacted. */
  roll(): void {
    this.#isRollRequested = (this.active?.sizeBytes ?? 0) > 0
  }

  /** Compaction wrote some neighbouring, durable segments anew, as one. */
  replace(old: readonly Segment[], cleaned: Segment): void {
    this.segments.splice(this.segments.indexOf(old[0]!), old.length, cleaned)
    this.#replaceCount += 1
    for (const segment of old) this.#sealedDirty.delete(segment)
    this.#undurable.replaced(old, cleaned)
  }

  /** Whether `writeNow` can do without opening or making a file. */
  isReady(scope: WriteScope): boolean {
    const { active } = this
    if (this.#writing !== undefined || this.#uncut !== undefined) return false
    if (this.#isRollRequested || active?.indexesNow === undefined) return false
    if (active.openNow === undefined) return false
    const count = this.#countIn(scope)
    return this.#countFitting(active, count) === count
  }

  /** Writes on this turn of the event loop. Only when `isReady`. */
  writeNow(scope: WriteScope): void {
    const { active } = this
    const file = active?.openNow
    const count = this.#countIn(scope)
    if (active === undefined || file === undefined || count === 0) return
    try {
      file.writeSync(this.#bytesOf(count), active.sizeBytes)
    } catch (error) {
      this.#cutPartialWrite(active)
      this.#failWrite(error)
      return
    }
    this.#written(active, count)
  }

  /** Writes, rolling to new segments where needed. Failures go to the owner. */
  async write(scope: WriteScope): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    this.#writing = this.#writeRuns(scope)
      .catch((error) => this.#failWrite(error))
      .finally(() => {
        this.#writing = undefined
      })
    await this.#writing
  }

  /** Segments whose content or name a power cut could still take. */
  dirtySegments(): Segment[] {
    const sealed = [...this.#sealedDirty].filter((segment) => segment.isDirty)
    return this.active?.isDirty === true ? [...sealed, this.active] : sealed
  }

  /** Segments that a direct sync would have to sync. */
  undurableSegments(): Segment[] {
    return this.#undurable.segmentsFrom(this.#journaledEndOffset)
  }

  /** What neither a sync nor the journal covers, taken appends included: see `loadUncovered`. */
  uncovered(): Uncovered {
    const from = Math.max(this.#durableEndOffset, this.#journaledEndOffset)
    const pieces = this.#undurable.bytesFrom(from)
    let sizeBytes = pieces.reduce((sum, { length }) => sum + length, 0)
    for (const { append, bytes } of this.#unwritten) {
      if (append.baseOffset < from) continue
      pieces.push(bytes)
      sizeBytes += bytes.length
    }
    return { baseOffset: from, endOffset: this.#takenEndOffset, pieces, sizeBytes }
  }

  /** Whether `uncovered` has all bytes at hand. */
  get hasUncoveredBytes(): boolean {
    return this.#undurable.hasBytesFrom(this.#journaledEndOffset)
  }

  /** Reads back from the files what its producers have taken back already. */
  async loadUncovered(): Promise<void> {
    await this.#undurable.loadFrom(() => this.#journaledEndOffset)
  }

  /**
   * What `uncovered` told of is in the journal, synced or about to be.
   * @param copy its bytes, to stay; without it they are written to the file before they are answered
   */
  journaled({ baseOffset, endOffset }: Uncovered, copy: Buffer | undefined): void {
    this.#journaledEndOffset = endOffset
    if (copy === undefined) return
    // The copy ends where the unwritten ones end; stretches that are in the file come before.
    let end = copy.length
    for (let i = this.#unwritten.length - 1; i >= 0; i--) {
      const unwritten = this.#unwritten[i]!
      if (unwritten.append.baseOffset < baseOffset) break
      const start = end - unwritten.bytes.length
      unwritten.bytes = copy.subarray(start, end)
      end = start
    }
    this.#copiedEndOffset = endOffset
    this.#owner.onAccepted()
  }

  /** A sync of the files, or of the journal, has covered everything below `endOffset`. */
  durable(endOffset: number): void {
    if (this.#isOffline || endOffset <= this.#durableEndOffset) return
    this.#undurable.cover(endOffset)
    this.#durableEndOffset = endOffset
    this.#owner.onDurable(endOffset)
  }

  /** Batches in memory from an offset on, none of which starts at or beyond the end. */
  *unwrittenFrom(fromOffset: number, endOffset: number): Generator<Unwritten> {
    const end = Math.min(endOffset, this.#copiedEndOffset)
    for (const unwritten of this.#unwritten) {
      const { baseOffset, lastOffset } = unwritten.append
      if (baseOffset >= end) return
      if (lastOffset >= fromOffset) yield unwritten
    }
  }

  /** Aborted transactions whose marker is not in the file yet, nor in its index. */
  unwrittenAborted(): AbortedTransaction[] {
    return this.#unwritten
      .map(({ append }) => append.abortedTransaction)
      .filter((aborted) => aborted !== undefined)
  }

  /** The partition can no longer be trusted to keep what it is given. */
  fail(error: unknown): void {
    if (this.#isOffline) return
    this.#isOffline = true
    this.#queue = []
    this.#unwritten = []
    this.#undurable.clear()
    this.#isRollRequested = false
    this.#owner.onOffline(error instanceof Error ? error.message : String(error))
  }

  tick(monotonicMs: number): void {
    this.#owner.onTick(monotonicMs)
  }

  get #takenEndOffset(): number {
    const last = this.#unwritten.at(-1)
    return last === undefined ? this.#writtenEndOffset : last.append.lastOffset + 1
  }

  async #writeRuns(scope: WriteScope): Promise<void> {
    while (!this.#isOffline) {
      await this.#repair
      if (this.#uncut !== undefined) await this.#cut(this.#uncut)
      const count = this.#countIn(scope)
      if (count > 0) await this.#writeRun(count)
      else if (this.#isRollRequested && !this.hasUnwritten) {
        await this.#beginSegment(this.#writtenEndOffset)
      } else return
    }
  }

  /** Writes as much as goes into one segment. */
  async #writeRun(maxCount: number): Promise<void> {
    const { append } = this.#unwritten[0]!
    let { active } = this
    const config = this.#owner.config()
    if (active === undefined || mustRoll(active, append, config, this.#owner.nowMs())) {
      active = await this.#beginSegment(append.baseOffset)
    }
    if (this.#isOffline) return
    const segment = active
    const count = Math.max(1, this.#countFitting(segment, maxCount))
    const buffers = this.#bytesOf(count)
    try {
      await segment.file.use((file) => file.write(buffers, segment.sizeBytes))
    } catch (error) {
      // Where the file could not be opened, nothing was written.
      if (!isTooManyFiles(error)) this.#cutPartialWrite(segment)
      throw error
    }
    if (!this.#isOffline) this.#written(segment, count)
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

  #countIn(scope: WriteScope): number {
    if (scope === 'taken') return this.#unwritten.length
    let count = 0
    for (const { append } of this.#unwritten) {
      if (append.baseOffset >= this.#copiedEndOffset) break
      count += 1
    }
    return count
  }

  /** How many of the first unwritten appends the segment still takes. */
  #countFitting(segment: Segment, maxCount: number): number {
    const config = this.#owner.config()
    const nowMs = this.#owner.nowMs()
    let addedBytes = 0
    let count = 0
    while (count < maxCount) {
      const { append } = this.#unwritten[count]!
      if (mustRoll(segment, append, config, nowMs, addedBytes)) break
      addedBytes += append.bytes.length
      count += 1
    }
    return count
  }

  #bytesOf(count: number): Buffer[] {
    const buffers: Buffer[] = []
    for (let i = 0; i < count; i++) buffers.push(this.#unwritten[i]!.bytes)
    return buffers
  }

  /** What a failed write left behind is no batch; nothing is written before it is gone. */
  #cutPartialWrite(segment: Segment): void {
    this.#uncut = segment
    this.#repair = this.#cut(segment)
      .catch((error) => {
        // Shortening a file may need space where writing copies: the next write tries again.
        if (!isNoSpace(error) && !isTooManyFiles(error)) this.fail(error)
      })
      .finally(() => {
        this.#repair = undefined
      })
  }

  async #cut(segment: Segment): Promise<void> {
    await segment.file.use((file) => file.truncate(segment.sizeBytes))
    this.#uncut = undefined
    // A power cut could bring it back, behind what was synced before, where nobody looks for it.
    await segment.sync()
  }

  /** The first `count` unwritten appends stand in the segment's file now. */
  #written(segment: Segment, count: number): void {
    const { indexIntervalBytes } = this.#owner.config()
    for (let i = 0; i < count; i++) {
      const { append, bytes } = this.#unwritten[i]!
      const { baseOffset, lastOffset, maxTimestamp, abortedTransaction } = append
      const sizeBytes = bytes.length
      const position = segment.sizeBytes
      if (baseOffset >= this.#durableEndOffset) {
        const kept = append.acks === -1 ? bytes : undefined
        this.#undurable.add({ segment, position, sizeBytes, baseOffset, lastOffset, bytes: kept })
      } else this.#undurable.wroteDurable({ segment, position: position + sizeBytes })
      segment.note({ lastOffset, maxTimestamp, sizeBytes, indexIntervalBytes, abortedTransaction })
      this.#bytesWritten += sizeBytes
      this.#writtenEndOffset = lastOffset + 1
    }
    if (count === this.#unwritten.length) this.#unwritten = []
    else this.#unwritten.splice(0, count)
    this.#isStalled = false
    this.#owner.onAccepted()
  }

  /** Without space, or files, the partition goes on serving what it has; what is journaled stays. */
  #failWrite(error: unknown): void {
    if (!isNoSpace(error) && !isTooManyFiles(error)) {
      this.fail(error)
      return
    }
    this.#isRollRequested = false
    const kept = this.#unwritten.filter((u) => u.append.baseOffset < this.#journaledEndOffset)
    const first = this.#unwritten[kept.length]?.append ?? this.#queue[0]
    for (const unwritten of kept) {
      // Its producer takes its bytes back as soon as it is answered.
      if (unwritten.append.baseOffset >= this.#copiedEndOffset) {
        unwritten.bytes = Buffer.from(unwritten.bytes)
      }
    }
    this.#copiedEndOffset = Math.max(this.#copiedEndOffset, this.#journaledEndOffset)
    this.#unwritten = kept
    this.#queue = []
    this.#isStalled = kept.length > 0
    const reason = isNoSpace(error) ? NO_SPACE : TOO_MANY_FILES
    if (first !== undefined) this.#owner.onRefused(first, reason)
  }
}
