// What one producer sends to one partition: in the order of the calls, several batches under way, and
// each of them written once. Nothing is sent here; the lane says which batch goes next and decides
// what an answer means.
// Invariants: batches under way are the first of those that are not acknowledged; after any failure
// nothing is sent until every answer is in, then all of them go again in order. A batch gets another
// sequence only when it is certain that it stands nowhere. The broker remembers the last five batches
// of a producer, so no more are under way.
// Source: KIP-98 (sequences), KIP-360 (a higher epoch begins at sequence 0).

import type { OutgoingRecord } from '../../sdk/events/record.ts'
import { SendError } from '../../sdk/transport/errors.ts'
import { Code, describeCode, isPassing } from './errors.ts'

export interface ProducerIdentity {
  readonly producerId: bigint
  readonly producerEpoch: number
}

export interface Batch {
  readonly bytes: Buffer
  readonly count: number
  /** On the monotonic clock. */
  readonly deadlineMs: number
  readonly settle: PromiseWithResolvers<{ baseOffset: number }>
  sequence: number | undefined
  mayBeWritten: boolean
  trouble: { readonly message: string; readonly cause: unknown } | undefined
}

export type BatchAnswer =
  | { readonly kind: 'written'; readonly baseOffset: number }
  | { readonly kind: 'refused'; readonly errorCode: number; readonly detail: string | null }
  /** It never left: no leader, no connection. */
  | { readonly kind: 'unsent'; readonly cause: unknown }
  /** It left, and no answer came. */
  | { readonly kind: 'lost'; readonly cause: unknown }

const MAX_BATCHES_UNDER_WAY = 5
const SEQUENCES = 2 ** 31
const LAST_EPOCH = 2 ** 15 - 1

export class PartitionLane {
  readonly topic: string
  readonly partition: number
  /** Undefined: one is to be asked for before the next batch goes. */
  identity: ProducerIdentity | undefined
  /** Failures since the last batch that was written: the pause grows with them. */
  failures = 0
  /** On the monotonic clock: when the topic was first heard not to exist. */
  unknownSinceMs: number | undefined
  readonly #renumbers: boolean
  #unacknowledged: Batch[] = []
  readonly #underWay = new Set<Batch>()
  #nextSequence = 0
  #isRecovering = false
  /** A sequence was left out for good: the next one can only be 0, of another epoch. */
  #hasGap = false

  /** @param renumbers false in a transaction, where a failure leads to an abort and not to a repair */
  constructor(place: { topic: string; partition: number; renumbers: boolean }) {
    this.topic = place.topic
    this.partition = place.partition
    this.#renumbers = place.renumbers
  }

  get isEmpty(): boolean {
    return this.#unacknowledged.length === 0
  }

  add(records: readonly OutgoingRecord[], bytes: Buffer, deadlineMs: number): Batch {
    const batch: Batch = {
      bytes,
      count: records.length,
      deadlineMs,
      settle: Promise.withResolvers(),
      sequence: undefined,
      mayBeWritten: false,
      trouble: undefined,
    }
    this.#unacknowledged.push(batch)
    return batch
  }

  /** The batch to be sent now; undefined while an answer has to be waited for, or nothing is left. */
  take(): (Batch & { sequence: number }) | undefined {
    if ((this.#isRecovering || this.#hasGap) && this.#underWay.size > 0) return undefined
    this.#isRecovering = false
    if (this.#hasGap) this.#beginAnew()
    if (this.#underWay.size >= MAX_BATCHES_UNDER_WAY) return undefined
    const batch = this.#unacknowledged[this.#underWay.size]
    if (batch === undefined) return undefined
    if (batch.sequence === undefined) {
      batch.sequence = this.#nextSequence
      this.#nextSequence = (this.#nextSequence + batch.count) % SEQUENCES
    }
    this.#underWay.add(batch)
    return Object.assign(batch, { sequence: batch.sequence })
  }

  settle(batch: Batch, answer: BatchAnswer): void {
    this.#underWay.delete(batch)
    if (answer.kind === 'written') {
      this.#remove(batch)
      this.failures = 0
      this.unknownSinceMs = undefined
      batch.settle.resolve({ baseOffset: answer.baseOffset })
      return
    }
    this.failures += 1
    this.#isRecovering = true
    if (answer.kind === 'refused') {
      batch.trouble = { message: describeCode(answer.errorCode, answer.detail), cause: undefined }
      this.#refused(batch, answer.errorCode)
      return
    }
    const message = answer.cause instanceof Error ? answer.cause.message : String(answer.cause)
    batch.trouble = { message, cause: answer.cause }
    if (answer.kind === 'lost') batch.mayBeWritten = true
  }

  /** What could not be sent in time fails, oldest first; a batch under way still waits for its answer. */
  expire(nowMs: number): void {
    for (;;) {
      const first = this.#unacknowledged[0]
      if (first === undefined || first.deadlineMs > nowMs || this.#underWay.has(first)) return
      this.#fail(first, { retriable: true })
    }
  }

  /** Gives up on everything that is not under way. */
  failAll(trouble: { message: string; cause: unknown }): void {
    for (const batch of [...this.#unacknowledged]) {
      if (this.#underWay.has(batch)) continue
      batch.trouble = trouble
      this.#fail(batch, { retriable: false })
    }
  }

  /** A new epoch of a transactional producer: nothing of the one before is left. */
  takeIdentity(identity: ProducerIdentity): void {
    this.identity = identity
    this.#nextSequence = 0
    this.#hasGap = false
    this.#isRecovering = false
  }

  #refused(batch: Batch, errorCode: number): void {
    switch (errorCode) {
      case Code.OUT_OF_ORDER_SEQUENCE_NUMBER:
        // Behind one that failed it comes in order when it is sent again. As the first it tells that
        // the one before it stands nowhere, and so does this one.
        if (batch !== this.#unacknowledged[0]) break
        batch.mayBeWritten = false
        this.#leaveGap(batch)
        break
      case Code.UNKNOWN_PRODUCER_ID:
      case Code.INVALID_PRODUCER_EPOCH:
      case Code.INVALID_PRODUCER_ID_MAPPING:
        // The broker has forgotten this producer, and with it whether the batch stands there.
        if (batch.mayBeWritten) this.#fail(batch, { retriable: false })
        else this.#leaveGap(batch)
        break
      case Code.REQUEST_TIMED_OUT:
      case Code.NOT_ENOUGH_REPLICAS_AFTER_APPEND:
        batch.mayBeWritten = true
        break
      default:
        if (!isPassing(errorCode)) this.#fail(batch, { retriable: false })
    }
  }

  #leaveGap(batch: Batch): void {
    if (this.#renumbers) this.#hasGap = true
    else this.#fail(batch, { retriable: false })
  }

  #fail(batch: Batch, { retriable }: { retriable: boolean }): void {
    this.#remove(batch)
    // One that may be written has used its sequence up, or the next one will be told that it has not.
    const leavesGap = batch.sequence !== undefined && !batch.mayBeWritten
    if (leavesGap && this.#renumbers) this.#hasGap = true
    const written = batch.mayBeWritten ? 'They may have been written.' : 'They were not written.'
    const message =
      `${batch.count} records for ${this.topic}-${this.partition} could not be sent ` +
      `(${batch.trouble?.message ?? 'not in time'}). ${written}`
    batch.settle.reject(
      new SendError({
        message,
        topic: this.topic,
        partition: this.partition,
        retriable,
        outcome: batch.mayBeWritten ? 'unknown' : 'not-written',
        cause: batch.trouble?.cause,
      }),
    )
  }

  #beginAnew(): void {
    this.#hasGap = false
    this.#nextSequence = 0
    for (const batch of this.#unacknowledged) {
      batch.sequence = undefined
      batch.mayBeWritten = false
    }
    if (this.identity === undefined) return
    const { producerId, producerEpoch } = this.identity
    this.identity =
      producerEpoch >= LAST_EPOCH ? undefined : { producerId, producerEpoch: producerEpoch + 1 }
  }

  #remove(batch: Batch): void {
    const at = this.#unacknowledged.indexOf(batch)
    if (at >= 0) this.#unacknowledged.splice(at, 1)
  }
}
