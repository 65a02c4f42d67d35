// Learns a partition of a store from its log, from an offset to its end: everything after the loss of
// the index, the tail after a start. Gives way to others every few milliseconds.

import { readControlMarker } from '../batch/control-marker.ts'
import { readBatchHeader } from '../batch/header.ts'
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
    for (let at = 0; at < bytes.length; ) {
      const header = readBatchHeader(bytes, at)
      const batch = bytes.subarray(at, at + header.sizeBytes)
      const { baseOffset } = header
      // Nothing that is read here is taken back: appends wait until this is done.
      if (!header.isControlBatch) {
        records += learner.learn(batch, header, { baseOffset, isKept: true })
      } else endTransaction(index, header.producerId, batch)
      offset = Math.max(offset, header.lastOffset + 1)
      at += header.sizeBytes
    }
    await slice.pause()
  }
  return records
}

function endTransaction(index: StreamIndex, producerId: number, batch: Buffer): void {
  const { kind } = readControlMarker(batch)
  if (kind !== 'other') index.end(producerId, kind === 'abort')
}
