// Gets a batch ready to be judged: checked by itself, and in the codec that the topic wants. Small
// ones here and now; what takes long (a batch compressed anew, or one with much in it) off the event
// loop and in slices, within the broker's budget.
// Source: what Kafka's LogValidator does: same codec, same bytes; another one, the batch is built anew.

import type { Clock, Timers } from '../../host/clock.ts'
import type { Codec } from '../../host/codec.ts'
import { CodecError } from '../../host/codec-block.ts'
import {
  BATCH_OVERHEAD_BYTES,
  type BatchHeader,
  batchOffsets,
  readBatchHeader,
} from '../batch/header.ts'
import { inspectRecords } from '../batch/inspect-records.ts'
import { recompress } from '../batch/recompress.ts'
import { recordBytes, recordBytesAsync } from '../batch/records.ts'
import type { Refusal } from './append-outcome.ts'
import {
  type BatchCheck,
  checkHeader,
  checkKeys,
  checkRecords,
  checkSize,
  checkTime,
  isRefusal,
  MAX_CHECKED_BYTES,
  needsKeys,
  unreadable,
} from './check-batch.ts'
import type { LogConfig } from './log-config.ts'
import { TimeSlice } from './time-slice.ts'
import type { Work, WorkBudget } from './work-budget.ts'

/** A batch that may be judged and appended. */
export interface PreparedBatch {
  readonly bytes: Buffer
  readonly header: BatchHeader
  /** To be called when nobody needs the bytes any more; only where they are not the producer's. */
  readonly release?: () => void
}

export interface PreparingHost {
  readonly clock: Clock
  readonly timers: Timers
}

export interface Preparing {
  readonly host: PreparingHost
  readonly work: WorkBudget
}

/** Records of so many bytes are looked at on the event loop: a few milliseconds. */
const BYTES_AT_ONCE = 2 * 1024 * 1024
/** What most compressed batches grow by; those that grow more are begun again with room for the most. */
const USUAL_GROWTH = 8
const LEAST_ROOM_BYTES = 256 * 1024

/** @param batch stays as it is until a promise settles; what comes out may be the same buffer */
export function prepareBatch(
  batch: Buffer,
  check: BatchCheck,
  preparing: Preparing,
): PreparedBatch | Refusal | Promise<PreparedBatch | Refusal> {
  const header = checkHeader(batch, check)
  if (isRefusal(header)) return header
  if (targetCodec(header, check) !== header.compression)
    return prepareAside(batch, header, check, preparing)
  if (header.compression !== 'none' && !check.config.checkCompressedRecords)
    return { bytes: batch, header }
  try {
    const bytes = decompressedAtOnce(batch, header)
    if (bytes === undefined) return prepareAside(batch, header, check, preparing)
    const start = bytes === batch ? batchOffsets.records : 0
    return checkRecords(bytes, start, header, check) ?? { bytes: batch, header }
  } catch (error) {
    return unreadable(error)
  }
}

/** Only what clients write is compressed anew: markers and the broker's own records stay as they are. */
function targetCodec({ compression }: BatchHeader, { config, origin }: BatchCheck): Codec {
  if (origin !== 'client' || config.compressionType === 'producer') return compression
  return config.compressionType
}

/**
 * The records; of a batch that is not compressed the batch, since a view would cost each produce.
 * @returns undefined when it is too much
 * @throws CodecError | DecodeError
 */
function decompressedAtOnce(batch: Buffer, { compression }: BatchHeader): Buffer | undefined {
  if (compression === 'none') return batch.length <= BYTES_AT_ONCE ? batch : undefined
  try {
    return recordBytes(batch, BYTES_AT_ONCE)
  } catch (error) {
    if (isTooLarge(error)) return undefined
    throw error
  }
}

/** Never rejects for what is wrong with the batch. */
async function prepareAside(
  batch: Buffer,
  header: BatchHeader,
  check: BatchCheck,
  { host, work: budget }: Preparing,
): Promise<PreparedBatch | Refusal> {
  const work = budget.begin()
  const codec = targetCodec(header, check)
  let prepared: PreparedBatch | Refusal
  try {
    const isSame = codec === header.compression
    const records = await decompressed(batch, header, { work, copies: isSame ? 1 : 2 })
    const slice = new TimeSlice(host)
    const pause = () => slice.pause()
    const summary = await inspectRecords(records, header.recordCount, pause)
    const problem =
      (needsKeys(check) ? checkKeys(summary.withoutKey) : undefined) ??
      (isSame ? undefined : checkTime(timesOf(header, summary), check)) ??
      (codec === 'none'
        ? checkSize(BATCH_OVERHEAD_BYTES + records.length, check.config)
        : undefined)
    if (problem !== undefined) prepared = problem
    else if (isSame) prepared = { bytes: batch, header }
    else {
      const level = levelOf(codec, check.config)
      const bytes = await recompress(header, records, summary, { codec, level, pause })
      prepared = checkSize(bytes.length, check.config) ?? {
        bytes,
        header: readBatchHeader(bytes, 0),
        release: () => work.release(),
      }
    }
  } catch (error) {
    work.release()
    return unreadable(error)
  }
  if (isRefusal(prepared) || prepared.release === undefined) work.release()
  else work.ready(prepared.bytes.length)
  return prepared
}

/** @param room.copies how many times their size is taken: what is made of them counts as well */
async function decompressed(
  batch: Buffer,
  { compression }: BatchHeader,
  { work, copies }: { work: Work; copies: number },
): Promise<Buffer> {
  if (compression === 'none') {
    await work.run(batch.length)
    return batch.subarray(batchOffsets.records)
  }
  const usual = Math.max(LEAST_ROOM_BYTES, batch.length * USUAL_GROWTH)
  if (usual < MAX_CHECKED_BYTES) {
    await work.run(copies * usual)
    try {
      return await recordBytesAsync(batch, usual)
    } catch (error) {
      if (!isTooLarge(error)) throw error
    }
  }
  await work.run(copies * MAX_CHECKED_BYTES)
  return await recordBytesAsync(batch, MAX_CHECKED_BYTES)
}

function timesOf(
  { baseTimestamp, isLogAppendTime }: BatchHeader,
  {
    minTimestampDelta,
    maxTimestampDelta,
  }: { minTimestampDelta: number; maxTimestampDelta: number },
) {
  return {
    isLogAppendTime,
    baseTimestamp: baseTimestamp + minTimestampDelta,
    maxTimestamp: baseTimestamp + maxTimestampDelta,
  }
}

function levelOf(
  codec: Codec,
  { compressionGzipLevel, compressionZstdLevel }: LogConfig,
): number | undefined {
  if (codec === 'gzip') return compressionGzipLevel
  return codec === 'zstd' ? compressionZstdLevel : undefined
}

function isTooLarge(error: unknown): boolean {
  return error instanceof CodecError && error.code === 'too-large'
}
