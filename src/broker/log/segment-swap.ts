// Puts a compacted segment in the place of those that it was written from. At every moment a crash
// leaves either the old segments or, durable and complete, the new one:
//
//   1. `.cleaned` -> `.swap`, folder synced     from here on a recovery takes the new one
//   2. the list of segments changes             readers under way end on the old files
//   3. checkpoint                               it names the new one; the old names mean nothing now
//   4. old files -> `.deleted`, folder synced   no old index can be taken for one of the new log
//   5. `.swap` -> the segment's own name, folder synced
//
// Invariant: a `.swap` log goes by its own name only when the checkpoint speaks of it.

import { ignoringDisk } from './checkpointer.ts'
import { CLEANED_SUFFIX, SWAP_SUFFIX } from './leftovers.ts'
import type { LogWriter } from './log-writer.ts'
import { type Segment, segmentPath } from './segment.ts'

export interface SegmentSwapOptions {
  readonly writer: LogWriter
  readonly rename: (from: string, to: string) => Promise<void>
  readonly saveCheckpoint: () => Promise<void>
  /** Takes the old segments' files away, sooner or later. */
  readonly removeFiles: (segments: readonly Segment[]) => Promise<void>
  /** The segments are in the list no more. */
  readonly onReplaced: (segments: readonly Segment[]) => void
}

export class SegmentSwap {
  readonly #options: SegmentSwapOptions
  /** Replaced, and the files do not say so yet. */
  readonly #unfinished = new Map<Segment, readonly Segment[]>()
  /** Whether a `.swap` name is durable is not known. */
  #isUncertain = false

  constructor(options: SegmentSwapOptions) {
    this.#options = options
  }

  get isFinished(): boolean {
    return this.#unfinished.size === 0 && !this.#isUncertain
  }

  /** Steps 1 to 5. @param cleaned synced; its file ends in `.cleaned` */
  async swap(cleaned: Segment, replaced: readonly Segment[]): Promise<void> {
    const { writer, rename, onReplaced } = this.#options
    const cleanedPath = cleaned.file.path
    const path = cleanedPath.slice(0, -CLEANED_SUFFIX.length) + SWAP_SUFFIX
    await rename(cleanedPath, path)
    cleaned.file.renamed(path)
    this.#isUncertain = true
    await this.#syncFolder()
    this.#isUncertain = false
    cleaned.hasDurableName = true
    writer.replace(replaced, cleaned)
    for (const segment of replaced) segment.isRetired = true
    onReplaced(replaced)
    this.#unfinished.set(cleaned, replaced)
    await this.finish()
  }

  /** Recovery took a `.swap` log for its segment. */
  found(cleaned: Segment, replaced: readonly Segment[]): void {
    this.#unfinished.set(cleaned, replaced)
  }

  /** Steps 3 to 5 of all that a full disk, or a crash, has left unfinished. */
  async finish(): Promise<void> {
    if (this.isFinished || this.#options.writer.isOffline) return
    const { saveCheckpoint, removeFiles } = this.#options
    await saveCheckpoint()
    for (const [cleaned, replaced] of [...this.#unfinished]) {
      await removeFiles(replaced)
      await this.#syncFolder()
      await this.#takeName(cleaned)
      await this.#syncFolder()
      this.#unfinished.delete(cleaned)
      await ignoringDisk(() => cleaned.writeIndexes())
    }
  }

  async #takeName(cleaned: Segment): Promise<void> {
    const path = segmentPath(cleaned.folder, cleaned.baseOffset, 'log')
    // Held open, so that no reader asks for it by a name that it has no more.
    await cleaned.file.use(async () => {
      await this.#options.rename(cleaned.file.path, path)
      cleaned.file.renamed(path)
    })
  }

  /** What a failed sync leaves is not known: the partition cannot go on. */
  async #syncFolder(): Promise<void> {
    try {
      await this.#options.writer.folder.syncNames()
    } catch (error) {
      this.#options.writer.fail(error)
      throw error
    }
  }
}
