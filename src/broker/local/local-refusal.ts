// What the broker refuses a program in its own process, in words instead of numbers.

import { ErrorCode, errorName, errorText, isRetriable } from '../wire/error-codes.ts'

export interface LocalRefusal {
  readonly kind: 'refused'
  /** Kafka's name of the error: `FENCED_MEMBER_EPOCH`. */
  readonly error: string
  readonly message: string
  /** The same call may succeed later. */
  readonly isRetriable: boolean
}

export function refusal(errorCode: number, message?: string | null): LocalRefusal {
  return {
    kind: 'refused',
    error: errorName(errorCode),
    message: message ?? errorText(errorCode),
    isRetriable: isRetriable(errorCode) && !finalHere.has(errorCode),
  }
}

/** What this node does not know no other one will come to know. */
const finalHere: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.UNKNOWN_TOPIC_ID,
])
