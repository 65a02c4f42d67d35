// Teaches a stream index what a batch in the log says: the way in for replay, where nothing is made for a
// record that need not be.

import {
  batchOffsets,
  COMPRESSION_MASK,
  readAttributes,
  readBaseOffset,
  readBatchSize,
  readMaxTimestamp,
  readProducerId,
  readRecordCount,
  TRANSACTIONAL_FLAG,
} from '../batch/header.ts'
import { recordBytes } from '../batch/records.ts'
import { firstVersionIn } from './read-wanted.ts'
import { RecordScan } from './record-scan.ts'
import type { StreamIndex } from './stream-index.ts'

const NOTHING = Buffer.alloc(0)

export class BatchLearner {
  readonly #index: StreamIndex
  readonly #scan = new RecordScan(NOTHING, 0)

  constructor(index: StreamIndex) {
    this.#index = index
  }

  /**
   * @param at where the batch starts, all of which is in the buffer; it is no control batch
   * @param isKept nothing can take the batch back any more
   * @returns how many records it had @throws DecodeError | CodecError
   */
  learn(
    bytes: Buffer,
    at: number,
    { baseOffset = readBaseOffset(bytes, at), isKept }: { baseOffset?: number; isKept: boolean },
  ): number {
    const index = this.#index
    const scan = this.#scan
    const recordCount = readRecordCount(bytes, at)
    const attributes = readAttributes(bytes, at)
    const isTransactional = (attributes & TRANSACTIONAL_FLAG) !== 0
    const producerId = isTransactional ? readProducerId(bytes, at) : -1
    let records = bytes
    if ((attributes & COMPRESSION_MASK) === 0) {
      scan.restart(bytes, recordCount, at + batchOffsets.records)
    } else {
      records = recordBytes(bytes.subarray(at, at + readBatchSize(bytes, at)))
      scan.restart(records, recordCount)
    }
    index.noteTime(readMaxTimestamp(bytes, at), baseOffset)
    const { streams } = index
    let slot = -1
    let keyAt = 0
    let keyEnd = 0
    while (scan.next()) {
      // Only a folder from elsewhere has records without key in a store: they are nobody's.
      if (scan.keyLength <= 0) continue
      // Events that were appended together are mostly of one stream.
      const end = scan.keyAt + scan.keyLength
      if (slot < 0 || !isSame(records, keyAt, keyEnd, scan.keyAt, end)) {
        slot = streams.ensure(records, scan.keyAt, end)
        keyAt = scan.keyAt
        keyEnd = end
      }
      const offset = baseOffset + scan.offsetDelta
      const idEnd = scan.idAt + Math.max(0, scan.idLength)
      const kind = scan.kind
      if (kind === 'event' && isKept && producerId < 0) {
        index.learn(slot, offset, scan.version ?? -1, records, scan.idAt, idEnd)
        continue
      }
      const hasId = scan.idLength > 0
      index.apply({
        slot,
        offset,
        kind,
        version: kind === 'event' ? scan.version : undefined,
        id: hasId ? index.idOf(streams.hashOf(slot), records, scan.idAt, idEnd) : undefined,
        beforeVersion: kind === 'truncated' ? firstVersionIn(scan.value) : undefined,
        producerId,
        isKept,
      })
    }
    return recordCount
  }
}

function isSame(
  bytes: Buffer,
  start: number,
  end: number,
  otherStart: number,
  otherEnd: number,
): boolean {
  const length = end - start
  if (otherEnd - otherStart !== length) return false
  // Names differ at their ends, if anywhere.
  for (let i = length - 1; i >= 0; i--) if (bytes[start + i] !== bytes[otherStart + i]) return false
  return true
}
