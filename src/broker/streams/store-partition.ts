// One partition of a store: stands behind its log as the gate, and keeps the stream index in step.
// Invariant: the index has learnt exactly what is in the log, in its order, whenever `isReady`; while
// it learns, appends wait. What the log takes back, the index takes back.

import { DiskError } from '../../host/disk.ts'
import { readControlMarker } from '../batch/control-marker.ts'
import type { BatchHeader } from '../batch/header.ts'
import { partitionOfKey } from '../batch/murmur2.ts'
import { MAX_DECOMPRESSED_BYTES, recordBytes } from '../batch/records.ts'
import type { AppendGate, AppendPlace, GateVerdict } from '../log/append-gate.ts'
import { type Refusal, refuse } from '../log/append-outcome.ts'
import { isRefusal, unreadable } from '../log/check-batch.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { PreparedBatch } from '../log/prepare-batch.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { AppendQueue, lastOffsetOf, STILL_LEARNING } from './append-queue.ts'
import type { AtMost } from './at-most.ts'
import { type AppendDecision, decideAppend, type WantedRecord } from './decide-append.ts'
import { encodeVersions } from './encode-versions.ts'
import type { StoreOutcome } from './event-store.ts'
import type { IndexFiles } from './index-files.ts'
import { BatchLearner } from './learn-batch.ts'
import { readWanted } from './read-wanted.ts'
import { ReplayFailed, replayLog } from './replay-log.ts'
import type { StoreAppend } from './store-append.ts'
import type { StreamIndex } from './stream-index.ts'
import { explainStreamRefusal, type StreamRefusal } from './stream-refusal.ts'

/** What one batch may hold in a store: it is decided on and written anew within one turn. */
const MAX_RECORDS = 20_000
const MAX_RECORD_BYTES = 4 * 1024 * 1024
const MAX_COMPRESSED_RECORD_BYTES = 1024 * 1024
/** Taken back only from the end; what is durable is forgotten now and then. */
const UNDO_PER_LOOK = 1024
/** So many records later the index is saved again. */
const RECORDS_PER_CHECKPOINT = 500_000

export interface StorePartitionOptions {
  readonly partitionCount: number
  readonly files: IndexFiles
  readonly learning: AtMost
  /** It could not be learnt: appends are refused, the log can be read. */
  readonly onFailed: (reason: unknown) => void
  readonly onReplayed: (facts: { records: number; ms: number; fromCheckpoint: boolean }) => void
}

export class StorePartition implements AppendGate {
  readonly #options: StorePartitionOptions
  readonly #queue: AppendQueue
  #log: PartitionLog | undefined
  #index: StreamIndex
  #ready: Promise<void> | undefined
  #failure: unknown
  isReady = false
  #lastMarkerOffset = -1
  #savedCount = 0
  #saving: Promise<void> | undefined
  #isClosed = false

  constructor(options: StorePartitionOptions) {
    this.#options = options
    this.#index = options.files.emptyIndex()
    this.#queue = new AppendQueue(this, options.files.host)
  }

  get index(): StreamIndex {
    return this.#index
  }

  get log(): PartitionLog {
    if (this.#log === undefined) throw new Error('the partition has no log yet')
    return this.#log
  }

  /** Why its index could not be learnt. */
  get failure(): unknown {
    return this.#failure
  }

  get unlearnt(): string {
    return `The stream index of ${this.log.topic}-${this.log.partition} could not be learnt from its log.`
  }

  /** A stream as it may be read now: committed and durable. */
  headOf(stream: string): ReturnType<StreamIndex['headBelow']> {
    const name = Buffer.from(stream)
    const slot = this.#index.streams.find(name, 0, name.length)
    return this.#index.headBelow(slot, this.log.highWatermark)
  }

  begin(log: PartitionLog): void {
    this.#log = log
    if (log.logEndOffset === log.logStartOffset && log.logEndOffset === 0) this.isReady = true
    else this.#ready = this.#learnAtTurn()
  }

  async ready(): Promise<void> {
    await this.#ready
  }

  /** From code in this process. */
  append(append: StoreAppend): Promise<StoreOutcome> {
    this.#queue.add(append)
    return append.outcome
  }

  judge({ bytes, header }: PreparedBatch, place: AppendPlace): GateVerdict {
    if (this.#failure !== undefined) return this.#refuseUnlearnt()
    if (!this.isReady) return refuse(ErrorCode.NOT_ENOUGH_REPLICAS, STILL_LEARNING)
    let records: Buffer
    try {
      const tooMuch = explainTooMuch(bytes, header)
      if (tooMuch !== undefined) return refuse(ErrorCode.MESSAGE_TOO_LARGE, tooMuch)
      const isPlain = header.compression === 'none'
      records = recordBytes(bytes, isPlain ? MAX_DECOMPRESSED_BYTES : MAX_COMPRESSED_RECORD_BYTES)
      const wanted = readWanted(records, header.recordCount)
      if (isRefusal(wanted)) return wanted
      const elsewhere = this.#findElsewhere(wanted)
      if (elsewhere !== undefined) return elsewhere
      const producerId = header.isTransactional ? header.producerId : -1
      const decision = this.decide(wanted, producerId, place)
      if (decision.kind === 'append') {
        return { kind: 'append', ...encodeVersions(bytes, header, records, decision.versions) }
      }
      if (decision.kind !== 'duplicate') return this.#toRefusal(decision, place)
      if (header.isTransactional) return refuse(ErrorCode.INVALID_RECORD, KNOWN_IN_TRANSACTION)
      return knownFrom(decision.events, place.nowMs)
    } catch (error) {
      return unreadable(error)
    }
  }

  /** Decides on records whose append follows at once. */
  decide(
    wanted: Parameters<typeof decideAppend>[1],
    producerId: number,
    { baseOffset, nowMs }: AppendPlace,
    checks: Parameters<typeof decideAppend>[2]['checks'] = [],
  ): AppendDecision {
    const index = this.#index
    if (index.undoCount > UNDO_PER_LOOK) index.forgetUndo(this.log.highWatermark)
    const sinceMs = nowMs - this.log.config.dedupeWindowMs
    const windowOffset = index.offsetSince(sinceMs)
    const decision = decideAppend(index, wanted, { baseOffset, producerId, windowOffset, checks })
    if (decision.kind === 'append' && wanted.length > 0) {
      index.noteTime(nowMs, baseOffset)
      if (index.minutes.length > MOST_MINUTES) index.forgetTimesBefore(sinceMs)
      if (index.learntCount - this.#savedCount > RECORDS_PER_CHECKPOINT) this.#saveSoon()
    }
    return decision
  }

  accepted(header: BatchHeader, bytes: Buffer, baseOffset: number): void {
    if (header.isControlBatch) {
      const { kind } = readControlMarker(bytes)
      if (kind === 'other') return
      this.#lastMarkerOffset = baseOffset
      this.#index.end(header.producerId, kind === 'abort')
    } else new BatchLearner(this.#index).learn(bytes, 0, { baseOffset, isKept: false })
  }

  refusedFrom(offset: number): void {
    // The end of a transaction cannot be taken back: everything is learnt again.
    if (this.#lastMarkerOffset >= offset) {
      this.isReady = false
      this.#index = this.#options.files.emptyIndex()
      this.#lastMarkerOffset = -1
      this.#ready = this.#learnAtTurn()
    } else this.#index.undoFrom(offset)
  }

  /** Saves the index, unless it is of no use or was saved just now. */
  async save(): Promise<void> {
    await this.#saving
    if (!this.isReady || this.#failure !== undefined || this.#log === undefined) return
    const { highWatermark, logEndOffset } = this.#log
    if (this.#index.hasOpenTransaction || logEndOffset === 0) return
    const endOffset = Math.min(highWatermark, logEndOffset)
    this.#savedCount = this.#index.learntCount
    await this.#options.files.save(this.#index, this.#log, endOffset)
  }

  /** Before its log closes. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#ready
    await this.#saving
    if (this.#index.learntCount === this.#savedCount) return
    // A full disk, for one: the next start learns it from the log.
    await this.save().catch((error) => this.#options.onFailed(error))
  }

  #saveSoon(): void {
    if (this.#saving !== undefined || this.#isClosed) return
    this.#savedCount = this.#index.learntCount
    this.#saving = this.save()
      // An index that is not saved is learnt again: no reason to stop.
      .catch((error) => this.#options.onFailed(error))
      .finally(() => {
        this.#saving = undefined
      })
  }

  #learnAtTurn(): Promise<void> {
    return this.#options.learning.run(() => this.#learn())
  }

  async #learn(): Promise<void> {
    const { files } = this.#options
    const log = this.log
    const begun = files.nowMs()
    try {
      const loaded = await loadOrNothing(files, log)
      if (loaded !== undefined) this.#index = loaded.index
      const fromOffset = loaded?.endOffset ?? log.logStartOffset
      const records = await replayLog(this.#index, log, { fromOffset, host: files.host })
      this.#savedCount = loaded === undefined ? -RECORDS_PER_CHECKPOINT : 0
      const ms = files.nowMs() - begun
      this.#options.onReplayed({ records, ms, fromCheckpoint: loaded !== undefined })
    } catch (error) {
      if (!(error instanceof ReplayFailed) || log.state === 'online') {
        this.#failure = error
        this.#options.onFailed(error)
      }
    }
    this.isReady = true
  }

  /** A stream stays in the partition of its key: whoever looks for it must know where it is. */
  #findElsewhere(wanted: readonly WantedRecord[]): Refusal | undefined {
    const { partitionCount } = this.#options
    if (partitionCount === 1) return undefined
    const { partition } = this.log
    for (const [batchIndex, { name, nameStart, nameEnd }] of wanted.entries()) {
      const own = partitionOfKey(name.subarray(nameStart, nameEnd), partitionCount)
      if (own === partition) continue
      const message = `This stream belongs to partition ${own}, not ${partition}: choose partitions as Java's producer does (librdkafka: partitioner=murmur2_random).`
      const recordErrors = [{ batchIndex, message }]
      return { kind: 'refused', errorCode: ErrorCode.INVALID_RECORD, message, recordErrors }
    }
    return undefined
  }

  #refuseUnlearnt(): GateVerdict {
    return refuse(ErrorCode.KAFKA_STORAGE_ERROR, this.unlearnt)
  }

  #toRefusal(refusal: StreamRefusal, place: AppendPlace): GateVerdict {
    const message = explainStreamRefusal(refusal, this.log.topic)
    // A client tries again by itself after this one, whichever client it is.
    if (refusal.kind === 'busy') return refuse(ErrorCode.NOT_ENOUGH_REPLICAS, message)
    const recordErrors = [{ batchIndex: refusal.index, message }]
    const errorCode = ErrorCode.INVALID_RECORD
    return heldBefore(place, { kind: 'refused', errorCode, message, recordErrors })
  }
}

/** @returns undefined also when the disk does not give it: the log has everything */
async function loadOrNothing(files: IndexFiles, log: PartitionLog) {
  try {
    return await files.load(log)
  } catch (error) {
    if (error instanceof DiskError) return undefined
    throw error
  }
}

const MOST_MINUTES = 20_000
const KNOWN_IN_TRANSACTION =
  'The events of this batch are in their streams already: a transaction cannot append them again.'

/** The answer that the first append got, as far as a producer is told. */
function knownFrom(events: readonly { readonly offset: number }[], timestamp: number): GateVerdict {
  const lastOffset = lastOffsetOf(events)
  return { kind: 'known', baseOffset: events[0]!.offset, lastOffset, timestamp }
}

/** Told once everything before it is durable: what it was judged by is in there. */
function heldBefore({ baseOffset }: AppendPlace, refusal: Refusal): GateVerdict {
  return { kind: 'held', refusal, lastOffset: baseOffset - 1 }
}

function explainTooMuch(bytes: Buffer, { recordCount }: BatchHeader): string | undefined {
  if (recordCount > MAX_RECORDS) {
    return `A batch for an event store has at most ${MAX_RECORDS} records, this one ${recordCount}.`
  }
  if (bytes.length <= MAX_RECORD_BYTES) return undefined
  return `A batch for an event store has at most ${MAX_RECORD_BYTES} bytes, this one ${bytes.length}.`
}
