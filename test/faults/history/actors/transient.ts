// Which refusals are no verdict.

import { ErrorCode } from '../../../../src/broker/wire/error-codes.ts'

/** The same request may well succeed later; whether this one did is not known. */
export function isTransient(errorCode: number): boolean {
  return TRANSIENT.has(errorCode)
}

const TRANSIENT: ReadonlySet<number> = new Set([
  ErrorCode.REQUEST_TIMED_OUT,
  ErrorCode.KAFKA_STORAGE_ERROR,
  ErrorCode.COORDINATOR_LOAD_IN_PROGRESS,
  ErrorCode.COORDINATOR_NOT_AVAILABLE,
  ErrorCode.NOT_COORDINATOR,
  ErrorCode.NOT_LEADER_OR_FOLLOWER,
  ErrorCode.UNKNOWN_SERVER_ERROR,
])
