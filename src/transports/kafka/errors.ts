// What a Kafka cluster says, in the words of the SDK: which of its error codes pass by themselves,
// which mean that somebody else has taken over, and what is told of the rest.
// Source: Kafka's protocol guide, error codes.

import {
  AuthenticationError,
  GenericError,
  NetworkError,
  protocolErrors,
  ResponseError,
  UserError,
} from '@platformatic/kafka'
import { MillraceError } from '../../sdk/events/errors.ts'

export const Code = {
  NONE: 0,
  OFFSET_OUT_OF_RANGE: 1,
  CORRUPT_MESSAGE: 2,
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_OR_FOLLOWER: 6,
  REQUEST_TIMED_OUT: 7,
  NETWORK_EXCEPTION: 13,
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  ILLEGAL_GENERATION: 22,
  UNKNOWN_MEMBER_ID: 25,
  REBALANCE_IN_PROGRESS: 27,
  TOPIC_ALREADY_EXISTS: 36,
  NOT_CONTROLLER: 41,
  OUT_OF_ORDER_SEQUENCE_NUMBER: 45,
  INVALID_PRODUCER_EPOCH: 47,
  INVALID_TXN_STATE: 48,
  INVALID_PRODUCER_ID_MAPPING: 49,
  CONCURRENT_TRANSACTIONS: 51,
  OPERATION_NOT_ATTEMPTED: 55,
  KAFKA_STORAGE_ERROR: 56,
  UNKNOWN_PRODUCER_ID: 59,
  FENCED_LEADER_EPOCH: 74,
  UNKNOWN_LEADER_EPOCH: 75,
  MEMBER_ID_REQUIRED: 79,
  FENCED_INSTANCE_ID: 82,
  UNSTABLE_OFFSET_COMMIT: 88,
  THROTTLING_QUOTA_EXCEEDED: 89,
  PRODUCER_FENCED: 90,
  UNKNOWN_TOPIC_ID: 100,
  FENCED_MEMBER_EPOCH: 110,
  STALE_MEMBER_EPOCH: 113,
} as const

/** The cluster is busy with itself: the same request succeeds later, perhaps at another node. */
const passing: ReadonlySet<number> = new Set([
  Code.UNKNOWN_TOPIC_OR_PARTITION,
  Code.LEADER_NOT_AVAILABLE,
  Code.NOT_LEADER_OR_FOLLOWER,
  Code.REQUEST_TIMED_OUT,
  Code.NETWORK_EXCEPTION,
  Code.COORDINATOR_LOAD_IN_PROGRESS,
  Code.COORDINATOR_NOT_AVAILABLE,
  Code.NOT_COORDINATOR,
  Code.NOT_ENOUGH_REPLICAS,
  Code.NOT_ENOUGH_REPLICAS_AFTER_APPEND,
  Code.NOT_CONTROLLER,
  Code.CONCURRENT_TRANSACTIONS,
  Code.KAFKA_STORAGE_ERROR,
  Code.FENCED_LEADER_EPOCH,
  Code.UNKNOWN_LEADER_EPOCH,
  Code.UNSTABLE_OFFSET_COMMIT,
  Code.THROTTLING_QUOTA_EXCEEDED,
  Code.UNKNOWN_TOPIC_ID,
])

export const isPassing = (code: number): boolean => passing.has(code)

const coordinatorMoved: ReadonlySet<number> = new Set([
  Code.COORDINATOR_LOAD_IN_PROGRESS,
  Code.COORDINATOR_NOT_AVAILABLE,
  Code.NOT_COORDINATOR,
])

export const isOfAnotherCoordinator = (code: number): boolean => coordinatorMoved.has(code)

/** The cluster refused, or could not be reached; `apiCode` is Kafka's own, when it said one. */
export class KafkaError extends MillraceError {
  readonly code = 'kafka-error'
  readonly retriable: boolean
  readonly apiCode: number | undefined

  constructor(
    message: string,
    fields: { apiCode?: number; retriable?: boolean; cause?: unknown } = {},
  ) {
    super(message, { cause: fields.cause })
    this.apiCode = fields.apiCode
    this.retriable = fields.retriable ?? (fields.apiCode !== undefined && isPassing(fields.apiCode))
  }
}

/** @param what what was being done: `Creating topic orders` */
export function refusal(what: string, apiCode: number, detail?: string | null): KafkaError {
  return new KafkaError(`${what} was refused: ${describeCode(apiCode, detail)}`, { apiCode })
}

/** `TOPIC_AUTHORIZATION_FAILED (29)`, with what the broker said of it. */
export function describeCode(apiCode: number, detail?: string | null): string {
  const name = Object.values(protocolErrors).find((known) => known.code === apiCode)?.id
  const said = detail === undefined || detail === null || detail === '' ? '.' : `: ${detail}`
  return `${name ?? 'error'} (${apiCode})${said}`
}

/**
 * The library rejects an answer that carries an error code anywhere; here codes are looked at where
 * they stand.
 */
export async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer
  } catch (error) {
    if (error instanceof ResponseError) return error['response']
    throw error
  }
}

/** Says of itself that a repetition may help. */
export function isRetriable(error: unknown): boolean {
  return error instanceof Error && 'retriable' in error && error.retriable === true
}

/** No answer came, and the connection is gone: the request may have been carried out or not. */
export function isConnectionTrouble(error: unknown): error is Error {
  return (
    error instanceof GenericError &&
    error.code === NetworkError.code &&
    reasonOf(error) === undefined
  )
}

/** What no repetition mends: wrong credentials, or TLS on one side only. */
export function reasonOf(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof AuthenticationError || cause instanceof UserError) {
      const detail = cause.cause instanceof AggregateError ? detailOf(cause.cause) : undefined
      return detail === undefined ? cause.message : `${cause.message} ${detail}`
    }
  }
  return undefined
}

function detailOf(errors: AggregateError): string | undefined {
  const first: unknown = errors.errors[0]
  return first instanceof GenericError ? (first['serverErrorMessage'] ?? undefined) : undefined
}
