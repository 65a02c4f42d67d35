// What members of a group, and those who commit to it, hear when a record could not be written.

import { ErrorCode } from '../wire/error-codes.ts'

/** What members hear when the group could not be written: to look for the coordinator again. */
export function groupErrorFor(errorCode: ErrorCode): ErrorCode {
  if (errorCode === ErrorCode.KAFKA_STORAGE_ERROR) return ErrorCode.NOT_COORDINATOR
  if (errorCode === ErrorCode.MESSAGE_TOO_LARGE) return ErrorCode.UNKNOWN_SERVER_ERROR
  return ErrorCode.COORDINATOR_NOT_AVAILABLE
}

/** Of these the producer of the transaction is to hear. */
const TRANSACTION_ERRORS: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.INVALID_PRODUCER_ID_MAPPING,
  ErrorCode.INVALID_TXN_STATE,
  ErrorCode.CONCURRENT_TRANSACTIONS,
  ErrorCode.PRODUCER_FENCED,
  ErrorCode.TRANSACTION_ABORTABLE,
])

export function commitErrorFor(errorCode: ErrorCode): ErrorCode {
  if (errorCode === ErrorCode.NONE || TRANSACTION_ERRORS.has(errorCode)) return errorCode
  if (errorCode === ErrorCode.MESSAGE_TOO_LARGE) return ErrorCode.INVALID_COMMIT_OFFSET_SIZE
  return groupErrorFor(errorCode)
}
