// One partition: the order of its records and what may be read of it. Decides every append at once,
// in the order of arrival, and leaves the bytes to the group commit.
// Invariant: logStartOffset <= lastStableOffset <= highWatermark <= logEndOffset. The high watermark
// is the end of what is durable; nobody reads beyond it who could be told otherwise after a crash.
// A partition whose disk failed or whose data is damaged is offline: it refuses, it never guesses.

import type { Host } from '../../host/host.ts'
import { readControlMarker } from '../batch/control-marker.ts'
import {
  type BatchHeader,
  writeBaseOffset,
  writeLogAppendTime,
  writePartitionLeaderEpoch,
} from '../batch/header.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { type AppendOrigin, checkBatch, isRefusal, type Refusal } from './check-batch.ts'
import type { FileCache } from './file-cache.ts'
import type { GroupCommit } from './group-commit.ts'
import type { EpochEnd, LeaderEpochs } from './leader-epochs.ts'
import type { LogConfig } from './log-config.ts'
import { LogReader, NO_BYTES } from './log-reader.ts'
import { LogWriter, type PendingAppend, type WriterOwner } from './log-writer.ts'
import { PartitionFolder } from './partition-folder.ts'
import { decideSequence, type ProducerEntry, type RecentBatch } from './producer-state.ts'
import type { CompletedTransaction, ProducerTable } from './producer-table.ts'
import { type RecoveredLog, recoverLog } from './recovery.ts'
import type { Segment } from './segment.ts'

export interface PartitionLogOptions {
  readonly host: Host
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
  readonly wasCleanStop: boolean
}

export interface AppendRequest {
  readonly acks: -1 | 0 | 1
  readonly origin: AppendOrigin
  /** After so long without a sync the answer is REQUEST_TIMED_OUT; the batch stays. */
  readonly timeoutMs?: number
}

export type AppendOutcome =
  | {
      readonly kind: 'appended' | 'duplicate'
      readonly baseOffset: number
      /** Inclusive. */
      readonly lastOffset: number
      /** -1 unless the topic stamps batches. */
      readonly logAppendTimeMs: number
      readonly logStartOffset: number
    }
  | Refusal

/** How far a reader may see; `logEnd` includes what a power cut could take back. */
export type ReadBound = 'highWatermark' | 'lastStableOffset' | 'logEnd'

export interface ReadRequest {
  readonly fromOffset: number
  readonly maxBytes: number
  readonly upTo: ReadBound
  /** Returns the first batch even when it is larger than `maxBytes` (KIP-74). */
  readonly atLeastOneBatch: boolean
}

export type ReadOutcome =
  | {
      readonly kind: 'records'
      /** Whole batches as stored, the first one contains `fromOffset`; empty at the bound. */
      readonly bytes: Buffer
      /** In offset order; only when reading up to the last stable offset. */
      readonly abortedTransactions: readonly { producerId: number; firstOffset: number }[]
    }
  | { readonly kind: 'out-of-range' }
  | { readonly kind: 'offline' }

/** An append that was decided and not answered yet. */
interface Appended extends PendingAppend {
  readonly outcome: AppendOutcome
  readonly resolve: (outcome: AppendOutcome) => void
  readonly deadlineMs: number
  readonly producerId: number
  /** What was known of the producer before: put back when the write fails. */
  readonly producerBefore: ProducerEntry | undefined
  readonly completed: CompletedTransaction | undefined
  isSettled: boolean
}

/** A resent batch that waits for its original. */
interface WaitingDuplicate {
  readonly lastOffset: number
  readonly acks: -1 | 0 | 1
  readonly outcome: AppendOutcome
  readonly resolve: (outcome: AppendOutcome) => void
  readonly deadlineMs: number
}

const NO_OFFSETS: readonly never[] = []

export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly topicId: string
  readonly #host: Host
  readonly #commit: GroupCommit
  readonly #writer: LogWriter
  readonly #reader: LogReader
  readonly #producers: ProducerTable
  readonly #epochs: LeaderEpochs
  #config: LogConfig
  #leaderEpoch: number
  #logStartOffset: number
  #highWatermark: number
  #logEndOffset: number
  #offlineReason: string | undefined
  readonly #appended: Appended[] = []
  #duplicates: WaitingDuplicate[] = []
  /** Ended transactions whose marker is not durable: they still hold back the last stable offset. */
  #undurableEnds: CompletedTransaction[] = []
  readonly #listeners = new Set<() => void>()

  static async open(options: PartitionLogOptions): Promise<PartitionLog> {
    const { host, files, commit, folder, config, topicId, partition } = options
    const recovered = await recoverLog({
      files,
      timers: host.timers,
      nowMs: host.clock.nowMs(),
      folder,
      config,
      logStartOffset: 0,
      replay: commit.replayOf(topicId, partition),
      ...(commit.faults.ignoreCrc === true ? { ignoreCrc: true } : {}),
    })
    return new PartitionLog(options, recovered)
  }

  private constructor(options: PartitionLogOptions, recovered: RecoveredLog) {
    this.topic = options.topic
    this.partition = options.partition
    this.topicId = options.topicId
    this.#host = options.host
    this.#commit = options.commit
    this.#config = options.config
    this.#producers = recovered.producers
    this.#epochs = recovered.epochs
    this.#logStartOffset = recovered.logStartOffset
    this.#logEndOffset = recovered.endOffset
    this.#highWatermark = recovered.endOffset
    this.#offlineReason = recovered.offlineReason
    const ownEpoch = this.#epochs.last?.epoch ?? -1
    const least = options.wasCleanStop || ownEpoch < 0 ? ownEpoch : ownEpoch + 1
    this.#leaderEpoch = Math.max(options.leaderEpoch, least)
    const folder = new PartitionFolder({
      disk: options.files.disk,
      path: options.folder,
      topicId: options.topicId,
    })
    if (recovered.folderExists) folder.found()
    this.#writer = new LogWriter({
      topicId: options.topicId,
      partition: options.partition,
      folder,
      files: options.files,
      segments: recovered.segments,
      owner: this.#asOwner(),
      endOffset: recovered.endOffset,
    })
    this.#reader = new LogReader(recovered.segments)
    this.#commit.noteRecovered(this.#writer)
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
    return this.#highWatermark
  }

  /** Exclusive: everything below belongs to no transaction or to one that has ended. */
  get lastStableOffset(): number {
    let offset = this.#highWatermark
    const open = this.#producers.firstOpenOffset
    if (open !== undefined && open < offset) offset = open
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
   * untouched until the promise settles. The decision is taken before this returns, so calls keep
   * their order. acks=-1 settles when the batch is durable, 0 and 1 when it is written.
   */
  append(batch: Buffer, request: AppendRequest): Promise<AppendOutcome> {
    if (this.#offlineReason !== undefined || this.#writer.isStalled) {
      return Promise.resolve(storageError(this.#offlineReason ?? 'no space left on the disk'))
    }
    const nowMs = this.#host.clock.nowMs()
    const { faults } = this.#commit
    const checked = checkBatch(batch, {
      config: this.#config,
      origin: request.origin,
      nowMs,
      ...(faults.ignoreCrc === true ? { ignoreCrc: true } : {}),
    })
    if (isRefusal(checked)) return Promise.resolve(checked)
    if (checked.producerId >= 0 && request.origin === 'client') {
      const decision = decideSequence(this.#producers.get(checked.producerId), checked)
      if (decision.kind === 'refused') return Promise.resolve(decision)
      if (decision.kind === 'duplicate') return this.#answerDuplicate(decision.original, request)
    }
    return this.#accept(batch, checked, request, nowMs)
  }

  /** Synchronous when the bytes were written recently. Damage found on the way puts it offline. */
  read(request: ReadRequest): ReadOutcome | Promise<ReadOutcome> {
    if (this.#offlineReason !== undefined) return { kind: 'offline' }
    const { fromOffset } = request
    if (fromOffset < this.#logStartOffset || fromOffset > this.#logEndOffset) {
      return { kind: 'out-of-range' }
    }
    const endOffset = this.#boundOf(request.upTo)
    const end = request.upTo === 'logEnd' ? this.#writer.writtenEnd : this.#writer.durableEnd
    if (end === undefined || fromOffset >= endOffset) return records(NO_BYTES)
    try {
      const bytes = this.#reader.read({ ...request, endOffset, end })
      if (bytes instanceof Promise) {
        return bytes.then(
          (read) => this.#toOutcome(read, request),
          (error) => this.#readFailed(error),
        )
      }
      return this.#toOutcome(bytes, request)
    } catch (error) {
      return this.#readFailed(error)
    }
  }

  /** How much a read from there would find, at least nearly: costs no I/O. */
  readableBytes(fromOffset: number, upTo: ReadBound): number {
    const endOffset = this.#boundOf(upTo)
    const end = this.#writer.durableEnd
    if (fromOffset >= endOffset || end === undefined) {
      // Whoever waits at the end reads on from there.
      if (end !== undefined && fromOffset === this.#highWatermark) {
        this.#reader.remember(fromOffset, end)
      }
      return 0
    }
    const found = this.#reader.placeOf(fromOffset)
    return found === undefined ? 0 : this.#reader.bytesBetween(found.place, end)
  }

  /** Calls when more can be read, the log start moved, or the partition went offline. */
  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => {
      this.#listeners.delete(listener)
    }
  }

  /** @returns undefined when the log knows nothing of that epoch */
  endOffsetForEpoch(epoch: number): EpochEnd | undefined {
    return this.#epochs.endOffsetFor(epoch, this.#logEndOffset)
  }

  /** The leader epoch that wrote an offset; undefined when nothing is there. */
  epochOf(offset: number): number | undefined {
    return this.#epochs.epochOf(offset)
  }

  updateConfig(config: LogConfig): void {
    this.#config = config
  }

  setLeaderEpoch(epoch: number): void {
    this.#leaderEpoch = Math.max(this.#leaderEpoch, epoch)
  }

  /** Waits for what is under way, makes the files durable and closes them. */
  async close(): Promise<void> {
    await this.#commit.flush(this.#writer)
    this.#commit.forget(this.#writer)
    this.#goOffline('closed')
    for (const segment of this.#segments) await segment.file.close()
  }

  get #segments(): Segment[] {
    return this.#writer.segments
  }

  #accept(
    batch: Buffer,
    header: BatchHeader,
    request: AppendRequest,
    nowMs: number,
  ): Promise<AppendOutcome> {
    const baseOffset = this.#logEndOffset
    const lastOffset = baseOffset + header.lastOffsetDelta
    writeBaseOffset(batch, 0, baseOffset)
    writePartitionLeaderEpoch(batch, 0, this.#leaderEpoch)
    const isStamped = this.#config.messageTimestampType === 'LogAppendTime'
    if (isStamped) writeLogAppendTime(batch, 0, nowMs)
    const maxTimestamp = isStamped ? nowMs : header.maxTimestamp

    const producerBefore = this.#producers.get(header.producerId)
    const completed = this.#learn(batch, header, { baseOffset, timestamp: maxTimestamp })
    this.#epochs.note(this.#leaderEpoch, baseOffset)
    this.#logEndOffset = lastOffset + 1
    const { promise, resolve } = Promise.withResolvers<AppendOutcome>()
    const appended: Appended = {
      bytes: batch,
      baseOffset,
      lastOffset,
      maxTimestamp,
      acks: request.acks,
      abortedTransaction: completed?.isAbort === true ? completed : undefined,
      outcome: {
        kind: 'appended',
        baseOffset,
        lastOffset,
        logAppendTimeMs: isStamped ? nowMs : -1,
        logStartOffset: this.#logStartOffset,
      },
      resolve,
      deadlineMs: this.#deadline(request.timeoutMs),
      producerId: header.producerId,
      producerBefore,
      completed,
      isSettled: false,
    }
    this.#appended.push(appended)
    this.#commit.enqueue(this.#writer, appended)
    return promise
  }

  /** What the batch does to its producer's state. @returns the transaction that it ends */
  #learn(
    batch: Buffer,
    header: BatchHeader,
    place: { baseOffset: number; timestamp: number },
  ): CompletedTransaction | undefined {
    if (header.producerId < 0) return undefined
    if (!header.isControlBatch) {
      this.#producers.applyBatch(header, place)
      return undefined
    }
    const { kind, coordinatorEpoch } = readControlMarker(batch)
    if (kind === 'other') return undefined
    const { producerId, producerEpoch } = header
    const { baseOffset: offset, timestamp } = place
    const isAbort = kind === 'abort'
    const marker = { producerId, producerEpoch, coordinatorEpoch, isAbort, offset, timestamp }
    const completed = this.#producers.applyMarker(marker)
    if (completed !== undefined) this.#undurableEnds.push(completed)
    return completed
  }

  /** A resent batch is answered as the original was, and no earlier. */
  #answerDuplicate(original: RecentBatch, request: AppendRequest): Promise<AppendOutcome> {
    const { baseOffset, lastOffset, timestamp } = original
    const isStamped = this.#config.messageTimestampType === 'LogAppendTime'
    const outcome: AppendOutcome = {
      kind: 'duplicate',
      baseOffset,
      lastOffset,
      logAppendTimeMs: isStamped ? timestamp : -1,
      logStartOffset: this.#logStartOffset,
    }
    const { acks } = request
    const isCovered = lastOffset < this.#coveredFor(acks)
    if (isCovered || this.#commit.faults.duplicateAcknowledgedEarly === true) {
      return Promise.resolve(outcome)
    }
    const { promise, resolve } = Promise.withResolvers<AppendOutcome>()
    const deadlineMs = this.#deadline(request.timeoutMs)
    this.#duplicates.push({ lastOffset, acks, outcome, resolve, deadlineMs })
    return promise
  }

  #coveredFor(acks: -1 | 0 | 1): number {
    return acks === -1 ? this.#highWatermark : this.#writer.writtenEndOffset
  }

  #deadline(timeoutMs: number | undefined): number {
    if (timeoutMs === undefined) return Number.POSITIVE_INFINITY
    return this.#host.clock.monotonicMs() + timeoutMs
  }

  #boundOf(upTo: ReadBound): number {
    if (upTo === 'highWatermark') return this.#highWatermark
    return upTo === 'logEnd' ? this.#writer.writtenEndOffset : this.lastStableOffset
  }

  #toOutcome(bytes: Buffer, { upTo, fromOffset }: ReadRequest): ReadOutcome {
    void fromOffset
    void upTo
    return records(bytes)
  }

  #readFailed(error: unknown): ReadOutcome {
    this.#writer.fail(error)
    return { kind: 'offline' }
  }

  #asOwner(): WriterOwner {
    const log = this
    return {
      get config() {
        return log.#config
      },
      get leaderEpoch() {
        return log.#leaderEpoch
      },
      nowMs: () => this.#host.clock.nowMs(),
      onWritten: (append) => this.#onWritten(append),
      onDurable: (endOffset) => this.#onDurable(endOffset),
      onRefused: (appends) => this.#onRefused(appends),
      onSealed: () => undefined,
      onOffline: (reason) => this.#goOffline(reason),
      onTick: (monotonicMs) => this.#onTick(monotonicMs),
    }
  }

  #onWritten({ acks, baseOffset }: PendingAppend): void {
    if (acks === -1) return
    const appended = this.#appended.find((waiting) => waiting.baseOffset === baseOffset)
    if (appended !== undefined) settle(appended, appended.outcome)
    this.#settleDuplicates()
  }

  #onDurable(endOffset: number): void {
    this.#highWatermark = endOffset
    let count = 0
    while (count < this.#appended.length && this.#appended[count]!.lastOffset < endOffset) {
      const appended = this.#appended[count]!
      settle(appended, appended.outcome)
      count += 1
    }
    this.#appended.splice(0, count)
    if (this.#undurableEnds.length > 0) {
      this.#undurableEnds = this.#undurableEnds.filter((ended) => ended.lastOffset >= endOffset)
    }
    this.#settleDuplicates()
    this.#advanced()
  }

  #settleDuplicates(): void {
    if (this.#duplicates.length === 0) return
    this.#duplicates = this.#duplicates.filter((duplicate) => {
      if (duplicate.lastOffset >= this.#coveredFor(duplicate.acks)) return true
      duplicate.resolve(duplicate.outcome)
      return false
    })
  }

  /** These were not written: everything they changed is put back, last first. */
  #onRefused(appends: readonly PendingAppend[]): void {
    const first = appends[0]
    if (first === undefined) return
    const from = this.#appended.findIndex((waiting) => waiting.baseOffset === first.baseOffset)
    const undone = this.#appended.splice(from)
    for (const appended of undone.toReversed()) {
      if (appended.producerId >= 0) {
        this.#producers.restore(appended.producerId, appended.producerBefore)
      }
    }
    const ended = new Set(undone.map((appended) => appended.completed))
    this.#undurableEnds = this.#undurableEnds.filter((completed) => !ended.has(completed))
    this.#epochs.truncateEnd(first.baseOffset)
    this.#logEndOffset = first.baseOffset
    const refusal = storageError('no space left on the disk')
    for (const appended of undone) settle(appended, refusal)
    this.#duplicates = this.#duplicates.filter((duplicate) => {
      if (duplicate.lastOffset < first.baseOffset) return true
      duplicate.resolve(refusal)
      return false
    })
  }

  #onTick(monotonicMs: number): void {
    for (const appended of this.#appended) {
      if (appended.deadlineMs <= monotonicMs) settle(appended, TIMED_OUT)
    }
    this.#duplicates = this.#duplicates.filter((duplicate) => {
      if (duplicate.deadlineMs > monotonicMs) return true
      duplicate.resolve(TIMED_OUT)
      return false
    })
  }

  #goOffline(reason: string): void {
    if (this.#offlineReason !== undefined) return
    this.#offlineReason = reason
    const refusal = storageError(reason)
    for (const appended of this.#appended.splice(0)) settle(appended, refusal)
    for (const duplicate of this.#duplicates.splice(0)) duplicate.resolve(refusal)
    this.#advanced()
  }

  #advanced(): void {
    for (const listener of this.#listeners) listener()
  }
}

const TIMED_OUT: Refusal = {
  kind: 'refused',
  errorCode: ErrorCode.REQUEST_TIMED_OUT,
  message: 'The batch was written, but its sync has not ended in time.',
}

function settle(appended: Appended, outcome: AppendOutcome): void {
  if (appended.isSettled) return
  appended.isSettled = true
  appended.resolve(outcome)
}

function storageError(message: string): Refusal {
  return { kind: 'refused', errorCode: ErrorCode.KAFKA_STORAGE_ERROR, message }
}

function records(bytes: Buffer): ReadOutcome {
  return { kind: 'records', bytes, abortedTransactions: NO_OFFSETS }
}
