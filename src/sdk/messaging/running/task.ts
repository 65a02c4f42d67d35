// One event on its way through a consumer: the record, and what has become of it so far.

import type { Decoded } from '../../events/decode.ts'
import type { IncomingRecord } from '../../events/record.ts'
import type { SendRequest } from '../../transport/producer.ts'
import type { Failure, ParkReason, RedriveOutcome } from '../parking-lot.ts'
import type { PartitionRun } from './partition-run.ts'

export interface Task {
  readonly run: PartitionRun
  readonly record: IncomingRecord
  /** Where it was read: of another topic than the record's when it came back from a retry topic. */
  readonly offset: number
  /** In the tracker of its partition; undefined for an event that is handed back by the lot. */
  readonly ticket: number | undefined
  readonly redrive: Redrive | undefined
  decoded: Decoded | undefined
  /** Of this event alone, by this owner; those during an outage are not counted. */
  failures: number
  firstFailedMs: number | undefined
  lastFailedMs: number
  lastError: unknown
  /** It is to be parked, and could not be so far. */
  parking: Parking | undefined
  /** Finished before the others that were taken with it. */
  isFinished: boolean
}

export interface Parking {
  readonly reason: ParkReason
  readonly failure: Failure | undefined
  readonly holdsKey: boolean
}

export interface Redrive {
  readonly alongside: readonly SendRequest[]
  readonly settle: (outcome: RedriveOutcome) => void
  readonly break: (error: unknown) => void
}

export function taskOf(
  run: PartitionRun,
  record: IncomingRecord,
  more: { readonly ticket?: number; readonly offset?: number; readonly redrive?: Redrive } = {},
): Task {
  return {
    run,
    record,
    offset: more.offset ?? record.offset,
    ticket: more.ticket,
    redrive: more.redrive,
    decoded: undefined,
    failures: 0,
    firstFailedMs: undefined,
    lastFailedMs: 0,
    lastError: undefined,
    parking: undefined,
    isFinished: false,
  }
}

/** Failures are told apart by it: the key, or the position of an event without one. */
export function keyOf({ record }: Task): string {
  const { topic, partition, offset, key } = record
  if (key === null) return `${topic}/${partition}/${offset}`
  const bytes = key instanceof Buffer ? key : Buffer.from(key.buffer, key.byteOffset, key.length)
  return bytes.toString('latin1')
}

export function failureOf(task: Task): Failure {
  const error = task.lastError
  const isError = error instanceof Error
  const code: unknown = isError && 'code' in error ? error.code : undefined
  return {
    attempts: task.failures,
    firstFailedMs: task.firstFailedMs ?? task.lastFailedMs,
    lastFailedMs: task.lastFailedMs,
    errorName: isError ? error.name : typeof error,
    errorMessage: isError ? error.message : String(error),
    errorCode: typeof code === 'string' ? code : undefined,
    stack: isError ? error.stack : undefined,
  }
}
