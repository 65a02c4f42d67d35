// Makes partition files durable behind the journal, in the background: what lets a journal file be
// used again, new segments be synced directly, and recovery begin where the last round ended. Keeps
// the checkpoint file, which says so for every partition.
// Invariant: a segment stays listed until its content and its name are durable. A failed sync puts
// its partition offline and is never tried again.

import type { Timers } from '../../host/clock.ts'
import { type Disk, DiskError } from '../../host/disk.ts'
import {
  decodeNote,
  type LogNote,
  logKey,
  readCheckpoint,
  writeCheckpoint,
} from './checkpoint-file.ts'
import type { LogFaults } from './faults.ts'
import type { LogWriter } from './log-writer.ts'
import type { Segment } from './segment.ts'
import type { StateKeeper } from './state-keeper.ts'
import { onceFilesOpen } from './too-many-files.ts'

/** Few enough to leave the thread pool to the commits. */
const PARALLEL_SYNCS = 2

export type WrittenSegment = readonly [segment: Segment, writer: LogWriter]

export interface CheckpointerOptions {
  readonly disk: Disk
  readonly timers: Timers
  readonly path: string
  readonly faults: LogFaults
}

export class Checkpointer {
  /** Whether there was one that could be read. */
  readonly hasCheckpoint: boolean
  readonly #disk: Disk
  readonly #path: string
  readonly #timers: Timers
  readonly #faults: LogFaults
  /** By partition: thousands of them are asked for one by one when they close. */
  readonly #dirty = new Map<LogWriter, Set<Segment>>()
  /** Of the open partitions. */
  readonly #keepers = new Map<LogWriter, StateKeeper>()
  /** Of partitions that are not open: as the file had them, or as they were when closed. */
  readonly #lines: Map<string, string>
  readonly #syncedParents = new Set<string>()
  #saving: Promise<void> | undefined
  #nextSave: Promise<void> | undefined

  private constructor(options: CheckpointerOptions, lines: Map<string, string> | undefined) {
    this.#disk = options.disk
    this.#path = options.path
    this.#timers = options.timers
    this.#faults = options.faults
    this.hasCheckpoint = lines !== undefined
    this.#lines = lines ?? new Map()
  }

  static async open(options: CheckpointerOptions): Promise<Checkpointer> {
    return new Checkpointer(options, await readCheckpoint(options.disk, options.path))
  }

  /** What the last checkpoint said of a partition. */
  noteOf(topicId: string, partition: number): LogNote | undefined {
    const line = this.#lines.get(logKey(topicId, partition))
    return line === undefined ? undefined : decodeNote(line)
  }

  register(writer: LogWriter, keeper: StateKeeper): void {
    this.#keepers.set(writer, keeper)
    this.#lines.delete(logKey(writer.topicId, writer.partition))
    this.noteSegments(writer, writer.segments)
  }

  /** Of the open partitions. */
  get writers(): Iterable<LogWriter> {
    return this.#keepers.keys()
  }

  /** The partition is closed; its last words are kept unless it is gone for good. */
  unregister(writer: LogWriter, isGone: boolean): void {
    const keeper = this.#keepers.get(writer)
    if (keeper === undefined) return
    this.#keepers.delete(writer)
    if (!isGone) this.#lines.set(logKey(writer.topicId, writer.partition), keeper.noteLine())
    this.#dirty.delete(writer)
  }

  /** Every partition there is has been opened: notes of others are of no use. */
  forgetUnopened(): void {
    this.#lines.clear()
  }

  /** More was written to this partition's files. */
  noteWritten(writer: LogWriter): void {
    this.noteSegments(writer, writer.dirtySegments())
  }

  noteSegments(writer: LogWriter, segments: readonly Segment[]): void {
    for (const segment of segments) {
      if (!segment.isDirty) continue
      const listed = this.#dirty.get(writer)
      if (listed === undefined) this.#dirty.set(writer, new Set([segment]))
      else listed.add(segment)
    }
  }

  /** The files were removed: retention, compaction. */
  forgetSegment(segment: Segment, writer: LogWriter): void {
    const listed = this.#dirty.get(writer)
    if (listed?.delete(segment) === true && listed.size === 0) this.#dirty.delete(writer)
  }

  /** A round: everything that is dirty now becomes durable, and the checkpoint file says so. */
  async checkpoint(): Promise<void> {
    const due = [...this.#keepers.values()].filter((keeper) => keeper.isSnapshotDue)
    for (const keeper of due) keeper.capture()
    await this.syncAll()
    for (const keeper of due) {
      await ignoringDisk(async () => {
        await keeper.writeActiveIndexes()
        await keeper.writeCaptured()
      })
    }
    for (const keeper of this.#keepers.values()) {
      if (keeper.hasUnsavedAborts) await ignoringDisk(() => keeper.writeTransactionIndex())
    }
    await this.save()
  }

  /** Makes everything durable that is dirty now. */
  async syncAll(): Promise<void> {
    await this.#syncEach([...this.#dirty.keys()].flatMap((writer) => this.#dirtyOf(writer)))
  }

  async syncWriter(writer: LogWriter): Promise<void> {
    // Whoever writes many partitions tells of them when the last one is written.
    this.noteWritten(writer)
    await this.#syncEach(this.#dirtyOf(writer))
  }

  /** A segment is full: it and what helps to read it go to the disk, in the background. */
  async settleSealed(segment: Segment, writer: LogWriter): Promise<void> {
    const keeper = this.#keepers.get(writer)
    await ignoringDisk(async () => keeper?.writeCaptured())
    keeper?.capture()
    await this.#syncEach([[segment, writer]])
    await ignoringDisk(async () => {
      if (writer.isOffline || !writer.segments.includes(segment)) return
      await segment.writeIndexes()
      await keeper?.writeCaptured()
    })
  }

  /** Syncs one segment's file. When that fails its partition goes offline, unless nobody needs it. */
  async syncSegment(segment: Segment, writer: LogWriter): Promise<void> {
    try {
      // A file that could not be opened was not synced, and its sync has not failed.
      await onceFilesOpen(this.#timers, () => segment.sync())
    } catch (error) {
      if (segment.isRetired) return
      if (this.#faults.retryFailedSync !== true) {
        writer.fail(error)
        return
      }
      await segment.sync({ isRetry: true })
    }
    if (!segment.isDirty) this.forgetSegment(segment, writer)
  }

  /** Makes the names of new segments durable, and those of their folders. */
  async syncNames(segments: readonly WrittenSegment[]): Promise<void> {
    const nameless = segments.filter(([segment]) => !segment.hasDurableName)
    if (nameless.length === 0) return
    const writers = [...new Set(nameless.map(([, writer]) => writer))]
    if (this.#faults.skipFolderSync !== true) {
      await eachLimited(writers, PARALLEL_SYNCS, (writer) => this.#syncFolder(writer))
      await this.#syncParents(writers)
    }
    for (const [segment, writer] of nameless) {
      if (writer.isOffline) continue
      segment.hasDurableName = true
      if (!segment.isDirty) this.forgetSegment(segment, writer)
    }
  }

  /** Writes the checkpoint file; calls that come while it is written share the next writing. */
  save(): Promise<void> {
    if (this.#saving === undefined) {
      this.#saving = this.#write().finally(() => {
        this.#saving = undefined
      })
      return this.#saving
    }
    this.#nextSave ??= this.#saving
      .catch(() => undefined)
      .then(() => {
        this.#nextSave = undefined
        return this.save()
      })
    return this.#nextSave
  }

  async #write(): Promise<void> {
    const lines = [...this.#lines.values()]
    for (const keeper of this.#keepers.values()) lines.push(keeper.noteLine())
    await writeCheckpoint(this.#disk, this.#path, lines)
  }

  #dirtyOf(writer: LogWriter): WrittenSegment[] {
    return Array.from(this.#dirty.get(writer) ?? [], (segment) => [segment, writer] as const)
  }

  async #syncEach(segments: readonly WrittenSegment[]): Promise<void> {
    await this.syncNames(segments)
    await eachLimited(segments, PARALLEL_SYNCS, async ([segment, writer]) => {
      const isNeeded = !writer.isOffline && !segment.isRetired
      if (!isNeeded || segment.syncedBytes === segment.sizeBytes) return
      await this.syncSegment(segment, writer)
    })
    for (const [, writer] of segments) if (writer.isOffline) this.#dirty.delete(writer)
  }

  async #syncFolder(writer: LogWriter): Promise<void> {
    try {
      await onceFilesOpen(this.#timers, () => writer.folder.syncNames())
    } catch (error) {
      writer.fail(error)
    }
  }

  async #syncParents(writers: readonly LogWriter[]): Promise<void> {
    const unknown = writers.filter(({ folder }) => !folder.hasDurableName)
    const parents = new Set(unknown.map(({ folder }) => folder.parent))
    for (const parent of parents) {
      await this.#syncParent(parent)
      if (parent !== '.' && !this.#syncedParents.has(parent)) await this.#syncParent('.')
      this.#syncedParents.add(parent)
    }
    for (const { folder } of unknown) folder.hasDurableName = true
  }

  async #syncParent(folder: string): Promise<void> {
    await onceFilesOpen(this.#timers, () => this.#disk.syncFolder(folder))
  }
}

/** What is written here can be rebuilt: a disk that is full or failing shows itself elsewhere. */
export async function ignoringDisk(write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
  }
}

/** Runs `work` over all items, so many at a time. */
export async function eachLimited<Item>(
  items: readonly Item[],
  limit: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < items.length) {
      const item = items[next]!
      next += 1
      await work(item)
    }
  }
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker))
}
