// May this producer write this batch here and now? Sequences, epochs and transactions together, for
// clients and for the coordinators that write in a producer's name. Pure, but for one question that
// the caller answers: whether the transaction coordinator knows of the batch.
// Source: KIP-98; KIP-890 (a batch that no transaction knows of would hold readers back for ever).

import { readControlMarker } from '../batch/control-marker.ts'
import type { BatchHeader } from '../batch/header.ts'
import { ErrorCode, errorName } from '../wire/error-codes.ts'
import type { AppendOrigin } from './check-batch.ts'
import {
  decideSequence,
  NO_OPEN_TRANSACTION,
  type ProducerEntry,
  type SequenceDecision,
} from './producer-state.ts'

export interface JudgedBatch {
  readonly header: BatchHeader
  readonly bytes: Buffer
}

export interface JudgeRequest {
  readonly origin: AppendOrigin
  readonly transactionCheck?: (() => ErrorCode) | undefined
  readonly isTransactionsV2?: boolean | undefined
}

const APPEND: SequenceDecision = { kind: 'append' }

/** @param entry undefined when the producer was never seen here or has expired */
export function judgeProducer(
  entry: ProducerEntry | undefined,
  { header, bytes }: JudgedBatch,
  request: JudgeRequest,
): SequenceDecision {
  if (request.origin === 'internal') return APPEND
  if (header.isControlBatch) return judgeMarker(entry, header, bytes, request)
  if (request.origin === 'client') {
    const decision = decideSequence(entry, header)
    if (decision.kind !== 'append') return decision
  } else if (entry !== undefined && isStale(entry, header)) return staleEpoch(entry, header)
  return header.isTransactional ? judgeTransactional(entry, header, request) : APPEND
}

function judgeTransactional(
  entry: ProducerEntry | undefined,
  header: BatchHeader,
  { origin, transactionCheck, isTransactionsV2 }: JudgeRequest,
): SequenceDecision {
  const { producerId, producerEpoch, baseSequence } = header
  if (isOpen(entry, header)) return APPEND
  // Each transaction has its own epoch: what is not its beginning comes late, or after a loss.
  if (isTransactionsV2 === true && origin === 'client' && baseSequence !== 0) {
    return refuse(
      ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER,
      `Producer ${producerId} begins a transaction at sequence ${baseSequence}, not 0.`,
    )
  }
  const errorCode = transactionCheck?.() ?? ErrorCode.INVALID_TXN_STATE
  if (errorCode === ErrorCode.NONE) return APPEND
  return refuse(
    errorCode,
    `The batch of producer ${producerId}, epoch ${producerEpoch}, is part of no open transaction (${errorName(errorCode)}).`,
  )
}

function judgeMarker(
  entry: ProducerEntry | undefined,
  header: BatchHeader,
  bytes: Buffer,
  { isTransactionsV2 }: JudgeRequest,
): SequenceDecision {
  if (entry === undefined) return APPEND
  if (isStale(entry, header)) return staleEpoch(entry, header)
  // KIP-1228: the marker of such a transaction is one epoch ahead of its batches.
  if (isTransactionsV2 === true && isOpen(entry, header)) return staleEpoch(entry, header)
  const { coordinatorEpoch } = readControlMarker(bytes)
  if (coordinatorEpoch >= entry.coordinatorEpoch) return APPEND
  return refuse(
    ErrorCode.TRANSACTION_COORDINATOR_FENCED,
    `A marker of coordinator epoch ${coordinatorEpoch}, the last one had ${entry.coordinatorEpoch}.`,
  )
}

/** Has it a transaction open here, in this epoch? */
function isOpen(entry: ProducerEntry | undefined, { producerEpoch }: BatchHeader): boolean {
  if (entry === undefined || entry.producerEpoch !== producerEpoch) return false
  return entry.currentTxnFirstOffset !== NO_OPEN_TRANSACTION
}

function isStale(entry: ProducerEntry, header: BatchHeader): boolean {
  return header.producerEpoch < entry.producerEpoch
}

function staleEpoch(entry: ProducerEntry, header: BatchHeader): SequenceDecision {
  return refuse(
    ErrorCode.INVALID_PRODUCER_EPOCH,
    `Producer ${header.producerId} wrote with epoch ${header.producerEpoch}, its current one is ${entry.producerEpoch}.`,
  )
}

function refuse(errorCode: ErrorCode, message: string): SequenceDecision {
  return { kind: 'refused', errorCode, message }
}
