// One partition: the order of its records and what may be read of it. Decides every append at once,
// in the order of arrival, and leaves the bytes to the group commit.
// Invariant: logStartOffset <= lastStableOffset <= highWatermark <= logEndOffset. The high watermark
// is the end of what is durable; nobody reads beyond it who could be told otherwise after a crash.
// A partition whose disk failed or whose data is damaged is offline: it refuses, it never guesses.

import { DiskError } from '../../host/disk.ts'
import {
  type BatchHeader,
  writeBaseOffset,
  writeLogAppendTime,
  writePartitionLeaderEpoch,
} from '../batch/header.ts'
import type { ErrorCode } from '../wire/error-codes.ts'
import type { AppendGate, AppendPlace, GateVerdict } from './append-gate.ts'
import { AppendOrder } from './append-order.ts'
import { type AppendOutcome, type Refusal, storageError, TIMED_OUT } from './append-outcome.ts'
import { type AppendOrigin, checkSize, isRefusal } from './check-batch.ts'
import { ignoringDisk } from './checkpointer.ts'
import type { FileCache } from './file-cache.ts'
import type { TimestampedOffset } from './find-timestamp.ts'
import type { GroupCommit, LogHost } from './group-commit.ts'
import { hydrate } from './hydrate.ts'
import { judgeProducer } from './judge-producer.ts'
import type { EpochEnd, LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import { LandedOnDamage } from './log-reader.ts'
import { LogView, type ReadBound, type ReadOutcome, type ReadRequest } from './log-view.ts'
import {
  LogWriter,
  NO_SPACE,
  type PendingAppend,
  TOO_MANY_FILES,
  type WriterOwner,
} from './log-writer.ts'
import { Lookup } from './lookup.ts'
import { PartitionFolder } from './partition-folder.ts'
import { type PreparedBatch, type Preparing, prepareBatch } from './prepare-batch.ts'
import { NO_OPEN_TRANSACTION, type ProducerEntry, type RecentBatch } from './producer-state.ts'
import { type CompletedTransaction, ProducerTable } from './producer-table.ts'
import type { RecoveredLog } from './recovered-log.ts'
import { recoverLog } from './recovery.ts'
import { type ScrubRequest, type ScrubStep, scrubStretch } from './scrub.ts'
import type { Segment } from './segment.ts'
import { type KeptState, StateKeeper } from './state-keeper.ts'
import { isTooManyFiles } from './too-many-files.ts'
import { Upkeep, type UpkeepOwner } from './upkeep.ts'
import { type Appended, type Ends, WaitingAppends } from './waiting-appends.ts'
import { WorkBudget } from './work-budget.ts'

export type { AppendOutcome } from './append-outcome.ts'
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

export interface AppendRequest {
  readonly acks: -1 | 0 | 1
  readonly origin: AppendOrigin
  /** Not to be refused on a full disk as long as the space that is set aside for it lasts. */
  readonly mayUseReserve?: boolean
  /**
   * Asked when a transactional batch is judged that is not part of a transaction open here: NONE lets
   * it in. Without it such a batch is refused.
   */
  readonly transactionCheck?: (() => ErrorCode) | undefined
  /** KIP-890: every transaction has its own epoch, and so begins at sequence 0. */
  readonly isTransactionsV2?: boolean | undefined
  /** After so long without a sync the answer is REQUEST_TIMED_OUT; the batch stays. */
  readonly timeoutMs?: number
}

const UNTIL_DURABLE: AppendRequest = { acks: -1, origin: 'client' }

export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly topicId: string
  /** Compaction, and whether it should be. */
  readonly upkeep: Upkeep
  readonly #host: LogHost
  readonly #files: FileCache
  readonly #commit: GroupCommit
  readonly #writer: LogWriter
  readonly #view: LogView
  readonly #keeper: StateKeeper
  readonly #lookup: Lookup
  readonly #epochs: LeaderEpochs
  readonly #preparing: Preparing
  readonly #gate: AppendGate | undefined
  readonly #order = new AppendOrder()
  readonly #waiting = new WaitingAppends()
  readonly #listeners = new Set<() => void>()
  /** undefined until the first append after a start that left them on disk. */
  #producers: ProducerTable | undefined
  #hydrating: Promise<void> | undefined
  /** Of the first open transaction while the producers are on disk; -1 = none. */
  readonly #notedOpenOffset: number
  /** Ended transactions whose marker is not durable: they still hold back the last stable offset. */
  #undurableEnds: CompletedTransaction[] = []
  #config: LogConfig
  #leaderEpoch: number
  #logStartOffset: number
  /** Where the log will start once a checkpoint has said so: until then nobody is told. */
  #nextLogStart = 0
  #highWatermark: number
  #logEndOffset: number
  readonly #onOffline: ((reason: string) => void) | undefined
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
    const { files, folder: path, topicId, partition, wasCleanStop } = options
    const { segments, endOffset } = recovered
    this.topic = options.topic
    this.partition = partition
    this.topicId = topicId
    this.#host = options.host
    this.#files = files
    this.#commit = options.commit
    this.#config = options.config
    this.#preparing = { host: options.host, work: options.work ?? new WorkBudget() }
    this.#onOffline = options.onOffline
    this.#gate = options.gate
    this.#producers =
      this.#commit.faults.producersForgotten === true
        ? withOpenTransactionsOnly(recovered.producers)
        : recovered.producers
    this.#notedOpenOffset = recovered.firstOpenOffset
    this.#epochs = recovered.epochs
    this.#logStartOffset = recovered.logStartOffset
    this.#logEndOffset = endOffset
    this.#highWatermark = endOffset
    const ownEpoch = this.#epochs.last?.epoch ?? -1
    const leastEpoch = wasCleanStop || ownEpoch < 0 ? ownEpoch : ownEpoch + 1
    this.#leaderEpoch = Math.max(options.leaderEpoch, leastEpoch)
    const folder = new PartitionFolder({ disk: files.disk, path, topicId })
    if (recovered.folderExists) folder.found()
    const owner = this.#asOwner()
    this.#writer = new LogWriter({ topicId, partition, folder, files, segments, owner, endOffset })
    this.#keeper = new StateKeeper(files.disk, this.#writer, () => this.#keptState())
    const { timers } = options.host
    this.#lookup = new Lookup({ files, timers, folder: path, segments, config: () => this.#config })
    this.#view = new LogView(this.#writer, this.#lookup, this.#commit.faults)
    this.upkeep = new Upkeep({
      host: options.host,
      files,
      commit: options.commit,
      writer: this.#writer,
      view: this.#view,
      lookup: this.#lookup,
      owner: this.#asUpkeepOwner(),
      recovered,
    })
    if (recovered.offlineReason === undefined) this.#commit.register(this.#writer, this.#keeper)
    else {
      if (this.#commit.replayOf(topicId, partition).length > 0) this.#commit.keepJournal()
      this.#goOffline(recovered.offlineReason)
    }
  }

  get config(): LogConfig {
    return this.#config
  }

  get leaderEpoch(): number {
    return this.#leaderEpoch
  }

  get logStartOffset(): number {
    return this.#logStartOffset
  }

  /** Exclusive: the end of what is durable. */
  get highWatermark(): number {
    const { unsyncedShown } = this.#commit.faults
    return unsyncedShown === true ? this.#writer.acceptedEndOffset : this.#highWatermark
  }

  /** Exclusive: everything below belongs to no transaction or to one that has ended. */
  get lastStableOffset(): number {
    if (this.#commit.faults.openTransactionsShown === true) return this.#highWatermark
    const open = this.#firstOpenOffset
    let offset = open < 0 ? this.#highWatermark : Math.min(open, this.#highWatermark)
    for (const ended of this.#undurableEnds) offset = Math.min(offset, ended.firstOffset)
    return Math.max(offset, this.#logStartOffset)
  }

  /** The offset that the next record gets. */
  get logEndOffset(): number {
    return this.#logEndOffset
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
    if (this.#offlineReason !== undefined) {
      return Promise.resolve(storageError(this.#offlineReason))
    }
    // Only the first append after a clean start; those that come meanwhile queue up behind it.
    if (this.#producers === undefined) {
      return this.#hydrate().then(() => this.#appendHydrated(batch, request))
    }
    if (this.#gate !== undefined && !this.#gate.isReady) {
      return this.#gate.ready().then(() => this.append(batch, request))
    }
    const check = {
      config: this.#config,
      origin: request.origin,
      nowMs: this.#host.clock.nowMs(),
      ignoreCrc: this.#commit.faults.ignoreCrc === true,
    }
    const prepared = prepareBatch(batch, check, this.#preparing)
    if (prepared instanceof Promise || !this.#order.isEmpty) {
      return this.#order.join(prepared, (ready) => this.#judge(ready, request))
    }
    return this.#judge(prepared, request)
  }

  /**
   * Appends what the gate's owner makes itself, at its turn: for who has records, not bytes.
   * @param build decides before it returns, as `AppendGate.judge`
   */
  appendBuilt(
    build: (place: AppendPlace) => GateVerdict,
    request: AppendRequest,
  ): Promise<AppendOutcome> {
    if (this.#offlineReason !== undefined) {
      return Promise.resolve(storageError(this.#offlineReason))
    }
    if (this.#producers === undefined) {
      return this.#hydrate().then(() => {
        const isUnread = this.#producers === undefined && this.#offlineReason === undefined
        if (isUnread) return storageError(TOO_MANY_FILES)
        return this.appendBuilt(build, request)
      })
    }
    const decide = () => {
      if (this.#offlineReason !== undefined) {
        return Promise.resolve(storageError(this.#offlineReason))
      }
      return this.#refuseFull(request) ?? this.#acceptBuilt(build, request, undefined)
    }
    return this.#order.isEmpty ? decide() : this.#order.join(undefined, decide)
  }

  /**
   * For who builds: resolves once everything up to an offset is durable, or to why it never will be.
   * @param lastOffset inclusive; in the log already, or built right now
   */
  onceDurable(lastOffset: number): Promise<AppendOutcome> {
    const { logStartOffset } = this
    const offsets = { baseOffset: lastOffset, lastOffset, logStartOffset }
    const outcome = { kind: 'appended', logAppendTimeMs: -1, ...offsets } as const
    return this.#answerOnceDurable(lastOffset, outcome, UNTIL_DURABLE)
  }

  #appendHydrated(batch: Buffer, request: AppendRequest): Promise<AppendOutcome> {
    const isUnread = this.#producers === undefined && this.#offlineReason === undefined
    return isUnread ? Promise.resolve(storageError(TOO_MANY_FILES)) : this.append(batch, request)
  }

  /** Synchronous when the bytes were written recently. Damage found on the way puts it offline. */
  read(request: ReadRequest): ReadOutcome | Promise<ReadOutcome> {
    if (this.#offlineReason !== undefined) return { kind: 'offline' }
    const { fromOffset } = request
    if (fromOffset < this.#logStartOffset || fromOffset > this.#logEndOffset) {
      return { kind: 'out-of-range' }
    }
    return this.#view.read(request, this.#boundOf(request.upTo))
  }

  /** How much a read from there would find, at least nearly: costs no I/O. */
  readableBytes(fromOffset: number, upTo: ReadBound): number {
    return this.#view.readableBytes(fromOffset, this.#boundOf(upTo))
  }

  /** Calls when more can be read, the log start moved, or the partition went offline. */
  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /**
   * The first record at or after a moment; undefined when there is none, or 'offline' when the disk
   * failed or damage was found on the way, or no file can be opened just now.
   */
  offsetForTimestamp(timestamp: number): Promise<TimestampedOffset | 'offline' | undefined> {
    return this.#lookUp(() => this.#lookup.firstAtOrAfter(timestamp, this.#logStartOffset))
  }

  /** The record with the latest timestamp, the first of those that have it; or 'offline'. */
  maxTimestamp(): Promise<TimestampedOffset | 'offline' | undefined> {
    return this.#lookUp(() => this.#lookup.latest(this.#logStartOffset))
  }

  /** @returns undefined when the log knows nothing of that epoch */
  endOffsetForEpoch(epoch: number): EpochEnd | undefined {
    return this.#epochs.endOffsetFor(epoch, this.#logEndOffset)
  }

  /** The leader epoch that wrote an offset; undefined when nothing is there. */
  epochOf(offset: number): number | undefined {
    return this.#epochs.epochOf(offset)
  }

  async activeProducers(): Promise<ProducerEntry[]> {
    if (this.#producers === undefined) await this.#hydrate()
    return this.#producers?.entries() ?? []
  }

  /**
   * Removes what lies below an offset, for good once this resolves.
   * @param offset at most the high watermark; below the log start nothing happens
   * @throws DiskError when that cannot be noted: it is all still there, or gone after a crash
   */
  async deleteRecordsBefore(offset: number): Promise<void> {
    const startOffset = Math.min(offset, this.#highWatermark)
    if (startOffset <= this.#logStartOffset) return
    this.#nextLogStart = Math.max(this.#nextLogStart, startOffset)
    await this.#commit.saveCheckpoint()
    this.#raiseLogStart(startOffset)
    await this.upkeep.removeExpired(this.#host.clock.nowMs())
  }

  /** Removes the segments that have outlived retention.ms or retention.bytes. */
  async applyRetention(nowMs: number): Promise<void> {
    if (this.#offlineReason !== undefined) return
    this.#producers?.expire(nowMs - this.#config.producerIdExpirationMs)
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
    this.#leaderEpoch = Math.max(this.#leaderEpoch, epoch)
  }

  /**
   * Waits for what is under way, makes the files durable and closes them.
   * @param options.isGone the partition was deleted: nothing of it needs to be kept
   */
  async close({ isGone = false }: { isGone?: boolean } = {}): Promise<void> {
    await this.#hydrating
    await this.#order.idle()
    await this.upkeep.stop()
    if (this.#offlineReason === undefined) {
      // What fails here is told below, when everything else is closed.
      if (!isGone) await this.upkeep.finishSwaps().catch(() => undefined)
      if (isGone) await this.#commit.settle(this.#writer)
      else await this.#commit.flush(this.#writer)
      if (this.#producers !== undefined && !isGone) {
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

  get #firstOpenOffset(): number {
    if (this.#producers === undefined) return this.#notedOpenOffset
    return this.#producers.firstOpenOffset ?? -1
  }

  /** Takes the decision at once. */
  #judge(prepared: PreparedBatch | Refusal, request: AppendRequest): Promise<AppendOutcome> {
    if (isRefusal(prepared)) return Promise.resolve(prepared)
    const { release } = prepared
    const outcome = this.#judgeReady(prepared, request)
    return release === undefined ? outcome : outcome.finally(release)
  }

  #judgeReady({ bytes, header }: PreparedBatch, request: AppendRequest): Promise<AppendOutcome> {
    // It may have gone offline, or been closed, while the batch was got ready.
    if (this.#offlineReason !== undefined) {
      return Promise.resolve(storageError(this.#offlineReason))
    }
    const producerBefore = this.#producers?.get(header.producerId)
    if (header.producerId >= 0) {
      const decision = judgeProducer(producerBefore, { header, bytes }, request)
      if (decision.kind === 'refused') return Promise.resolve(decision)
      const isTaken = this.#commit.faults.duplicatesAppended === true
      if (decision.kind === 'duplicate' && !isTaken) {
        return this.#answerDuplicate(decision.original, request)
      }
    }
    const full = this.#refuseFull(request)
    if (full !== undefined) {
      this.#producers?.learnRefused(header, header.maxTimestamp)
      return full
    }
    const gate = this.#gate
    if (gate !== undefined && request.origin === 'client') {
      const judge = (place: AppendPlace) => gate.judge({ bytes, header }, place)
      return this.#acceptBuilt(judge, request, { header, bytes, producerBefore })
    }
    gate?.accepted(header, bytes, this.#logEndOffset)
    return this.#accept(bytes, header, request, producerBefore)
  }

  #refuseFull(request: AppendRequest): Promise<Refusal> | undefined {
    const isFull = this.#commit.isOutOfSpace && request.mayUseReserve !== true
    if (!isFull && !this.#writer.isStalled) return undefined
    return Promise.resolve(storageError(NO_SPACE))
  }

  /** @param sent the batch as its producer sent it; undefined when no producer did */
  #acceptBuilt(
    build: (place: AppendPlace) => GateVerdict,
    request: AppendRequest,
    sent:
      | { header: BatchHeader; bytes: Buffer; producerBefore: ProducerEntry | undefined }
      | undefined,
  ): Promise<AppendOutcome> {
    const nowMs = this.#host.clock.nowMs()
    const baseOffset = this.#logEndOffset
    const verdict = build({ baseOffset, nowMs })
    if (verdict.kind === 'refused') return Promise.resolve(verdict)
    if (verdict.kind === 'held') {
      return this.#answerOnceDurable(verdict.lastOffset, verdict.refusal, { ...request, acks: -1 })
    }
    if (verdict.kind === 'known') {
      // Its sequence is used up, whatever became of its records.
      if (sent !== undefined) this.#producers?.learn(sent.header, sent.bytes, verdict)
      return this.#answerDuplicate(verdict, request)
    }
    const { bytes, header } = verdict
    // What the broker itself adds is nothing that a producer could have kept below max.message.bytes.
    const { segmentBytes, maxMessageBytes } = this.#config
    const misfit = checkSize(bytes.length, {
      segmentBytes,
      maxMessageBytes: sent === undefined ? maxMessageBytes : Number.POSITIVE_INFINITY,
    })
    if (misfit !== undefined) {
      this.#gate?.refusedFrom(baseOffset)
      return Promise.resolve(misfit)
    }
    const producerBefore = sent?.producerBefore ?? this.#producers?.get(header.producerId)
    return this.#accept(bytes, header, request, producerBefore)
  }

  #accept(
    batch: Buffer,
    header: BatchHeader,
    { acks, timeoutMs }: AppendRequest,
    producerBefore: ProducerEntry | undefined,
  ): Promise<AppendOutcome> {
    const baseOffset = this.#logEndOffset
    const lastOffset = baseOffset + header.lastOffsetDelta
    const isStamped = this.#config.messageTimestampType === 'LogAppendTime'
    const maxTimestamp = isStamped ? this.#host.clock.nowMs() : header.maxTimestamp
    writeBaseOffset(batch, 0, baseOffset)
    writePartitionLeaderEpoch(batch, 0, this.#leaderEpoch)
    if (isStamped) writeLogAppendTime(batch, 0, maxTimestamp)

    const place = { baseOffset, timestamp: maxTimestamp }
    const completed = this.#producers?.learn(header, batch, place)
    if (completed !== undefined) this.#undurableEnds.push(completed)
    this.#epochs.note(this.#leaderEpoch, baseOffset)
    this.#logEndOffset = lastOffset + 1
    const { promise, resolve } = Promise.withResolvers<AppendOutcome>()
    const appended: Appended = {
      bytes: batch,
      baseOffset,
      lastOffset,
      maxTimestamp,
      acks,
      abortedTransaction: completed?.isAbort === true ? completed : undefined,
      outcome: {
        kind: 'appended',
        baseOffset,
        lastOffset,
        logAppendTimeMs: isStamped ? maxTimestamp : -1,
        logStartOffset: this.#logStartOffset,
      },
      resolve,
      deadlineMs: this.#deadline(timeoutMs),
      producerId: header.producerId,
      producerBefore,
      completed,
      isAnswered: false,
    }
    this.#waiting.add(appended)
    this.#commit.enqueue(this.#writer, appended)
    return promise
  }

  /** A resent batch is answered as the original was, and no earlier. */
  #answerDuplicate(
    original: Pick<RecentBatch, 'baseOffset' | 'lastOffset' | 'timestamp'>,
    request: AppendRequest,
  ): Promise<AppendOutcome> {
    const { baseOffset, lastOffset, timestamp } = original
    const isStamped = this.#config.messageTimestampType === 'LogAppendTime'
    const outcome: AppendOutcome = {
      kind: 'duplicate',
      baseOffset,
      lastOffset,
      logAppendTimeMs: isStamped ? timestamp : -1,
      logStartOffset: this.#logStartOffset,
    }
    return this.#answerOnceDurable(lastOffset, outcome, request)
  }

  #answerOnceDurable(
    lastOffset: number,
    outcome: AppendOutcome,
    request: AppendRequest,
  ): Promise<AppendOutcome> {
    const { acks } = request
    const covered = acks === -1 ? this.#highWatermark : this.#writer.acceptedEndOffset
    if (lastOffset < covered || this.#commit.faults.duplicateAcknowledgedEarly === true) {
      return Promise.resolve(outcome)
    }
    const { promise, resolve } = Promise.withResolvers<AppendOutcome>()
    const deadlineMs = this.#deadline(request.timeoutMs)
    this.#waiting.addDuplicate({ lastOffset, acks, outcome, resolve, deadlineMs })
    return promise
  }

  async #lookUp<T>(find: () => Promise<T>): Promise<T | 'offline'> {
    await this.#commit.settle(this.#writer)
    try {
      return await find()
    } catch (error) {
      if (isTooManyFiles(error)) return 'offline'
      if (!isBroken(error)) throw error
      this.#writer.fail(error)
      return 'offline'
    }
  }

  #deadline(timeoutMs: number | undefined): number {
    if (timeoutMs === undefined) return Number.POSITIVE_INFINITY
    return this.#host.clock.monotonicMs() + timeoutMs
  }

  #boundOf(upTo: ReadBound): number {
    if (upTo === 'highWatermark') return this.highWatermark
    return upTo === 'logEnd' ? this.#writer.acceptedEndOffset : this.lastStableOffset
  }

  /** What the last run left on disk for the first write: producers, the active segment's indexes. */
  #hydrate(): Promise<void> {
    this.#hydrating ??= hydrate(
      {
        segments: this.#segments,
        logStartOffset: this.#logStartOffset,
        endOffset: this.#logEndOffset,
      },
      {
        files: this.#files,
        timers: this.#host.timers,
        folder: this.#writer.folder.path,
        config: this.#config,
      },
    ).then(
      ({ producers, offlineReason }) => {
        this.#producers = producers
        if (offlineReason !== undefined) this.#writer.fail(offlineReason)
      },
      (error) => {
        // Whoever comes next tries again.
        if (isTooManyFiles(error)) this.#hydrating = undefined
        else this.#writer.fail(error)
      },
    )
    return this.#hydrating
  }

  #raiseLogStart(offset: number): void {
    if (offset <= this.#logStartOffset) return
    this.#logStartOffset = offset
    this.#epochs.truncateStart(offset)
    this.#advanced()
  }

  /** @returns false when it went offline meanwhile, or not all that is known is durable */
  async #coverStart(offset: number): Promise<boolean> {
    if (await this.#keeper.secureFrom(offset)) return true
    if (this.#producers === undefined) await this.#hydrate()
    if (this.#producers === undefined) return false
    if (this.#producers.size === 0) return true
    this.#keeper.capture(offset)
    await this.#commit.settle(this.#writer)
    await this.#keeper.writeCaptured()
    return await this.#keeper.secureFrom(offset)
  }

  #keptState(): KeptState {
    return {
      logStartOffset: Math.max(this.#logStartOffset, this.#nextLogStart),
      logEndOffset: this.#logEndOffset,
      firstOpenOffset: this.#firstOpenOffset,
      firstDirtyOffset: this.upkeep.firstDirtyOffset,
      epochs: this.#epochs,
      producers: this.#producers,
    }
  }

  #asUpkeepOwner(): UpkeepOwner {
    return {
      isOffline: () => this.#offlineReason !== undefined,
      config: () => this.#config,
      logStartOffset: () => this.#logStartOffset,
      highWatermark: () => this.#highWatermark,
      lastStableOffset: () => this.lastStableOffset,
      producers: async () => {
        if (this.#producers === undefined) await this.#hydrate()
        return this.#producers
      },
      raiseLogStart: (offset) => this.#raiseLogStart(offset),
      coverStart: (offset) => this.#commit.useReserve(() => this.#coverStart(offset)),
    }
  }

  #asOwner(): WriterOwner {
    return {
      config: () => this.#config,
      leaderEpoch: () => this.#leaderEpoch,
      nowMs: () => this.#host.clock.nowMs(),
      onAccepted: () => {
        this.#waiting.accepted(this.#ends())
        if (this.#commit.faults.unsyncedShown === true) this.#advanced()
      },
      onDurable: (endOffset) => this.#onDurable(endOffset),
      onRefused: (first, reason) => this.#onRefused(first, reason),
      onSealed: (segment) => this.#commit.sealed(segment, this.#writer),
      onOffline: (reason) => this.#goOffline(reason),
      onTick: (monotonicMs) => this.#waiting.expire(monotonicMs, TIMED_OUT),
    }
  }

  #ends(): Ends {
    return {
      acceptedEndOffset: this.#writer.acceptedEndOffset,
      durableEndOffset: this.#highWatermark,
    }
  }

  #onDurable(endOffset: number): void {
    this.#highWatermark = endOffset
    this.#waiting.durable(this.#ends())
    if (this.#undurableEnds.length > 0) {
      this.#undurableEnds = this.#undurableEnds.filter((ended) => ended.lastOffset >= endOffset)
    }
    this.#advanced()
  }

  /** No space, or files, from that append on: everything that these changed is put back, last first. */
  #onRefused(first: PendingAppend, reason: string): void {
    const undone = this.#waiting.takeFrom(first.baseOffset)
    for (const { producerId, producerBefore, completed } of undone) {
      if (producerId >= 0) this.#producers?.restore(producerId, producerBefore)
      this.#undurableEnds = this.#undurableEnds.filter((ended) => ended !== completed)
    }
    this.#epochs.truncateEnd(first.baseOffset)
    this.#gate?.refusedFrom(first.baseOffset)
    this.#logEndOffset = first.baseOffset
    this.#keeper.forgetFrom(first.baseOffset)
    this.#waiting.refuse(undone, storageError(reason))
  }

  #goOffline(reason: string): void {
    if (this.#offlineReason !== undefined) return
    this.#onOffline?.(reason)
    this.#refuseFromNowOn(reason)
  }

  #refuseFromNowOn(reason: string): void {
    if (this.#offlineReason !== undefined) return
    this.#offlineReason = reason
    this.#waiting.refuseAll(storageError(reason))
    this.#advanced()
  }

  #advanced(): void {
    for (const listener of this.#listeners) listener()
  }
}

/** Whether what was stored can no longer be had: it is damaged, or the disk fails to give it. */
function isBroken(error: unknown): boolean {
  return error instanceof LandedOnDamage || (error instanceof DiskError && error.code === 'io')
}

/** Planted. */
function withOpenTransactionsOnly(producers: ProducerTable | undefined): ProducerTable | undefined {
  const isOpen = (entry: ProducerEntry) => entry.currentTxnFirstOffset !== NO_OPEN_TRANSACTION
  return producers && new ProducerTable(producers.entries().filter(isOpen))
}
