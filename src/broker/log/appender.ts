// Appends of one partition: decides on each at once, in the order of arrival, gives it its offsets,
// leaves its bytes to the group commit, and answers when these are where the producer wants them.
// Invariant: nothing is awaited between a decision and its effect on the log end, the producers and the
// gate, so the next batch is judged by all before it. What the disk refuses is taken back from all three.

import {
  type BatchHeader,
  writeBaseOffset,
  writeLogAppendTime,
  writePartitionLeaderEpoch,
} from '../batch/header.ts'
import { type ErrorCode, isRetriable } from '../wire/error-codes.ts'
import type { AppendGate, AppendPlace, GateVerdict } from './append-gate.ts'
import { AppendOrder } from './append-order.ts'
import { type AppendOutcome, type Refusal, storageError, TIMED_OUT } from './append-outcome.ts'
import { type AppendOrigin, checkSize, isRefusal } from './check-batch.ts'
import type { GroupCommit, LogHost } from './group-commit.ts'
import { judgeProducer } from './judge-producer.ts'
import type { LogConfig } from './log-config.ts'
import type { LogOffsets } from './log-offsets.ts'
import type { LogProducers } from './log-producers.ts'
import { type LogWriter, NO_SPACE, TOO_MANY_FILES } from './log-writer.ts'
import { type PreparedBatch, type Preparing, prepareBatch } from './prepare-batch.ts'
import type { ProducerEntry, RecentBatch } from './producer-state.ts'
import { type Appended, type Ends, WaitingAppends } from './waiting-appends.ts'
import type { WorkBudget } from './work-budget.ts'

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

export interface AppenderOptions {
  readonly host: LogHost
  readonly commit: GroupCommit
  readonly writer: LogWriter
  readonly offsets: LogOffsets
  readonly producers: LogProducers
  readonly gate: AppendGate | undefined
  readonly work: WorkBudget
  readonly config: () => LogConfig
}

const UNREAD = storageError(TOO_MANY_FILES)
const UNTIL_DURABLE: AppendRequest = { acks: -1, origin: 'client' }

export class Appender {
  readonly #host: LogHost
  readonly #commit: GroupCommit
  readonly #writer: LogWriter
  readonly #offsets: LogOffsets
  readonly #producers: LogProducers
  readonly #gate: AppendGate | undefined
  readonly #config: () => LogConfig
  readonly #preparing: Preparing
  readonly #order = new AppendOrder()
  readonly #waiting = new WaitingAppends()
  /** What everybody is answered once the partition is offline or closed. */
  #end: Refusal | undefined

  constructor(options: AppenderOptions) {
    this.#host = options.host
    this.#commit = options.commit
    this.#writer = options.writer
    this.#offsets = options.offsets
    this.#producers = options.producers
    this.#gate = options.gate
    this.#config = options.config
    this.#preparing = { host: options.host, work: options.work }
  }

  /** One batch of a producer or of the broker, patched in place; its answer comes as `acks` wants it. */
  append(batch: Buffer, request: AppendRequest): Promise<AppendOutcome> {
    if (this.#end !== undefined) return Promise.resolve(this.#end)
    // Only the first append after a clean start; those that come meanwhile queue up behind it.
    if (this.#producers.table === undefined) {
      const append = () => this.append(batch, request)
      return this.#onceProducersKnown(append, () => this.#refuseUnread(batch, request))
    }
    if (this.#gate !== undefined && !this.#gate.isReady) {
      return this.#gate.ready().then(() => this.append(batch, request))
    }
    return this.#oncePrepared(batch, request, (ready) => this.#judge(ready, request))
  }

  /** What the gate's owner makes itself, at its turn. @param build decides before it returns */
  appendBuilt(
    build: (place: AppendPlace) => GateVerdict,
    request: AppendRequest,
  ): Promise<AppendOutcome> {
    if (this.#end !== undefined) return Promise.resolve(this.#end)
    if (this.#producers.table === undefined) {
      const append = () => this.appendBuilt(build, request)
      return this.#onceProducersKnown(append, () => Promise.resolve(UNREAD))
    }
    const decide = () => {
      if (this.#end !== undefined) return Promise.resolve(this.#end)
      const full = this.#refuseFull(request)
      return full ? Promise.resolve(full) : this.#acceptBuilt(build, request, undefined)
    }
    return this.#order.isEmpty ? decide() : this.#order.join(undefined, decide)
  }

  /** Once everything up to an offset, inclusive, is durable; or why it never will be. */
  onceDurable(lastOffset: number): Promise<AppendOutcome> {
    const { logStartOffset, highWatermark } = this.#offsets
    if (this.#end !== undefined && lastOffset >= highWatermark) return Promise.resolve(this.#end)
    const offsets = { baseOffset: lastOffset, lastOffset, logStartOffset }
    const outcome = { kind: 'appended', logAppendTimeMs: -1, ...offsets } as const
    return this.#answerOnceDurable(lastOffset, outcome, UNTIL_DURABLE)
  }

  /** Resolves when all that have come are decided. */
  idle(): Promise<void> {
    return this.#order.idle()
  }

  /** The writer has handed more to the operating system. */
  accepted(): void {
    this.#waiting.accepted(this.#ends())
  }

  /** The high watermark has gone up. */
  durable(): void {
    this.#waiting.durable(this.#ends())
  }

  /** Whoever is overdue hears so; the batches stay. */
  expire(monotonicMs: number): void {
    this.#waiting.expire(monotonicMs, TIMED_OUT)
  }

  /** No space, or files, from that offset on: everything that was changed is put back, last first. */
  takeBackFrom(baseOffset: number, reason: string): void {
    const undone = this.#waiting.takeFrom(baseOffset)
    for (const appended of undone) this.#producers.takeBack(appended)
    this.#gate?.refusedFrom(baseOffset)
    this.#offsets.takeBack(baseOffset)
    this.#waiting.refuse(undone, storageError(reason))
  }

  /** Whoever waits hears the reason, and whoever comes. */
  refuseFromNowOn(reason: string): void {
    this.#end = storageError(reason)
    this.#waiting.refuseAll(this.#end)
  }

  #onceProducersKnown(
    append: () => Promise<AppendOutcome>,
    refuseUnread: () => Promise<AppendOutcome>,
  ): Promise<AppendOutcome> {
    return this.#producers.load().then(() => {
      const isUnread = this.#producers.table === undefined && this.#end === undefined
      return isUnread ? refuseUnread() : append()
    })
  }

  /** Nothing can be judged by what its producer did before; that it was refused is remembered. */
  #refuseUnread(batch: Buffer, request: AppendRequest): Promise<AppendOutcome> {
    return this.#oncePrepared(batch, request, async (prepared) => {
      if (isRefusal(prepared)) return prepared
      prepared.release?.()
      return this.#refuseForNow(prepared.header, request, UNREAD)
    })
  }

  /** @param decide takes its decision before it returns, in the order in which batches came */
  #oncePrepared(
    batch: Buffer,
    { origin }: AppendRequest,
    decide: (prepared: PreparedBatch | Refusal) => Promise<AppendOutcome>,
  ): Promise<AppendOutcome> {
    const check = {
      config: this.#config(),
      origin,
      nowMs: this.#host.clock.nowMs(),
      ignoreCrc: this.#commit.faults.ignoreCrc === true,
    }
    const prepared = prepareBatch(batch, check, this.#preparing)
    if (prepared instanceof Promise || !this.#order.isEmpty) {
      return this.#order.join(prepared, decide)
    }
    return decide(prepared)
  }

  /**
   * A batch that may come again. Of a producer that nobody knew it must be the next one: the batch that
   * it sent behind this one would pass for its first.
   */
  #refuseForNow(header: BatchHeader, { origin }: AppendRequest, refusal: Refusal): Refusal {
    if (origin === 'client' && isRetriable(refusal.errorCode)) {
      this.#producers.learnRefused(header, header.maxTimestamp)
    }
    return refusal
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
    if (this.#end !== undefined) return Promise.resolve(this.#end)
    const producerBefore = this.#producers.table?.get(header.producerId)
    if (header.producerId >= 0) {
      const decision = judgeProducer(producerBefore, { header, bytes }, request)
      if (decision.kind === 'refused') {
        return Promise.resolve(this.#refuseForNow(header, request, decision))
      }
      const isTaken = this.#commit.faults.duplicatesAppended === true
      if (decision.kind === 'duplicate' && !isTaken) {
        return this.#answerDuplicate(decision.original, request)
      }
    }
    const full = this.#refuseFull(request)
    if (full !== undefined) return Promise.resolve(this.#refuseForNow(header, request, full))
    const gate = this.#gate
    if (gate !== undefined && request.origin === 'client') {
      const judge = (place: AppendPlace) => gate.judge({ bytes, header }, place)
      return this.#acceptBuilt(judge, request, { header, bytes, producerBefore })
    }
    gate?.accepted(header, bytes, this.#offsets.logEndOffset)
    return this.#accept(bytes, header, request, producerBefore)
  }

  #refuseFull(request: AppendRequest): Refusal | undefined {
    const isFull = this.#commit.isOutOfSpace && request.mayUseReserve !== true
    return isFull || this.#writer.isStalled ? storageError(NO_SPACE) : undefined
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
    const baseOffset = this.#offsets.logEndOffset
    const verdict = build({ baseOffset, nowMs })
    if (verdict.kind === 'refused') {
      return Promise.resolve(sent ? this.#refuseForNow(sent.header, request, verdict) : verdict)
    }
    if (verdict.kind === 'held') {
      return this.#answerOnceDurable(verdict.lastOffset, verdict.refusal, { ...request, acks: -1 })
    }
    if (verdict.kind === 'known') {
      // Its sequence is used up, whatever became of its records.
      if (sent !== undefined) this.#producers.learn(sent.header, sent.bytes, verdict)
      return this.#answerDuplicate(verdict, request)
    }
    const { bytes, header } = verdict
    // What the broker itself adds is nothing that a producer could have kept below max.message.bytes.
    const { segmentBytes, maxMessageBytes } = this.#config()
    const misfit = checkSize(bytes.length, {
      segmentBytes,
      maxMessageBytes: sent === undefined ? maxMessageBytes : Number.POSITIVE_INFINITY,
    })
    if (misfit !== undefined) {
      this.#gate?.refusedFrom(baseOffset)
      return Promise.resolve(misfit)
    }
    const producerBefore = sent?.producerBefore ?? this.#producers.table?.get(header.producerId)
    return this.#accept(bytes, header, request, producerBefore)
  }

  #accept(
    batch: Buffer,
    header: BatchHeader,
    { acks, timeoutMs }: AppendRequest,
    producerBefore: ProducerEntry | undefined,
  ): Promise<AppendOutcome> {
    const { leaderEpoch, logStartOffset, logEndOffset: baseOffset } = this.#offsets
    const lastOffset = baseOffset + header.lastOffsetDelta
    const isStamped = this.#config().messageTimestampType === 'LogAppendTime'
    const maxTimestamp = isStamped ? this.#host.clock.nowMs() : header.maxTimestamp
    writeBaseOffset(batch, 0, baseOffset)
    writePartitionLeaderEpoch(batch, 0, leaderEpoch)
    if (isStamped) writeLogAppendTime(batch, 0, maxTimestamp)

    const place = { baseOffset, timestamp: maxTimestamp }
    const completed = this.#producers.learn(header, batch, place)
    this.#offsets.append(lastOffset)
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
        logStartOffset,
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
    const isStamped = this.#config().messageTimestampType === 'LogAppendTime'
    const outcome: AppendOutcome = {
      kind: 'duplicate',
      baseOffset,
      lastOffset,
      logAppendTimeMs: isStamped ? timestamp : -1,
      logStartOffset: this.#offsets.logStartOffset,
    }
    return this.#answerOnceDurable(lastOffset, outcome, request)
  }

  #answerOnceDurable(
    lastOffset: number,
    outcome: AppendOutcome,
    request: AppendRequest,
  ): Promise<AppendOutcome> {
    const { acks } = request
    const covered = acks === -1 ? this.#offsets.highWatermark : this.#writer.acceptedEndOffset
    if (lastOffset < covered || this.#commit.faults.duplicateAcknowledgedEarly === true) {
      return Promise.resolve(outcome)
    }
    const { promise, resolve } = Promise.withResolvers<AppendOutcome>()
    const deadlineMs = this.#deadline(request.timeoutMs)
    this.#waiting.addDuplicate({ lastOffset, acks, outcome, resolve, deadlineMs })
    return promise
  }

  #deadline(timeoutMs: number | undefined): number {
    if (timeoutMs === undefined) return Number.POSITIVE_INFINITY
    return this.#host.clock.monotonicMs() + timeoutMs
  }

  #ends(): Ends {
    return {
      acceptedEndOffset: this.#writer.acceptedEndOffset,
      durableEndOffset: this.#offsets.highWatermark,
    }
  }
}
