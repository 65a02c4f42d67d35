// Which error a client hears of a transaction, by what its version of the API knows.
// Source: KIP-588 (PRODUCER_FENCED instead of INVALID_PRODUCER_EPOCH), KIP-890 and KIP-1050
// (TRANSACTION_ABORTABLE: abort, and go on).

import { ErrorCode } from '../wire/error-codes.ts'

/** Of the coordinator's own APIs: `from` is the first version that knows PRODUCER_FENCED. */
export function fencedError(errorCode: ErrorCode, apiVersion: number, from: number): ErrorCode {
  const isUnknown = errorCode === ErrorCode.PRODUCER_FENCED && apiVersion < from
  return isUnknown ? ErrorCode.INVALID_PRODUCER_EPOCH : errorCode
}

const FIRST_PRODUCE_WITH_ABORTABLE = 11
const FIRST_PRODUCE_WITH_TRANSACTIONS_V2 = 12

/** A produce hears of the batch, or tries again: older clients retry this code, and not those. */
export function produceError(errorCode: ErrorCode, apiVersion: number): ErrorCode {
  switch (errorCode) {
    case ErrorCode.PRODUCER_FENCED:
      return ErrorCode.INVALID_PRODUCER_EPOCH
    case ErrorCode.TRANSACTION_ABORTABLE:
      if (apiVersion >= FIRST_PRODUCE_WITH_ABORTABLE) return errorCode
      return ErrorCode.INVALID_TXN_STATE
    case ErrorCode.CONCURRENT_TRANSACTIONS:
      if (apiVersion >= FIRST_PRODUCE_WITH_TRANSACTIONS_V2) return errorCode
      return ErrorCode.NOT_ENOUGH_REPLICAS
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
    case ErrorCode.COORDINATOR_NOT_AVAILABLE:
    case ErrorCode.NOT_COORDINATOR:
      return ErrorCode.NOT_ENOUGH_REPLICAS
    default:
      return errorCode
  }
}

const FIRST_OFFSET_COMMIT_WITH_LOADING = 2
const FIRST_OFFSET_COMMIT_WITH_ABORTABLE = 4

export function offsetCommitError(errorCode: ErrorCode, apiVersion: number): ErrorCode {
  switch (errorCode) {
    case ErrorCode.PRODUCER_FENCED:
      return ErrorCode.INVALID_PRODUCER_EPOCH
    case ErrorCode.TRANSACTION_ABORTABLE:
      if (apiVersion >= FIRST_OFFSET_COMMIT_WITH_ABORTABLE) return errorCode
      return ErrorCode.INVALID_TXN_STATE
    case ErrorCode.COORDINATOR_LOAD_IN_PROGRESS:
      if (apiVersion >= FIRST_OFFSET_COMMIT_WITH_LOADING) return errorCode
      return ErrorCode.COORDINATOR_NOT_AVAILABLE
    default:
      return errorCode
  }
}
