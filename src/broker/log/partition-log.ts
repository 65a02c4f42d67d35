// One partition: the order of its records and what may be read of it. It is opened and composed here of
// its parts: appends (appender.ts), producers (log-producers.ts), offsets (log-offsets.ts), reads
// (log-view.ts, lookup.ts) and the upkeep of old segments (upkeep.ts).
// Invariant: logStartOffset <= lastStableOffset <= highWatermark <= logEndOffset. The high watermark
// is the end of what is durable; nobody reads beyond it who could be told otherwise after a crash.
// A partition whose disk failed or whose data is damaged is offline: it refuses, it never guesses.

import { DiskError } from '../../host/disk.ts'
import type { AppendGate, AppendPlace, GateVerdict } from './append-gate.ts'
import type { AppendOutcome } from './append-outcome.ts'
import { Appender, type AppendRequest } from './appender.ts'
import { ignoringDisk } from './checkpointer.ts'
import type { FileCache } from './file-cache.ts'
import type { TimestampedOffset } from './find-timestamp.ts'
import type { GroupCommit, LogHost } from './group-commit.ts'
import type { EpochEnd } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import { LogOffsets } from './log-offsets.ts'
import { LogProducers } from './log-producers.ts'
import { LandedOnDamage } from './log-reader.ts'
import { LogView, type ReadBound, type ReadOutcome, type ReadRequest } from './log-view.ts'
import { LogWriter, type PendingAppend, type WriterOwner } from './log-writer.ts'
import { Lookup } from './lookup.ts'
import { PartitionFolder } from './partition-folder.ts'
import type { ProducerEntry } from './producer-state.ts'
import type { RecoveredLog } from './recovered-log.ts'
import { recoverLog } from './recovery.ts'
import { type ScrubRequest, type ScrubStep, scrubStretch } from './scrub.ts'
import type { Segment } from './segment.ts'
import { type KeptState, StateKeeper } from './state-keeper.ts'
import { isTooManyFiles } from './too-many-files.ts'
import { Upkeep, type UpkeepOwner } from './upkeep.ts'
import { WorkBudget } from './work-budget.ts'

export type { AppendOutcome } from './append-outcome.ts'
export type { AppendRequest } from './appender.ts'
export type { ReadBound, ReadOutcome, ReadRequest } from './log-view.ts'

export interface PartitionLogOptions {
  readonly host: LogHost
  /** Below the data folder: `topics/orders-0`. Need not exist: it is made with the first append. */
  readonly folder: string
  readonly topic: string
  readonly partition: number
  readonly topicId: string
  readonly config: LogConfig
  /** The broker's; the log uses it or its own last one, whichever is greater. */
  readonly leaderEpoch: number
  readonly commit: GroupCommit
  readonly files: FileCache
  /** For batches that must be got ready first: the broker's, or the log's own. */
  readonly work?: WorkBudget
  /** Whether the last run ended in good order: then the folder is taken at its note's word. */
  readonly wasCleanStop: boolean
  /** The folder came from another broker, where the log started at that offset. Without a note only. */
  readonly foreign?: { readonly logStartOffset: number } | undefined
  /** Of an event store: judges what clients append. It is given the log once that is open. */
  readonly gate?: (AppendGate & { begin(log: PartitionLog): void }) | undefined
  /** The disk failed or damage was found: called once, also while it is being opened. */
  readonly onOffline?: (reason: string) => void
}

export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly topicId: string
  /** Compaction, and whether it should be. */
  readonly upkeep: Upkeep
  readonly #host: LogHost
  readonly #commit: GroupCommit
  readonly #writer: LogWriter
  readonly #offsets: LogOffsets
  readonly #producers: LogProducers
  readonly #appender: Appender
  readonly #view: LogView
  readonly #lookup: Lookup
  readonly #keeper: StateKeeper
  readonly #onOffline: ((reason: string) => void) | undefined
  #config: LogConfig
  #offlineReason: string | undefined

  static async open(options: PartitionLogOptions): Promise<PartitionLog> {
    const { host, files, commit, folder, config, topicId, partition, wasCleanStop } = options
    const note = commit.noteOf(topicId, partition)
    const foreign = note === undefined ? options.foreign : undefined
    const recovered = await recoverLog({
      files,
      timers: host.timers,
      nowMs: host.clock.nowMs(),
      folder,
      config,
      note,
      wasCleanStop,
      hasCheckpoint: commit.hasCheckpoint && foreign === undefined,
      leastLogStartOffset: foreign?.logStartOffset ?? 0,
      isNew: note === undefined && commit.isRecovered,
      replay: commit.replayOf(topicId, partition),
      ignoreCrc: commit.faults.ignoreCrc === true,
      useReserve: (write) => commit.useReserve(write),
    })
    const log = new PartitionLog(options, recovered)
    // On a full disk they stay unfinished; whoever compacts or closes the log tries again.
    const finish = () => commit.useReserve(() => log.upkeep.finishSwaps())
    if (log.state === 'online') await ignoringDisk(finish)
    options.gate?.begin(log)
    return log
  }

  private constructor(options: PartitionLogOptions, recovered: RecoveredLog) {
    const { host, files, commit, folder: path, topicId, partition } = options
    const { leaderEpoch, wasCleanStop, gate } = options
    const { segments, endOffset } = recovered
    const { timers } = host
    const config = () => this.#config
    this.topic = options.topic
    this.partition = partition
    this.topicId = topicId
    this.#host = host
    this.#commit = commit
    this.#config = options.config
    this.#onOffline = options.onOffline
    this.#offsets = new LogOffsets({ recovered, leaderEpoch, wasCleanStop })
    const folder = new PartitionFolder({ disk: files.disk, path, topicId })
    if (recovered.folderExists) folder.found()
    const owner = this.#asOwner()
    const writer = new LogWriter({ topicId, partition, folder, files, segments, owner, endOffset })
    const parts = { host, commit, files, writer, offsets: this.#offsets, config }
    this.#writer = writer
    this.#producers = new LogProducers({ ...parts, recovered })
    const work = options.work ?? new WorkBudget()
    this.#appender = new Appender({ ...parts, producers: this.#producers, gate, work })
    this.#keeper = new StateKeeper(files.disk, writer, () => this.#keptState())
    this.#lookup = new Lookup({ files, timers, folder: path, segments, config })
    this.#view = new LogView(writer, this.#lookup, commit.faults)
    this.upkeep = new Upkeep({
      ...parts,
      view: this.#view,
      lookup: this.#lookup,
      owner: this.#asUpkeepOwner(),
      recovered,
    })
    if (recovered.offlineReason === undefined) commit.register(writer, this.#keeper)
    else {
      if (commit.replayOf(topicId, partition).length > 0) commit.keepJournal()
      this.#goOffline(recovered.offlineReason)
    }
  }

  get config(): LogConfig {
    return this.#config
  }

  get leaderEpoch(): number {
    return this.#offsets.leaderEpoch
  }

  get logStartOffset(): number {
    return this.#offsets.logStartOffset
  }

  /** Exclusive: the end of what is durable. */
  get highWatermark(): number {
    const { unsyncedShown } = this.#commit.faults
    return unsyncedShown === true ? this.#writer.acceptedEndOffset : this.#offsets.highWatermark
  }

  /** Exclusive: everything below belongs to no transaction or to one that has ended. */
  get lastStableOffset(): number {
    const { highWatermark, logStartOffset } = this.#offsets
    if (this.#commit.faults.openTransactionsShown === true) return highWatermark
    return Math.max(this.#producers.stableBelow(highWatermark), logStartOffset)
  }

  /** The offset that the next record gets. */
  get logEndOffset(): number {
    return this.#offsets.logEndOffset
  }

  get sizeBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.sizeBytes, 0)
  }

  get state(): 'online' | 'offline' {
    return this.#offlineReason === undefined ? 'online' : 'offline'
  }

  get offlineReason(): string | undefined {
    return this.#offlineReason
  }

  /**
   * Appends one batch, whose base offset and leader epoch are patched in place; the buffer must stay
   * untouched until the promise settles. Decisions are taken in the order of the calls: before this
   * returns, unless a batch has to be got ready first. acks=-1 settles when the batch is durable, 0
   * and 1 when it is written.
   */
  append(batch: Buffer, request: AppendRequest): Promise<AppendOutcome> {
    return this.#appender.append(batch, request)
  }

  /**
   * Appends what the gate's owner makes itself, at its turn: for who has records, not bytes.
   * @param build decides before it returns, as `AppendGate.judge`
   */
  appendBuilt(
    build: (place: AppendPlace) => GateVerdict,
    request: AppendRequest,
  ): Promise<AppendOutcome> {
    return this.#appender.appendBuilt(build, request)
  }

  /**
   * For who builds: resolves once everything up to an offset is durable, or to why it never will be.
   * @param lastOffset inclusive; in the log already, or built right now
   */
  onceDurable(lastOffset: number): Promise<AppendOutcome> {
    return this.#appender.onceDurable(lastOffset)
  }

  /** Synchronous when the bytes were written recently. Damage found on the way puts it offline. */
  read(request: ReadRequest): ReadOutcome | Promise<ReadOutcome> {
    if (this.#offlineReason !== undefined) return { kind: 'offline' }
    const { fromOffset } = request
    const { logStartOffset, logEndOffset } = this.#offsets
    if (fromOffset < logStartOffset || fromOffset > logEndOffset) return { kind: 'out-of-range' }
    return this.#view.read(request, this.#boundOf(request.upTo))
  }

  /** How much a read from there would find, at least nearly: costs no I/O. */
  readableBytes(fromOffset: number, upTo: ReadBound): number {
    return this.#view.readableBytes(fromOffset, this.#boundOf(upTo))
  }

  /** Calls when more can be read, the log start moved, or the partition went offline. */
  onAdvance(listener: () => void): () => void {
    return this.#offsets.onAdvance(listener)
  }

  /**
   * The first record at or after a moment; undefined when there is none, or 'offline' when the disk
   * failed or damage was found on the way, or no file can be opened just now.
   */
  offsetForTimestamp(timestamp: number): Promise<TimestampedOffset | 'offline' | undefined> {
    return this.#lookUp(() => this.#lookup.firstAtOrAfter(timestamp, this.logStartOffset))
  }

  /** The record with the latest timestamp, the first of those that have it; or 'offline'. */
  maxTimestamp(): Promise<TimestampedOffset | 'offline' | undefined> {
    return this.#lookUp(() => this.#lookup.latest(this.logStartOffset))
  }

  /** @returns undefined when the log knows nothing of that epoch */
  endOffsetForEpoch(epoch: number): EpochEnd | undefined {
    return this.#offsets.epochs.endOffsetFor(epoch, this.logEndOffset)
  }

  /** The leader epoch that wrote an offset; undefined when nothing is there. */
  epochOf(offset: number): number | undefined {
    return this.#offsets.epochs.epochOf(offset)
  }

  async activeProducers(): Promise<ProducerEntry[]> {
    await this.#producers.load()
    return this.#producers.table?.entries() ?? []
  }

  /**
   * Removes what lies below an offset, for good once this resolves.
   * @param offset at most the high watermark; below the log start nothing happens
   * @throws DiskError when that cannot be noted: it is all still there, or gone after a crash
   */
  async deleteRecordsBefore(offset: number): Promise<void> {
    const startOffset = Math.min(offset, this.#offsets.highWatermark)
    if (startOffset <= this.#offsets.logStartOffset) return
    this.#offsets.announceLogStart(startOffset)
    await this.#commit.saveCheckpoint()
    this.#offsets.raiseLogStart(startOffset)
    await this.upkeep.removeBelowStart()
  }

  /** Removes the segments that have outlived retention.ms or retention.bytes. */
  async applyRetention(nowMs: number): Promise<void> {
    if (this.#offlineReason !== undefined) return
    this.#producers.table?.expire(nowMs - this.#config.producerIdExpirationMs)
    await this.upkeep.removeExpired(nowMs)
  }

  /**
   * Checks a stretch of what is stored. Damage puts the partition offline.
   * @returns undefined when nothing is left to check, or nothing can be
   */
  async scrub(request: ScrubRequest): Promise<ScrubStep | undefined> {
    if (this.#offlineReason !== undefined) return undefined
    try {
      return await scrubStretch(this.#segments, this.#host.timers, request)
    } catch (error) {
      // It was closed meanwhile, and its files with it.
      if (this.#offlineReason !== undefined) return undefined
      if (!isBroken(error)) throw error
      this.#writer.fail(error)
      return undefined
    }
  }

  updateConfig(config: LogConfig): void {
    this.#config = config
  }

  setLeaderEpoch(epoch: number): void {
    this.#offsets.raiseLeaderEpoch(epoch)
  }

  /**
   * Waits for what is under way, makes the files durable and closes them.
   * @param options.isGone the partition was deleted: nothing of it needs to be kept
   */
  async close({ isGone = false }: { isGone?: boolean } = {}): Promise<void> {
    await this.#producers.idle()
    await this.#appender.idle()
    await this.upkeep.stop()
    if (this.#offlineReason === undefined) {
      // What fails here is told below, when everything else is closed.
      if (!isGone) await this.upkeep.finishSwaps().catch(() => undefined)
      if (isGone) await this.#commit.settle(this.#writer)
      else await this.#commit.flush(this.#writer)
      if (this.#producers.table !== undefined && !isGone) {
        await ignoringDisk(() => this.#keeper.writeAll())
      }
    }
    this.#commit.unregister(this.#writer, { isGone })
    this.#refuseFromNowOn('closed')
    await this.upkeep.close({ isGone }).finally(async () => {
      for (const segment of this.#segments) await segment.file.close()
    })
  }

  get #segments(): Segment[] {
    return this.#writer.segments
  }

  /** @returns a record that is durable; undefined: there is none */
  async #lookUp(
    find: () => Promise<TimestampedOffset | undefined>,
  ): Promise<TimestampedOffset | 'offline' | undefined> {
    await this.#commit.settle(this.#writer)
    try {
      const found = await find()
      if (found === undefined) return undefined
      // It may have been written meanwhile, and wait for its sync.
      const { kind } = await this.#appender.onceDurable(found.offset)
      return kind === 'refused' ? 'offline' : found
    } catch (error) {
      if (isTooManyFiles(error)) return 'offline'
      if (!isBroken(error)) throw error
      this.#writer.fail(error)
      return 'offline'
    }
  }

  #boundOf(upTo: ReadBound): number {
    if (upTo === 'highWatermark') return this.highWatermark
    return upTo === 'logEnd' ? this.#writer.acceptedEndOffset : this.lastStableOffset
  }

  /** @returns false when it went offline meanwhile, or not all that is known is durable */
  async #coverStart(offset: number): Promise<boolean> {
    if (await this.#keeper.secureFrom(offset)) return true
    await this.#producers.load()
    const { table } = this.#producers
    if (table === undefined) return false
    if (table.size === 0) return true
    this.#keeper.capture(offset)
    await this.#commit.settle(this.#writer)
    await this.#keeper.writeCaptured()
    return await this.#keeper.secureFrom(offset)
  }

  #keptState(): KeptState {
    const { nextLogStart, logEndOffset, epochs } = this.#offsets
    const { table, firstOpenOffset } = this.#producers
    const { firstDirtyOffset } = this.upkeep
    return {
      logStartOffset: nextLogStart,
      logEndOffset,
      firstOpenOffset,
      firstDirtyOffset,
      epochs,
      producers: table,
    }
  }

  #asUpkeepOwner(): UpkeepOwner {
    return {
      isOffline: () => this.#offlineReason !== undefined,
      config: () => this.#config,
      logStartOffset: () => this.#offsets.logStartOffset,
      highWatermark: () => this.#offsets.highWatermark,
      lastStableOffset: () => this.lastStableOffset,
      producers: async () => {
        await this.#producers.load()
        return this.#producers.table
      },
      raiseLogStart: (offset) => this.#offsets.raiseLogStart(offset),
      coverStart: (offset) => this.#commit.useReserve(() => this.#coverStart(offset)),
    }
  }

  #asOwner(): WriterOwner {
    return {
      config: () => this.#config,
      leaderEpoch: () => this.#offsets.leaderEpoch,
      nowMs: () => this.#host.clock.nowMs(),
      onAccepted: () => {
        this.#appender.accepted()
        if (this.#commit.faults.unsyncedShown === true) this.#offsets.tell()
      },
      onDurable: (endOffset) => this.#onDurable(endOffset),
      onRefused: (first, reason) => this.#onRefused(first, reason),
      onSealed: (segment) => this.#commit.sealed(segment, this.#writer),
      onOffline: (reason) => this.#goOffline(reason),
      onTick: (monotonicMs) => this.#appender.expire(monotonicMs),
    }
  }

  #onDurable(endOffset: number): void {
    this.#offsets.durable(endOffset)
    this.#appender.durable()
    this.#producers.durable(endOffset)
    this.#offsets.tell()
  }

  #onRefused({ baseOffset }: PendingAppend, reason: string): void {
    this.#appender.takeBackFrom(baseOffset, reason)
    this.#keeper.forgetFrom(baseOffset)
  }

  #goOffline(reason: string): void {
    if (this.#offlineReason !== undefined) return
    this.#onOffline?.(reason)
    this.#refuseFromNowOn(reason)
  }

  #refuseFromNowOn(reason: string): void {
    if (this.#offlineReason !== undefined) return
    this.#offlineReason = reason
    this.#appender.refuseFromNowOn(reason)
    this.#offsets.tell()
  }
}

/** Whether what was stored can no longer be had: it is damaged, or the disk fails to give it. */
function isBroken(error: unknown): boolean {
  return error instanceof LandedOnDamage || (error instanceof DiskError && error.code === 'io')
}
