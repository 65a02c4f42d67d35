// Takes segments off the disk: their files are renamed to `.deleted` at once and removed later, off
// the hot path, when nobody reads them any more.
// Invariant: a file is removed only after a checkpoint that does not name it: until then its
// `.deleted` name is what tells a recovery that it is not missing but gone.

import type { Timer, Timers } from '../../host/clock.ts'
import { type Disk, DiskError } from '../../host/disk.ts'
import { SEGMENT_EXTENSIONS, type Segment, segmentPath } from './segment.ts'
import { isNoSpace } from './space-reserve.ts'

export const DELETED_SUFFIX = '.deleted'
/** After the disk had no space for the checkpoint. */
const RETRY_MS = 5000

export interface SegmentRemovalOptions {
  readonly disk: Disk
  readonly timers: Timers
  readonly saveCheckpoint: () => Promise<void>
}

export class SegmentRemoval {
  readonly #options: SegmentRemovalOptions
  readonly #paths = new Set<string>()
  /** By timer, what it will do. */
  readonly #timers = new Map<Timer, () => Promise<void>>()
  #running: Promise<void> = Promise.resolve()
  #isFinished = false

  constructor(options: SegmentRemovalOptions) {
    this.#options = options
  }

  /** The segments are in no list any more. Readers under way keep their open files. */
  async remove(segments: readonly Segment[], delayMs: number): Promise<void> {
    const paths: string[] = []
    for (const segment of segments) {
      await segment.retire()
      const suffix = this.#freeSuffix(segment)
      for (const extension of SEGMENT_EXTENSIONS) {
        const path = segmentPath(segment.folder, segment.baseOffset, extension)
        if (await this.#rename(path, path + suffix)) paths.push(path + suffix)
      }
      segment.file.renamed(segmentPath(segment.folder, segment.baseOffset, 'log') + suffix)
    }
    this.removeFiles(paths, delayMs, segments)
  }

  /** Removes files that are named `.deleted` already. */
  removeFiles(paths: readonly string[], delayMs: number, segments: readonly Segment[] = []): void {
    if (paths.length === 0) return
    for (const path of paths) this.#paths.add(path)
    const timer = this.#options.timers.after(delayMs, () => {
      this.#timers.delete(timer)
      this.#running = this.#running.then(() => this.#unlink(paths, segments))
    })
    this.#timers.set(timer, () => this.#unlink(paths, segments))
  }

  /**
   * The partition closes and nobody reads any more: what is left goes now. A start after a stop in
   * good order does not look for it.
   */
  async finish(): Promise<void> {
    this.#isFinished = true
    await this.#running
    for (const [timer, unlink] of this.#timers) {
      timer.cancel()
      await unlink()
    }
    this.#timers.clear()
  }

  /** The partition closes and all of its folder is about to go. */
  async abandon(): Promise<void> {
    this.#isFinished = true
    for (const timer of this.#timers.keys()) timer.cancel()
    this.#timers.clear()
    await this.#running
  }

  /** An older segment of that name, which was compacted, may still wait to go. */
  #freeSuffix({ folder, baseOffset }: Segment): string {
    const path = segmentPath(folder, baseOffset, 'log')
    let suffix = DELETED_SUFFIX
    for (let n = 1; this.#paths.has(path + suffix); n++) suffix = `.${n}${DELETED_SUFFIX}`
    return suffix
  }

  async #unlink(paths: readonly string[], segments: readonly Segment[]): Promise<void> {
    try {
      for (const segment of segments) await segment.file.closeWhenIdle()
      await this.#options.saveCheckpoint()
      for (const path of paths) {
        await this.#options.disk.remove(path)
        this.#paths.delete(path)
      }
    } catch (error) {
      // Space that stays taken; the next start finds the files by their names.
      if (!(error instanceof DiskError)) throw error
      if (isNoSpace(error) && !this.#isFinished) this.removeFiles(paths, RETRY_MS, segments)
    }
  }

  async #rename(from: string, to: string): Promise<boolean> {
    try {
      await this.#options.disk.rename(from, to)
      return true
    } catch (error) {
      if (error instanceof DiskError && error.code === 'not-found') return false
      throw error
    }
  }
}
