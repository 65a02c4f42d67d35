// A producer takes over a transactional id, or goes on with a new epoch: whoever had it before is
// fenced, and what it left open is aborted first.
// Source: KIP-98; KIP-360 (a producer names what it had, and gets a new epoch without fencing
// itself; asked again after a lost answer it gets the same).

import { ErrorCode } from '../../wire/error-codes.ts'
import { go, refusal, refuse } from './decisions.ts'
import { abortAndFence } from './end.ts'
import type { Decision, InitRequest, ProducerClaim, TransactionSettings } from './input.ts'
import { isSuccessor } from './partitions.ts'
import {
  isEnding,
  isExhausted,
  LAST_USABLE_EPOCH,
  MAX_EPOCH,
  NO_EPOCH,
  NO_PARTITIONS,
  newTransaction,
  type Transaction,
} from './transaction.ts'

export function init(
  transaction: Transaction | undefined,
  request: InitRequest,
  settings: TransactionSettings,
  nowMs: number,
): Decision {
  const { transactionalId, timeoutMs, newProducerId } = request
  if (transactionalId === '') return refuse(transaction, ErrorCode.INVALID_REQUEST)
  if (timeoutMs <= 0 || timeoutMs > settings.maxTimeoutMs) {
    return refuse(transaction, ErrorCode.INVALID_TRANSACTION_TIMEOUT)
  }
  if (transaction !== undefined) return takeOver(transaction, request, nowMs)
  if (newProducerId === undefined) return { kind: 'needs-producer-id' }
  return handOut(newTransaction(transactionalId, newProducerId), { epoch: 0, request, nowMs })
}

function takeOver(transaction: Transaction, request: InitRequest, nowMs: number): Decision {
  const { expected, newProducerId } = request
  if (expected !== null && !mayGoOn(transaction, expected)) {
    return refuse(transaction, ErrorCode.PRODUCER_FENCED)
  }
  if (isEnding(transaction)) return refuse(transaction, ErrorCode.CONCURRENT_TRANSACTIONS)
  if (transaction.state === 'Ongoing') {
    // It asks again once this is over: a newcomer then gets the epoch after the one that fences.
    const aborting = abortAndFence(transaction, nowMs)
    return go(aborting, refusal(ErrorCode.CONCURRENT_TRANSACTIONS))
  }
  const { producerId, producerEpoch, lastProducerEpoch } = transaction
  const isBehind = expected !== null && expected.producerEpoch !== producerEpoch
  // What was aborted at the last epoch stands at one that is handed out to nobody.
  if (isBehind && producerEpoch < MAX_EPOCH) {
    return handOut(transaction, { epoch: producerEpoch, lastProducerEpoch, request, nowMs })
  }
  const askedWith = expected?.producerEpoch ?? NO_EPOCH
  if (!isExhausted(transaction)) {
    const epoch = producerEpoch + 1
    return handOut(transaction, { epoch, lastProducerEpoch: askedWith, request, nowMs })
  }
  if (newProducerId === undefined) return { kind: 'needs-producer-id' }
  const rotated = { ...transaction, producerId: newProducerId, previousProducerId: producerId }
  return handOut(rotated, { epoch: 0, lastProducerEpoch: askedWith, request, nowMs })
}

/** Does it name the producer that holds the id, or one that asks again after a lost answer? */
function mayGoOn(transaction: Transaction, expected: ProducerClaim): boolean {
  const { state, producerId, previousProducerId, producerEpoch, lastProducerEpoch } = transaction
  if (isSuccessor(transaction, expected)) return true
  const isHolder = expected.producerId === producerId
  // A zombie must not abort the transaction of its successor on its way out.
  if (state === 'Ongoing') return isHolder && expected.producerEpoch === producerEpoch
  if (isHolder && expected.producerEpoch === producerEpoch) return true
  const isBeforeRotation =
    expected.producerId === previousProducerId && expected.producerEpoch >= LAST_USABLE_EPOCH
  return (isHolder || isBeforeRotation) && expected.producerEpoch === lastProducerEpoch
}

function handOut(
  transaction: Transaction,
  next: { epoch: number; lastProducerEpoch?: number; request: InitRequest; nowMs: number },
): Decision {
  const { epoch, lastProducerEpoch = NO_EPOCH, request, nowMs } = next
  return go({
    ...transaction,
    state: 'Empty',
    producerEpoch: epoch,
    lastProducerEpoch,
    timeoutMs: request.timeoutMs,
    partitions: NO_PARTITIONS,
    startedMs: -1,
    updatedMs: nowMs,
  })
}
