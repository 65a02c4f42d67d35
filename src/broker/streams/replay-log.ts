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
import type { PartitionLog, ReadOutcome } from '../log/partition-log.ts'
import type { PreparingHost } from '../log/prepare-batch.ts'
import { TimeSlice } from '../log/time-slice.ts'
import { BatchLearner } from './learn-batch.ts'
import type { StreamIndex } from './stream-index.ts'

/** Read at once, while what came before is learnt. */
const READ_BYTES = 1024 * 1024
/** Between two looks at the time: far below a millisecond. */
const BYTES_PER_LOOK = 32 * 1024

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
  const reader = new AheadReader(log)
  let offset = Math.max(fromOffset, log.logStartOffset)
  let records = 0
  let sinceLook = 0
  while (offset < log.logEndOffset) {
    const bytes = await reader.read(offset)
    if (bytes === undefined) {
      offset = log.logStartOffset
      continue
    }
    for (let at = 0; at < bytes.length; ) {
      const size = readBatchSize(bytes, at)
      // Nothing that is read here is taken back: appends wait until this is done.
      if ((readAttributes(bytes, at) & CONTROL_FLAG) === 0) {
        records += learner.learn(bytes, at, { isKept: true })
      } else endTransaction(index, bytes.subarray(at, at + size))
      offset = Math.max(offset, readLastOffset(bytes, at) + 1)
      at += size
      sinceLook += size
      if (sinceLook < BYTES_PER_LOOK) continue
      sinceLook = 0
      await slice.pause()
    }
  }
  return records
}

/** Reads a stretch of the log, and the next one before it is asked for. */
class AheadReader {
  readonly #log: PartitionLog
  /** Each is read into while the other is learnt from. */
  readonly #buffers = [Buffer.alloc(0), Buffer.alloc(0)]
  #turn = 0
  #ahead: { readonly offset: number; readonly outcome: Promise<ReadOutcome> } | undefined

  constructor(log: PartitionLog) {
    this.#log = log
  }

  /**
   * @returns whole batches, good until the next call; undefined when the log begins later by now
   * @throws ReplayFailed
   */
  async read(offset: number): Promise<Buffer | undefined> {
    const log = this.#log
    const outcome = await (this.#ahead?.offset === offset
      ? this.#ahead.outcome
      : this.#begin(offset))
    this.#ahead = undefined
    if (outcome.kind === 'out-of-range' && log.logStartOffset > offset) return undefined
    if (outcome.kind !== 'records' || outcome.bytes.length === 0) {
      throw new ReplayFailed(`${log.topic}-${log.partition} cannot be read at offset ${offset}`)
    }
    const { bytes } = outcome
    const nextOffset = endOffsetOf(bytes)
    if (nextOffset < log.logEndOffset) {
      const next = this.#begin(nextOffset)
      // Whoever gives up before it is awaited has a reason of his own.
      next.catch(() => undefined)
      this.#ahead = { offset: nextOffset, outcome: next }
    }
    return bytes
  }

  async #begin(fromOffset: number): Promise<ReadOutcome> {
    const turn = this.#turn
    this.#turn = 1 - turn
    const allocate = (bytes: number) => {
      if (bytes > this.#buffers[turn]!.length) {
        this.#buffers[turn] = Buffer.allocUnsafeSlow(Math.max(bytes, READ_BYTES))
      }
      return this.#buffers[turn]!.subarray(0, bytes)
    }
    const request = { maxBytes: READ_BYTES, upTo: 'logEnd', atLeastOneBatch: true } as const
    return await this.#log.read({ ...request, fromOffset, allocate })
  }
}

function endOffsetOf(batches: Buffer): number {
  let endOffset = 0
  for (let at = 0; at < batches.length; at += readBatchSize(batches, at)) {
    endOffset = readLastOffset(batches, at) + 1
  }
  return endOffset
}

function endTransaction(index: StreamIndex, batch: Buffer): void {
  const { kind } = readControlMarker(batch)
  if (kind !== 'other') index.end(readProducerId(batch, 0), kind === 'abort')
}
