// An answer that says no: Kafka's error code and a sentence for whoever reads it.

import { ErrorCode } from '../wire/error-codes.ts'

export interface Refusal {
  readonly kind: 'refused'
  readonly errorCode: ErrorCode
  readonly message: string
}

export function refuse(errorCode: ErrorCode, message: string): Refusal {
  return { kind: 'refused', errorCode, message }
}

export function refuseConfig(message: string): Refusal {
  return refuse(ErrorCode.INVALID_CONFIG, message)
}
