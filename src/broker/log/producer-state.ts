// What a partition remembers of each producer: enough to tell a batch that was resent from one that
// is new, and where its open transaction began. Decisions and transitions are pure; entries are
// never changed, only replaced, so that a write that failed is undone by putting the old one back.
// Source: KIP-98 (idempotence, transactions), KIP-360 (epoch bumps), KIP-447.

import type { BatchHeader } from '../batch/header.ts'
import { ErrorCode } from '../wire/error-codes.ts'

/** Clients keep at most five batches in flight per partition, so five are enough to know a resent one. */
export const MAX_RECENT_BATCHES = 5
export const NO_OPEN_TRANSACTION = -1
const NO_COORDINATOR_EPOCH = -1
const MAX_SEQUENCE = 0x7fff_ffff

export interface RecentBatch {
  /** -1 when written by a coordinator, which numbers nothing. */
  readonly baseSequence: number
  readonly lastSequence: number
  readonly baseOffset: number
  readonly lastOffset: number
  readonly timestamp: number
}

export interface ProducerEntry {
  readonly producerId: number
  readonly producerEpoch: number
  /** Of the last transaction marker; -1 before the first. */
  readonly coordinatorEpoch: number
  readonly lastTimestamp: number
  /** -1 when no transaction is open. */
  readonly currentTxnFirstOffset: number
  /** Oldest first, at most five; empty after an epoch was bumped by a marker. */
  readonly recentBatches: readonly RecentBatch[]
}

export type SequenceDecision =
  | { readonly kind: 'append' }
  | { readonly kind: 'duplicate'; readonly original: RecentBatch }
  | { readonly kind: 'refused'; readonly errorCode: ErrorCode; readonly message: string }

type ProducerFields = Pick<
  BatchHeader,
  'producerId' | 'producerEpoch' | 'baseSequence' | 'lastSequence' | 'isTransactional'
>

const APPEND: SequenceDecision = { kind: 'append' }

/**
 * What does a client's batch mean, given what is known of its producer? Pure.
 * `entry` is undefined when the producer was never seen or has expired: then any sequence may start.
 */
export function decideSequence(
  entry: ProducerEntry | undefined,
  batch: ProducerFields,
): SequenceDecision {
  if (entry === undefined) return APPEND
  const { producerEpoch } = batch
  if (producerEpoch < entry.producerEpoch) {
    return refuse(
      ErrorCode.INVALID_PRODUCER_EPOCH,
      `Producer ${batch.producerId} sent epoch ${producerEpoch}, its current one is ${entry.producerEpoch}.`,
    )
  }
  if (producerEpoch > entry.producerEpoch) {
    // KIP-360: a new epoch starts over at sequence 0.
    return batch.baseSequence === 0 ? APPEND : outOfOrder(batch, 0)
  }
  const original = findSameBatch(entry, batch)
  if (original !== undefined) return { kind: 'duplicate', original }
  if (entry.currentTxnFirstOffset !== NO_OPEN_TRANSACTION && !batch.isTransactional) {
    return refuse(
      ErrorCode.INVALID_TXN_STATE,
      `Producer ${batch.producerId} has an open transaction and sent a batch outside of it.`,
    )
  }
  const expected = nextSequence(entry)
  return batch.baseSequence === expected ? APPEND : outOfOrder(batch, expected)
}

/** The sequence that the producer's next batch must begin with; wraps past 2^31-1 to 0. */
export function nextSequence(entry: ProducerEntry): number {
  const last = lastSequenceOf(entry)
  return last === MAX_SEQUENCE ? 0 : last + 1
}

/** -1 when the producer has written nothing in its current epoch. */
export function lastSequenceOf(entry: ProducerEntry): number {
  return entry.recentBatches.at(-1)?.lastSequence ?? -1
}

/** Where and when a batch was appended. */
export interface BatchPlace {
  readonly baseOffset: number
  readonly timestamp: number
}

/** The entry after a data batch was appended. Pure. */
export function afterBatch(
  entry: ProducerEntry | undefined,
  header: BatchHeader,
  { baseOffset, timestamp }: BatchPlace,
): ProducerEntry {
  const batch: RecentBatch = {
    baseSequence: header.baseSequence,
    lastSequence: header.lastSequence,
    baseOffset,
    lastOffset: baseOffset + header.lastOffsetDelta,
    timestamp,
  }
  const isSameEpoch = entry !== undefined && entry.producerEpoch === header.producerEpoch
  const openSince = entry?.currentTxnFirstOffset ?? NO_OPEN_TRANSACTION
  const begins = header.isTransactional && openSince === NO_OPEN_TRANSACTION
  return {
    producerId: header.producerId,
    producerEpoch: header.producerEpoch,
    coordinatorEpoch: entry?.coordinatorEpoch ?? NO_COORDINATOR_EPOCH,
    lastTimestamp: timestamp,
    currentTxnFirstOffset: begins ? baseOffset : openSince,
    recentBatches: isSameEpoch
      ? [...entry.recentBatches.slice(1 - MAX_RECENT_BATCHES), batch]
      : [batch],
  }
}

/**
 * The entry of a producer that nobody knew, after its first batch was refused for now (no space, no
 * files): without one, the batch that it sent behind that would pass for its first. Pure.
 * @returns undefined when it did not begin at sequence 0: it is as unknown as before
 */
export function afterRefusedFirst(
  header: Pick<BatchHeader, 'producerId' | 'producerEpoch' | 'baseSequence'>,
  timestamp: number,
): ProducerEntry | undefined {
  const { producerId, producerEpoch, baseSequence } = header
  if (baseSequence !== 0) return undefined
  return {
    producerId,
    producerEpoch,
    coordinatorEpoch: NO_COORDINATOR_EPOCH,
    lastTimestamp: timestamp,
    currentTxnFirstOffset: NO_OPEN_TRANSACTION,
    recentBatches: [],
  }
}

export interface TransactionMarker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly isAbort: boolean
  readonly offset: number
  readonly timestamp: number
}

/** The entry after a transaction marker was appended. Pure. */
export function afterMarker(
  entry: ProducerEntry | undefined,
  marker: TransactionMarker,
): ProducerEntry {
  const isSameEpoch = entry !== undefined && entry.producerEpoch === marker.producerEpoch
  return {
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    coordinatorEpoch: marker.coordinatorEpoch,
    lastTimestamp: marker.timestamp,
    currentTxnFirstOffset: NO_OPEN_TRANSACTION,
    recentBatches: isSameEpoch ? entry.recentBatches : [],
  }
}

/** The entry with the batches that it lacks of one from before, or another view of the same. Pure. */
export function withEarlier(entry: ProducerEntry, earlier: ProducerEntry): ProducerEntry {
  if (entry.producerEpoch !== earlier.producerEpoch) return entry
  const { recentBatches } = entry
  const firstKnown = recentBatches[0]?.baseOffset ?? Number.POSITIVE_INFINITY
  const lacking = earlier.recentBatches.filter(({ baseOffset }) => baseOffset < firstKnown)
  const all = [...lacking, ...recentBatches]
  return { ...entry, recentBatches: all.slice(-MAX_RECENT_BATCHES) }
}

function findSameBatch(entry: ProducerEntry, batch: ProducerFields): RecentBatch | undefined {
  return entry.recentBatches.find(
    (recent) =>
      recent.baseSequence === batch.baseSequence && recent.lastSequence === batch.lastSequence,
  )
}

function outOfOrder(batch: ProducerFields, expected: number): SequenceDecision {
  return refuse(
    ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
    `Producer ${batch.producerId} sent sequence ${batch.baseSequence}, expected ${expected}.`,
  )
}

function refuse(errorCode: ErrorCode, message: string): SequenceDecision {
  return { kind: 'refused', errorCode, message }
}
