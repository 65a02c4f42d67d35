// May this batch enter this partition? Judged by its bytes, the topic's settings and the time alone;
// what depends on the producer's history is producer-state.ts's. Pure.
// Source: kafka.md rules 9-14, which follow Kafka's own LogValidator; KIP-32, KIP-467 (record errors).

import { CodecError } from '../../host/codec-block.ts'
import {
  BATCH_OVERHEAD_BYTES,
  type BatchHeader,
  batchCrc,
  CURRENT_MAGIC,
  NO_TIMESTAMP,
  readBatchHeader,
  readBatchSize,
  readMagic,
} from '../batch/header.ts'
import { MAX_NAMED_RECORDS } from '../batch/inspect-records.ts'
import { RecordCursor } from '../batch/record-cursor.ts'
import { walkRecords } from '../batch/records.ts'
import { DecodeError } from '../bytes/reader.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { type Refusal, refuse } from './append-outcome.ts'
import { isCompacted, type LogConfig } from './log-config.ts'

/** Who writes: clients may do less than the broker's own coordinators. */
export type AppendOrigin = 'client' | 'coordinator' | 'internal'

export interface BatchCheck {
  readonly config: LogConfig
  readonly origin: AppendOrigin
  readonly nowMs: number
  /** Only a planted fault turns this on. */
  readonly ignoreCrc?: boolean
}

/** What one compressed batch may grow to when its records are looked at. */
export const MAX_CHECKED_BYTES = 64 * 1024 * 1024

/** All but the records. @returns the batch's header, or why it may not enter */
export function checkHeader(batch: Buffer, check: BatchCheck): BatchHeader | Refusal {
  const { config, origin } = check
  const shape = checkShape(batch)
  if (shape !== undefined) return shape
  const header = headerOf(batch)
  if (header === undefined) return refuse(ErrorCode.CORRUPT_MESSAGE, 'The batch has a bad header.')
  // A transaction must be able to end, however small the topic wants its records.
  const isMarker = header.isControlBatch && origin === 'coordinator'
  const misfit = checkSize(batch.length, isMarker ? anySizeIn(config) : config)
  if (misfit !== undefined) return misfit
  if (check.ignoreCrc !== true && batchCrc(batch, 0, batch.length) !== header.crc) {
    return refuse(ErrorCode.CORRUPT_MESSAGE, 'The batch does not match its checksum.')
  }
  return checkFields(header, origin) ?? checkTime(header, check) ?? header
}

function anySizeIn({ segmentBytes }: LogConfig) {
  return { maxMessageBytes: Number.POSITIVE_INFINITY, segmentBytes }
}

export function checkSize(
  sizeBytes: number,
  { maxMessageBytes, segmentBytes }: Pick<LogConfig, 'maxMessageBytes' | 'segmentBytes'>,
): Refusal | undefined {
  if (sizeBytes > maxMessageBytes) {
    return refuse(
      ErrorCode.MESSAGE_TOO_LARGE,
      `The batch has ${sizeBytes} bytes, max.message.bytes is ${maxMessageBytes}.`,
    )
  }
  if (sizeBytes > segmentBytes) {
    return refuse(
      ErrorCode.RECORD_LIST_TOO_LARGE,
      `The batch has ${sizeBytes} bytes, segment.bytes is ${segmentBytes}.`,
    )
  }
  return undefined
}

export function isRefusal<T extends object>(result: T | Refusal): result is Refusal {
  return 'kind' in result
}

/** Exactly one batch of the current format. */
function checkShape(batch: Buffer): Refusal | undefined {
  if (batch.length < BATCH_OVERHEAD_BYTES) {
    return refuse(ErrorCode.CORRUPT_MESSAGE, 'The batch ends within its header.')
  }
  if (readMagic(batch, 0) !== CURRENT_MAGIC) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `Batches of magic ${readMagic(batch, 0)} are not taken.`,
    )
  }
  const sizeBytes = readBatchSize(batch, 0)
  if (sizeBytes < BATCH_OVERHEAD_BYTES || sizeBytes > batch.length) {
    return refuse(ErrorCode.CORRUPT_MESSAGE, 'The batch is not as long as it says.')
  }
  if (sizeBytes < batch.length) {
    return refuse(ErrorCode.INVALID_RECORD, 'A partition takes exactly one batch per request.')
  }
  return undefined
}

function headerOf(batch: Buffer): BatchHeader | undefined {
  try {
    return readBatchHeader(batch, 0)
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}

function checkFields(header: BatchHeader, origin: AppendOrigin): Refusal | undefined {
  const { recordCount, lastOffsetDelta } = header
  if (recordCount <= 0 || lastOffsetDelta + 1 !== recordCount) {
    return refuse(
      ErrorCode.INVALID_RECORD,
      `The batch says ${recordCount} records and a last offset delta of ${lastOffsetDelta}.`,
    )
  }
  if (origin !== 'client') return undefined
  if (header.isControlBatch) {
    return refuse(ErrorCode.INVALID_RECORD, 'Clients may not write control records.')
  }
  if (header.hasDeleteHorizon) {
    return refuse(ErrorCode.INVALID_RECORD, 'Clients may not set a delete horizon.')
  }
  if (header.isTransactional && header.producerId < 0) {
    return refuse(ErrorCode.INVALID_RECORD, 'A transactional batch must name its producer.')
  }
  if (header.producerId >= 0 && header.baseSequence < 0) {
    return refuse(ErrorCode.INVALID_RECORD, 'An idempotent batch must carry a sequence.')
  }
  return undefined
}

/** KIP-32. Batches without a timestamp pass, and so does any time that the broker will overwrite. */
export function checkTime(
  header: Pick<BatchHeader, 'isLogAppendTime' | 'maxTimestamp' | 'baseTimestamp'>,
  { config, nowMs }: Pick<BatchCheck, 'config' | 'nowMs'>,
): Refusal | undefined {
  if (config.messageTimestampType === 'LogAppendTime') return undefined
  if (header.isLogAppendTime) {
    return refuse(ErrorCode.INVALID_TIMESTAMP, 'Producers may not claim a log append time.')
  }
  const { maxTimestamp, baseTimestamp } = header
  if (maxTimestamp === NO_TIMESTAMP) return undefined
  if (maxTimestamp - nowMs > config.messageTimestampAfterMaxMs) {
    return refuse(
      ErrorCode.INVALID_TIMESTAMP,
      `Timestamp ${maxTimestamp} is too far ahead: message.timestamp.after.max.ms is ${config.messageTimestampAfterMaxMs}.`,
    )
  }
  const oldest = Math.min(baseTimestamp, maxTimestamp)
  if (nowMs - oldest > config.messageTimestampBeforeMaxMs) {
    return refuse(
      ErrorCode.INVALID_TIMESTAMP,
      `Timestamp ${oldest} is too old: message.timestamp.before.max.ms is ${config.messageTimestampBeforeMaxMs}.`,
    )
  }
  return undefined
}

/**
 * Counts the records and, in a compacted topic, looks for their keys, here and now.
 * @param bytes decompressed records, from `start` to the end
 */
export function checkRecords(
  bytes: Buffer,
  start: number,
  { recordCount }: BatchHeader,
  { config, origin }: BatchCheck,
): Refusal | undefined {
  const problem = walkRecords(bytes, start, bytes.length, recordCount)
  if (problem !== undefined) return refuse(ErrorCode.INVALID_RECORD, `Bad batch: ${problem}.`)
  if (!needsKeys({ config, origin })) return undefined
  return checkKeys(keylessRecords(bytes.subarray(start), recordCount))
}

/** A compacted topic keeps the last record of each key, so each must have one. */
export function needsKeys({ config, origin }: Pick<BatchCheck, 'config' | 'origin'>): boolean {
  return isCompacted(config) && origin === 'client'
}

/** @param withoutKey indexes within the batch */
export function checkKeys(withoutKey: readonly number[]): Refusal | undefined {
  if (withoutKey.length === 0) return undefined
  const recordErrors = withoutKey.map((batchIndex) => ({
    batchIndex,
    message: 'A compacted topic cannot take a record without key.',
  }))
  const message = 'One or more records have been rejected: they have no key.'
  return { kind: 'refused', errorCode: ErrorCode.INVALID_RECORD, message, recordErrors }
}

/** What a batch is refused with whose records cannot be read. @throws anything else that it is given */
export function unreadable(error: unknown): Refusal {
  if (error instanceof CodecError) {
    const isBomb = error.code === 'too-large'
    const code = isBomb ? ErrorCode.MESSAGE_TOO_LARGE : ErrorCode.CORRUPT_MESSAGE
    return refuse(code, `The batch cannot be decompressed: ${error.message}.`)
  }
  if (error instanceof DecodeError) {
    return refuse(ErrorCode.INVALID_RECORD, `Bad batch: ${error.message}.`)
  }
  throw error
}

function keylessRecords(records: Buffer, recordCount: number): number[] {
  const indexes: number[] = []
  const cursor = new RecordCursor(records, recordCount)
  for (let index = 0; cursor.next() && indexes.length < MAX_NAMED_RECORDS; index++) {
    if (cursor.keyLength === -1) indexes.push(index)
  }
  return indexes
}
