// What becomes of a partition's old segments: retention and DeleteRecords take them away, compaction
// writes them anew. Long work goes on beside appends and reads; the list of segments changes by one
// hand at a time, and only when what the work began with is still there.
// Invariant: a segment leaves the list before its files do, and what replaces it is durable by then; so
// is what is known of the producers that wrote in it.

import { type Cleanable, decideCleanable, groupSegments, isRollDue } from './cleanable.ts'
import { Compaction, CompactionStopped, discard } from './compaction.ts'
import type { FileCache } from './file-cache.ts'
import type { GroupCommit, LogHost } from './group-commit.ts'
import type { KeyMapOptions } from './key-map.ts'
import { isCompacted, type LogConfig } from './log-config.ts'
import type { LogView } from './log-view.ts'
import type { LogWriter } from './log-writer.ts'
import type { Lookup } from './lookup.ts'
import type { ProducerTable } from './producer-table.ts'
import type { RecoveredLog } from './recovered-log.ts'
import { countBelowStart, countExpired } from './retention.ts'
import type { Segment } from './segment.ts'
import { SegmentRemoval } from './segment-removal.ts'
import { SegmentSwap } from './segment-swap.ts'
import { LastBatches } from './survivors.ts'

export interface UpkeepOptions {
  readonly host: LogHost
  readonly files: FileCache
  readonly commit: GroupCommit
  readonly writer: LogWriter
  readonly view: LogView
  readonly lookup: Lookup
  readonly owner: UpkeepOwner
  readonly recovered: RecoveredLog
}

/** What is asked and told of the partition. */
export interface UpkeepOwner {
  isOffline(): boolean
  config(): LogConfig
  logStartOffset(): number
  highWatermark(): number
  lastStableOffset(): number
  /** undefined when the partition went offline instead. */
  producers(): Promise<ProducerTable | undefined>
  raiseLogStart(offset: number): void
  /**
   * Who wrote below an offset will be known without what stands there, also after a power cut.
   * @returns false when that is not so yet
   */
  coverStart(offset: number): Promise<boolean>
}

export interface CompactOptions {
  readonly map: KeyMapOptions
  readonly signal: AbortSignal
}

export interface CompactionReport {
  readonly bytesBefore: number
  readonly bytesAfter: number
  /** Exclusive. */
  readonly endOffset: number
}

export class Upkeep {
  readonly #options: UpkeepOptions
  readonly #removal: SegmentRemoval
  readonly #swap: SegmentSwap
  readonly #closing = new AbortController()
  #firstDirtyOffset: number
  #compacting: Promise<unknown> | undefined
  /** Changes to the list of segments, one after the other. */
  #lastChange: Promise<unknown> = Promise.resolve()

  constructor(options: UpkeepOptions) {
    const { host, files, commit, writer, owner, recovered } = options
    this.#options = options
    this.#firstDirtyOffset = recovered.firstDirtyOffset
    const saveCheckpoint = () => commit.saveCheckpoint()
    this.#removal = new SegmentRemoval({ disk: files.disk, timers: host.timers, saveCheckpoint })
    this.#removal.removeFiles(recovered.deletedFiles, owner.config().fileDeleteDelayMs)
    this.#swap = new SegmentSwap({
      writer,
      saveCheckpoint,
      rename: (from, to) => files.disk.rename(from, to),
      removeFiles: (old) => this.#removal.remove(old, owner.config().fileDeleteDelayMs),
      onReplaced: (old) => this.#forget(old),
    })
    for (const [cleaned, replaced] of recovered.swaps) this.#swap.found(cleaned, replaced)
  }

  /** Where compaction has to go on. */
  get firstDirtyOffset(): number {
    return this.#firstDirtyOffset
  }

  /** What a crash has left half done. The partition must be known to the checkpoint. */
  finishSwaps(): Promise<void> {
    return this.#exclusively(() => this.#swap.finish())
  }

  /** Removes the segments that are below the log start or have outlived their retention. */
  removeExpired(nowMs: number): Promise<void> {
    return this.#exclusively(() => this.#remove(() => this.#countExpired(nowMs)))
  }

  /** Removes the segments that are below the log start; what is only old waits for its own check. */
  removeBelowStart(): Promise<void> {
    return this.#exclusively(() => this.#remove(() => this.#countBelowStart()))
  }

  /** What could be compacted now; costs no I/O. */
  cleanable(nowMs: number): Cleanable | undefined {
    const { writer, owner } = this.#options
    if (owner.isOffline()) return undefined
    return decideCleanable(writer.segments, {
      config: owner.config(),
      logStartOffset: owner.logStartOffset(),
      firstDirtyOffset: this.#firstDirtyOffset,
      stableOffset: Math.min(owner.lastStableOffset(), owner.highWatermark()),
      nowMs,
    })
  }

  /** Closes an active segment that has kept its records from compaction for long enough. */
  async rollIfDue(nowMs: number): Promise<void> {
    const { writer, owner } = this.#options
    if (writer.active === undefined || owner.isOffline()) return
    if (isRollDue(writer.active, owner.config(), nowMs)) await this.#roll()
  }

  /**
   * Compacts what can be, whether it is due or not.
   * @returns undefined when there was nothing, or it was stopped
   * @throws when damage was met or the disk failed: the log is as it was, but for groups of segments
   *   that were done
   */
  async compact(options: CompactOptions): Promise<CompactionReport | undefined> {
    if (this.#compacting !== undefined || this.#closing.signal.aborted) return undefined
    if (this.#options.owner.isOffline()) return undefined
    const signal = AbortSignal.any([options.signal, this.#closing.signal])
    const running = this.#compact({ ...options, signal })
    this.#compacting = running.catch(() => undefined) // the caller is told
    try {
      return await running
    } catch (error) {
      if (error instanceof CompactionStopped) return undefined
      throw error
    } finally {
      this.#compacting = undefined
    }
  }

  /** Ends a compaction under way; what it has done so far stays. */
  async stop(): Promise<void> {
    this.#closing.abort()
    await this.#compacting
    await this.#lastChange
  }

  /** @throws when files do not have the names that the checkpoint will be taken to mean */
  async close({ isGone }: { isGone: boolean }): Promise<void> {
    await this.#removal[isGone ? 'abandon' : 'finish']()
    if (!isGone && !this.#swap.isFinished) {
      const { path } = this.#options.writer.folder
      throw new Error(`${path}: a compacted segment is not in its place`)
    }
  }

  async #compact({ map, signal }: CompactOptions): Promise<CompactionReport | undefined> {
    const { host, files, commit, writer, lookup, owner } = this.#options
    await this.finishSwaps()
    const producers = await owner.producers()
    // Recovery must find what is compacted below its starting point: gaps there are no loss.
    await commit.flush(writer)
    await commit.saveCheckpoint()
    if (producers === undefined || writer.isOffline) return undefined
    const plan = this.cleanable(host.clock.nowMs())
    if (plan === undefined || writer.recoveryPoint < plan.endOffset) return undefined
    // Every marker that has moved the last stable offset so far stands in an index now.
    await commit.settle(writer)
    const below = (offset: number) => writer.segments.filter((s) => s.baseOffset < offset)
    const range = { fromOffset: 0, endOffset: plan.endOffset }
    const config = owner.config()
    const compaction = new Compaction({
      files,
      clock: host.clock,
      timers: host.timers,
      config,
      map,
      faults: commit.faults,
      lastBatches: new LastBatches(producers.entries()),
      aborted: await lookup.abortedIn(range),
      signal,
    })
    const endOffset = await compaction.learnKeys(below(plan.endOffset), plan)
    const segments = below(endOffset)
    const bytesBefore = sizeOf(segments)
    let savedBytes = 0
    for (const group of groupSegments(segments, config)) {
      const cleaned = await compaction.rewrite(group)
      if (cleaned === undefined) continue
      if (!(await this.#exclusively(() => this.#put(cleaned, group)))) throw new CompactionStopped()
      savedBytes += sizeOf(group) - cleaned.sizeBytes
    }
    this.#firstDirtyOffset = endOffset
    await commit.saveCheckpoint()
    return { bytesBefore, bytesAfter: bytesBefore - savedBytes, endOffset }
  }

  /** @returns false when the segments, or the wish to compact them, are no longer there */
  async #put(cleaned: Segment, group: readonly Segment[]): Promise<boolean> {
    const { files, writer, owner } = this.#options
    const at = writer.segments.indexOf(group[0]!)
    const isThere = at >= 0 && group.every((segment, i) => writer.segments[at + i] === segment)
    const isWanted = isCompacted(owner.config()) && !this.#closing.signal.aborted
    if (!isThere || !isWanted || writer.isOffline) {
      await discard(cleaned, files)
      return false
    }
    await this.#swap.swap(cleaned, group)
    return true
  }

  async #remove(countRemovable: () => number): Promise<void> {
    const { writer, owner } = this.#options
    let count = countRemovable()
    if (count === 0) return
    if (count === writer.segments.length) {
      // The next segment must be there first: its name is what remembers where the log ends. What
      // stood in the journal only has reached the last one by then, and may keep it.
      await this.#roll()
      count = countRemovable()
    }
    await this.#swap.finish()
    if (writer.isOffline || count === 0 || writer.segments.length <= count) return
    if (!(await owner.coverStart(writer.segments[count]!.baseOffset))) return
    const removed = writer.segments.splice(0, count)
    for (const segment of removed) segment.isRetired = true
    owner.raiseLogStart(writer.segments[0]!.baseOffset)
    this.#forget(removed)
    await this.#removal.remove(removed, owner.config().fileDeleteDelayMs)
  }

  #countExpired(nowMs: number): number {
    const { writer, owner } = this.#options
    return countExpired(writer.segments, {
      config: owner.config(),
      logStartOffset: owner.logStartOffset(),
      highWatermark: owner.highWatermark(),
      nowMs,
    })
  }

  #countBelowStart(): number {
    const { writer, owner } = this.#options
    const offsets = {
      logStartOffset: owner.logStartOffset(),
      highWatermark: owner.highWatermark(),
    }
    return countBelowStart(writer.segments, offsets)
  }

  /** The next segment begins; what was in the active one is durable then. */
  async #roll(): Promise<void> {
    const { commit, writer } = this.#options
    commit.requestRoll(writer)
    await commit.flush(writer)
  }

  #forget(segments: readonly Segment[]): void {
    const { view, commit, writer } = this.#options
    view.forgetPlaces()
    for (const segment of segments) commit.forgetSegment(segment, writer)
  }

  #exclusively<T>(change: () => Promise<T>): Promise<T> {
    const changed = this.#lastChange.then(change)
    this.#lastChange = changed.catch(() => undefined) // the caller is told
    return changed
  }
}

function sizeOf(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
}
