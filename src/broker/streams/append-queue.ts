// Appends from code in this process wait here until the turn of all that were called together: each is
// decided by itself, in the order of the calls, and those that may be appended share record batches.
// A batch stays so small that reading one of its records costs what it did (docs/decisions/0018).
// Invariant: an append is whole in one batch; nobody is answered before what it was decided by is durable.

import type { AppendPlace, GateVerdict } from '../log/append-gate.ts'
import { type AppendOutcome, refuse } from '../log/append-outcome.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { PreparingHost } from '../log/prepare-batch.ts'
import { TimeSlice } from '../log/time-slice.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { AppendDecision } from './decide-append.ts'
import { BatchEncoder } from './encode-batch.ts'
import type { StoreAppend } from './store-append.ts'
import type { StreamIndex } from './stream-index.ts'

/**
 * What a shared batch may have. To find a record 16 KB are read from an entry of the sparse index on, which
 * may be that of the batch before: two batches must fit.
 */
const SHARED_BATCH_BYTES = 6 * 1024
/** So many that were decided are kept in the list, at most. */
const MOST_DECIDED = 1000
const REQUEST = { acks: -1, origin: 'client' } as const

/** The partition as the queue needs it. */
interface QueueOwner {
  readonly log: PartitionLog
  readonly index: StreamIndex
  readonly isReady: boolean
  decide(
    wanted: StoreAppend['wanted'],
    producerId: number,
    place: AppendPlace,
    checks: StoreAppend['checks'],
  ): AppendDecision
}

export class AppendQueue {
  readonly #owner: QueueOwner
  readonly #host: PreparingHost
  /** Thousands of appends that are called at once must not hold up everybody else. */
  #slice: TimeSlice
  #waiting: StoreAppend[] = []
  /** So many of them have been decided. */
  #decidedCount = 0
  /** The next of them will be taken, by a microtask or by the log. */
  #isSending = false

  constructor(owner: QueueOwner, host: PreparingHost) {
    this.#owner = owner
    this.#host = host
    this.#slice = new TimeSlice(host)
  }

  add(append: StoreAppend): void {
    this.#waiting.push(append)
    if (this.#isSending) return
    this.#isSending = true
    this.#slice = new TimeSlice(this.#host)
    // Whoever was woken together with who calls now has called as well by then.
    queueMicrotask(() => this.#send())
  }

  async #sendNext(): Promise<void> {
    await this.#slice.pause()
    await this.#send()
  }

  async #send(): Promise<void> {
    const sent: StoreAppend[] = []
    let isBuilt = false
    const build = (place: AppendPlace) => {
      if (!this.#owner.isReady) return refuse(ErrorCode.NOT_ENOUGH_REPLICAS, STILL_LEARNING)
      isBuilt = true
      return this.#build(sent, place)
    }
    try {
      const outcome = await this.#owner.log.appendBuilt(build, REQUEST)
      if (!isBuilt) this.#takeAll(sent)
      answerAll(sent, outcome)
    } catch (error) {
      if (!isBuilt) this.#takeAll(sent)
      for (const append of sent) append.fail(error)
    }
  }

  #takeAll(sent: StoreAppend[]): void {
    sent.push(...this.#waiting.slice(this.#decidedCount))
    this.#rest()
  }

  #rest(): void {
    this.#waiting = []
    this.#decidedCount = 0
    this.#isSending = false
  }

  #goOn(): void {
    // As long as others come before all are decided, the list does not end by itself.
    if (this.#decidedCount >= MOST_DECIDED) {
      this.#waiting.splice(0, this.#decidedCount)
      this.#decidedCount = 0
    }
    queueMicrotask(() => this.#sendNext())
  }

  /** Decides on as many as share a batch. @param sent gets those that are in it */
  #build(sent: StoreAppend[], place: AppendPlace): GateVerdict {
    const { segmentBytes, maxMessageBytes } = this.#owner.log.config
    const encoder = new BatchEncoder(Math.min(SHARED_BATCH_BYTES, segmentBytes, maxMessageBytes))
    let append: StoreAppend | undefined
    try {
      while (this.#decidedCount < this.#waiting.length) {
        append = this.#waiting[this.#decidedCount]!
        if (!encoder.fits(append.room)) break
        this.#decidedCount += 1
        this.#decide(append, encoder, place, sent)
      }
    } catch (error) {
      // A mistake of ours: what was learnt will not stand in the log.
      this.#owner.index.undoFrom(place.baseOffset)
      append?.fail(error)
      throw error
    } finally {
      if (this.#decidedCount === this.#waiting.length) this.#rest()
      else this.#goOn()
    }
    if (encoder.count > 0) return { kind: 'append', ...encoder.finish() }
    // Nothing to write, and nobody waits for it.
    return { kind: 'known', baseOffset: -1, lastOffset: -1, timestamp: place.nowMs }
  }

  #decide(
    append: StoreAppend,
    encoder: BatchEncoder,
    { baseOffset, nowMs }: AppendPlace,
    sent: StoreAppend[],
  ): void {
    const own = { baseOffset: baseOffset + encoder.count, nowMs }
    const decision = this.#owner.decide(append.wanted, -1, own, append.checks)
    append.decided(decision, own.baseOffset, this.#owner.index.streams)
    if (decision.kind === 'append' && append.wanted.length > 0) {
      if (encoder.count === 0) {
        encoder.begin(append.room, this.#decidedCount === this.#waiting.length)
      }
      append.encode(encoder, decision.versions, nowMs)
      sent.push(append)
      return
    }
    // Answered when all is durable that it was judged by.
    const lastOffset =
      decision.kind === 'duplicate' ? lastOffsetOf(decision.events) : own.baseOffset - 1
    this.#owner.log.onceDurable(lastOffset).then(
      (outcome) => this.#answerApart(append, outcome),
      (error) => append.fail(error),
    )
  }

  #answerApart(append: StoreAppend, outcome: AppendOutcome): void {
    const freed = outcome.kind === 'refused' ? undefined : append.freed
    if (freed === undefined) append.answer(outcome)
    else
      freed.then(
        () => this.add(append),
        (error) => append.fail(error),
      )
  }
}

/** Not in the function that waits: there the loop would never be compiled. */
function answerAll(sent: readonly StoreAppend[], outcome: AppendOutcome): void {
  for (const append of sent) append.answer(outcome)
}

export function lastOffsetOf(events: readonly { readonly offset: number }[]): number {
  let lastOffset = 0
  for (const { offset } of events) lastOffset = Math.max(lastOffset, offset)
  return lastOffset
}

/** The end of a transaction was taken back while the batch was got ready. */
export const STILL_LEARNING = 'The stream index is being learnt again: try again.'
