// What becomes of an append: the answer to a producer, before it has the protocol's form.

import { ErrorCode } from '../wire/error-codes.ts'

export interface RecordError {
  /** Of the record within its batch. */
  readonly batchIndex: number
  readonly message: string
}

export interface Refusal {
  readonly kind: 'refused'
  readonly errorCode: ErrorCode
  readonly message?: string
  readonly recordErrors?: readonly RecordError[]
}

export interface Acknowledgement {
  /** A duplicate was sent before and is answered as it was then. */
  readonly kind: 'appended' | 'duplicate'
  readonly baseOffset: number
  /** Inclusive. */
  readonly lastOffset: number
  /** -1 unless the topic stamps batches. */
  readonly logAppendTimeMs: number
  readonly logStartOffset: number
}

export type AppendOutcome = Acknowledgement | Refusal

export function refuse(errorCode: ErrorCode, message: string): Refusal {
  return { kind: 'refused', errorCode, message }
}

export function storageError(message: string): Refusal {
  return refuse(ErrorCode.KAFKA_STORAGE_ERROR, message)
}

export const TIMED_OUT: Refusal = refuse(
  ErrorCode.REQUEST_TIMED_OUT,
  'The batch was written, but its sync has not ended in time.',
)
