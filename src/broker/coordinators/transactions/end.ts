// The end of a transaction: by its producer, or over its head. Once the decision is written the
// outcome stands; markers follow until every partition has one.
// Source: KIP-98; KIP-890: EndTxn v5 moves the producer to the next epoch, so that nothing that was
// sent for this transaction can enter the next one, and a request that comes twice is told from the
// next transaction's.

import { ErrorCode } from '../../wire/error-codes.ts'
import { answer, go, refuse } from './decisions.ts'
import type { Decision, EndRequest } from './input.ts'
import {
  isEnding,
  isExhausted,
  LAST_USABLE_EPOCH,
  MAX_EPOCH,
  NO_ID,
  TRANSACTIONS_V2,
  type Transaction,
} from './transaction.ts'

export function end(
  transaction: Transaction | undefined,
  request: EndRequest,
  nowMs: number,
): Decision {
  if (transaction === undefined) return refuse(undefined, ErrorCode.INVALID_PRODUCER_ID_MAPPING)
  return request.bumpsEpoch
    ? endAndBump(transaction, request, nowMs)
    : endPlainly(transaction, request, nowMs)
}

/**
 * Aborts over the producer's head and leaves its epoch behind, as the producer's own EndTxn v5 would:
 * who then aborts hears that this has happened, and goes on; who names that epoch to be given the next
 * one (KIP-360) gets it, until another producer takes over.
 */
export function abortAndFence(transaction: Transaction, nowMs: number): Transaction {
  return {
    ...transaction,
    state: 'PrepareAbort',
    producerEpoch: Math.min(transaction.producerEpoch + 1, MAX_EPOCH),
    lastProducerEpoch: transaction.producerEpoch,
    updatedMs: nowMs,
  }
}

/** EndTxn before v5: the epoch stays, so an end that comes twice is only known by its outcome. */
function endPlainly(transaction: Transaction, request: EndRequest, nowMs: number): Decision {
  const { state } = transaction
  if (request.producerId !== transaction.producerId) {
    return refuse(transaction, ErrorCode.INVALID_PRODUCER_ID_MAPPING)
  }
  if (request.producerEpoch !== transaction.producerEpoch) {
    return refuse(transaction, ErrorCode.PRODUCER_FENCED)
  }
  if (state === 'Ongoing') {
    return go({ ...prepared(transaction, request.isCommit, nowMs), clientVersion: 0 })
  }
  return endedBefore(transaction, request)
}

function endAndBump(transaction: Transaction, request: EndRequest, nowMs: number): Decision {
  const { state, producerId, producerEpoch } = transaction
  const isAfterRotation = isAskedAfterRotation(transaction, request)
  if (request.producerId !== producerId && !isAfterRotation) {
    return refuse(transaction, ErrorCode.INVALID_PRODUCER_ID_MAPPING)
  }
  if (isAfterRotation || isAskedAgain(transaction, request)) {
    return endedBefore(transaction, request)
  }
  if (request.producerEpoch !== producerEpoch || isEnding(transaction)) {
    return refuse(transaction, ErrorCode.PRODUCER_FENCED)
  }
  // An abort is fine without a transaction: nothing may have come of a produce that was to begin it.
  if (state !== 'Ongoing' && request.isCommit) {
    return refuse(transaction, ErrorCode.INVALID_TXN_STATE)
  }
  return bump(transaction, request, nowMs)
}

function bump(transaction: Transaction, request: EndRequest, nowMs: number): Decision {
  const { producerEpoch, state } = transaction
  const { newProducerId = NO_ID } = request
  const mustRotate = isExhausted(transaction)
  if (mustRotate && newProducerId === NO_ID) return { kind: 'needs-producer-id' }
  const next: Transaction = {
    ...prepared(transaction, request.isCommit, nowMs),
    startedMs: state === 'Ongoing' ? transaction.startedMs : nowMs,
    // Fenced at the very end of the epochs it may stand at the last one already.
    producerEpoch: Math.min(producerEpoch + 1, MAX_EPOCH),
    lastProducerEpoch: producerEpoch,
    nextProducerId: mustRotate ? newProducerId : NO_ID,
    clientVersion: TRANSACTIONS_V2,
  }
  return go(next, successorOf(next))
}

function prepared(transaction: Transaction, isCommit: boolean, nowMs: number): Transaction {
  return { ...transaction, state: isCommit ? 'PrepareCommit' : 'PrepareAbort', updatedMs: nowMs }
}

/** Whose outcome this is has been decided already: the same one again is a success. */
function endedBefore(transaction: Transaction, { isCommit }: EndRequest): Decision {
  const { state } = transaction
  const isSame = state === (isCommit ? 'CompleteCommit' : 'CompleteAbort')
  if (isSame) return answer(transaction)
  const isUnderWay = state === (isCommit ? 'PrepareCommit' : 'PrepareAbort')
  return refuse(
    transaction,
    isUnderWay ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.INVALID_TXN_STATE,
  )
}

/** The answer to the end that took this transaction out of the request's epoch was lost. */
function isAskedAgain(transaction: Transaction, request: EndRequest): boolean {
  const { state, producerId, producerEpoch, nextProducerId, clientVersion } = transaction
  if (state === 'Empty' || state === 'Ongoing' || clientVersion < TRANSACTIONS_V2) return false
  if (request.producerId !== producerId || producerEpoch !== request.producerEpoch + 1) return false
  // Only a fence stands at the last epoch without a successor.
  return producerEpoch < MAX_EPOCH || nextProducerId !== NO_ID
}

function isAskedAfterRotation(transaction: Transaction, request: EndRequest): boolean {
  const { state, previousProducerId, producerEpoch } = transaction
  const isComplete = state === 'CompleteCommit' || state === 'CompleteAbort'
  return (
    isComplete &&
    producerEpoch === 0 &&
    request.producerId === previousProducerId &&
    request.producerEpoch === LAST_USABLE_EPOCH
  )
}

/** What the producer goes on with once its transaction is over. */
function successorOf({ producerId, producerEpoch, nextProducerId }: Transaction) {
  const errorCode = ErrorCode.NONE
  if (nextProducerId === NO_ID) return { errorCode, producerId, producerEpoch }
  return { errorCode, producerId: nextProducerId, producerEpoch: 0 }
}
