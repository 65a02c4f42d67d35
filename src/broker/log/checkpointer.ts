// Makes partition files durable behind the journal, in the background: what lets a journal file be
// used again, new segments be synced directly, and recovery begin where the last round ended.
// Invariant: a segment stays listed until its content and its name are durable. A failed sync puts
// its partition offline and is never tried again.

import type { Disk } from '../../host/disk.ts'
import type { LogFaults } from './faults.ts'
import type { LogWriter } from './log-writer.ts'
import type { Segment } from './segment.ts'

/** Few enough to leave the thread pool to the commits. */
const PARALLEL_SYNCS = 2

export class Checkpointer {
  readonly #disk: Disk
  readonly #faults: LogFaults
  readonly #dirty = new Map<Segment, LogWriter>()
  #durableRoots = new Set<string>()

  constructor(disk: Disk, faults: LogFaults) {
    this.#disk = disk
    this.#faults = faults
  }

  get dirtyCount(): number {
    return this.#dirty.size
  }

  noteWritten(writer: LogWriter): void {
    this.noteSegments(writer, writer.undurableSegments())
  }

  noteSegments(writer: LogWriter, segments: readonly Segment[]): void {
    for (const segment of segments) if (segment.isDirty) this.#dirty.set(segment, writer)
  }

  /** The partition was closed or deleted: its files are nobody's business any more. */
  forget(writer: LogWriter): void {
    for (const [segment, owner] of this.#dirty) if (owner === writer) this.#dirty.delete(segment)
  }

  /** Makes everything durable that is dirty now. */
  async syncAll(): Promise<void> {
    await this.#syncEach([...this.#dirty])
  }

  async syncWriter(writer: LogWriter): Promise<void> {
    await this.#syncEach([...this.#dirty].filter(([, owner]) => owner === writer))
  }

  /** Syncs one segment's file. @returns whether it is durable now; if not, the partition is offline */
  async syncSegment(segment: Segment, writer: LogWriter): Promise<boolean> {
    try {
      await segment.sync()
    } catch (error) {
      if (this.#faults.retryFailedSync !== true) {
        writer.fail(error)
        return false
      }
      await segment.sync()
    }
    if (!segment.isDirty) this.#dirty.delete(segment)
    return true
  }

  /** Makes the names of new segments durable, and those of their folders. */
  async syncNames(segments: readonly (readonly [Segment, LogWriter])[]): Promise<void> {
    const nameless = segments.filter(([segment]) => !segment.hasDurableName)
    const writers = new Set(nameless.map(([, writer]) => writer))
    if (this.#faults.skipFolderSync !== true) {
      await eachLimited([...writers], PARALLEL_SYNCS, (writer) => this.#syncFolder(writer))
      await this.#syncParents([...writers])
    }
    for (const [segment, writer] of nameless) {
      if (writer.isOffline) continue
      segment.hasDurableName = true
      if (!segment.isDirty) this.#dirty.delete(segment)
    }
  }

  async #syncEach(segments: readonly (readonly [Segment, LogWriter])[]): Promise<void> {
    await this.syncNames(segments)
    await eachLimited(segments, PARALLEL_SYNCS, async ([segment, writer]) => {
      if (writer.isOffline || segment.syncedBytes === segment.sizeBytes) return
      await this.syncSegment(segment, writer)
    })
    for (const [segment, writer] of segments) if (writer.isOffline) this.#dirty.delete(segment)
  }

  async #syncFolder(writer: LogWriter): Promise<void> {
    try {
      await writer.folder.syncNames()
    } catch (error) {
      writer.fail(error)
    }
  }

  async #syncParents(writers: readonly LogWriter[]): Promise<void> {
    const unknown = writers.filter(({ folder }) => !folder.hasDurableName)
    const parents = new Set(unknown.map(({ folder }) => folder.parent))
    for (const parent of parents) {
      await this.#disk.syncFolder(parent)
      if (!this.#durableRoots.has(parent)) await this.#disk.syncFolder('.')
      this.#durableRoots.add(parent)
    }
    for (const { folder } of unknown) folder.hasDurableName = true
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
