// Learns a partition of a store from its log, from an offset to its end: everything after the loss of
// the index, the tail after a start. Gives way to others every few milliseconds.

import { readControlMarker } from '../batch/control-marker.ts'
import {
  CONTROL_FLAG,
  readAttributes,
  readBatchSize,
  readLastOffset,
  readProducerId,
} from '../batch/header.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { PreparingHost } from '../log/prepare-batch.ts'
import { TimeSlice } from '../log/time-slice.ts'
import { BatchLearner } from './learn-batch.ts'
import type { StreamIndex } from './stream-index.ts'

/** Learnt within one turn: some milliseconds. */
const READ_BYTES = 512 * 1024

/** The log could not be read to its end. */
export class ReplayFailed extends Error {}

/** @returns how many records there were */
export async function replayLog(
  index: StreamIndex,
  log: PartitionLog,
  { fromOffset, host }: { fromOffset: number; host: PreparingHost },
): Promise<number> {
  const slice = new TimeSlice(host)
  const learner = new BatchLearner(index)
  let buffer = Buffer.allocUnsafe(READ_BYTES)
  const allocate = (bytes: number) => {
    if (bytes > buffer.length) buffer = Buffer.allocUnsafe(bytes)
    return buffer.subarray(0, bytes)
  }
  let offset = Math.max(fromOffset, log.logStartOffset)
  let records = 0
  while (offset < log.logEndOffset) {
    const request = { maxBytes: READ_BYTES, upTo: 'logEnd', atLeastOneBatch: true } as const
    const outcome = await log.read({ ...request, fromOffset: offset, allocate })
    if (outcome.kind === 'out-of-range' && log.logStartOffset > offset) {
      offset = log.logStartOffset
      continue
    }
    if (outcome.kind !== 'records' || outcome.bytes.length === 0) {
      throw new ReplayFailed(`${log.topic}-${log.partition} cannot be read at offset ${offset}`)
    }
    const { bytes } = outcome
    for (let at = 0; at < bytes.length; at += readBatchSize(bytes, at)) {
      // Nothing that is read here is taken back: appends wait until this is done.
      if ((readAttributes(bytes, at) & CONTROL_FLAG) === 0) {
        records += learner.learn(bytes, at, { isKept: true })
      } else endTransaction(index, bytes.subarray(at, at + readBatchSize(bytes, at)))
      offset = Math.max(offset, readLastOffset(bytes, at) + 1)
    }
    await slice.pause()
  }
  return records
}

function endTransaction(index: StreamIndex, batch: Buffer): void {
  const { kind } = readControlMarker(batch)
  if (kind !== 'other') index.end(readProducerId(batch, 0), kind === 'abort')
}
