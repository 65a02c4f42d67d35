// The shapes that decisions have: an answer alone, a refusal, or a next state that is written.

import { ErrorCode } from '../../wire/error-codes.ts'
import type { Decided, TransactionReply } from './input.ts'
import { NO_EPOCH, NO_ID, type Transaction } from './transaction.ts'

/** Nothing changes. */
export function answer(transaction: Transaction | undefined): Decided {
  return { kind: 'decided', transaction, reply: replyOf(transaction), record: 'none' }
}

export function refuse(transaction: Transaction | undefined, errorCode: ErrorCode): Decided {
  return { kind: 'decided', transaction, reply: refusal(errorCode), record: 'none' }
}

/** On to this state; the reply names its producer unless it says something else. */
export function go(transaction: Transaction, reply = replyOf(transaction)): Decided {
  return { kind: 'decided', transaction, reply, record: 'transaction' }
}

export function refusal(errorCode: ErrorCode): TransactionReply {
  return { errorCode, producerId: NO_ID, producerEpoch: NO_EPOCH }
}

function replyOf(transaction: Transaction | undefined): TransactionReply {
  const { producerId = NO_ID, producerEpoch = NO_EPOCH } = transaction ?? {}
  return { errorCode: ErrorCode.NONE, producerId, producerEpoch }
}
