// Teaches a stream index what a batch in the log says: the way in for replay, where nothing is made for a
// record that need not be.

import { type BatchHeader, batchOffsets } from '../batch/header.ts'
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
   * @param isKept nothing can take the batch back any more
   * @returns how many records it had @throws DecodeError | CodecError
   */
  learn(
    batch: Buffer,
    header: BatchHeader,
    { baseOffset, isKept }: { baseOffset: number; isKept: boolean },
  ): number {
    const index = this.#index
    const scan = this.#scan
    const { recordCount, compression, isTransactional } = header
    const isPlain = compression === 'none'
    const records = isPlain ? batch.subarray(batchOffsets.records) : recordBytes(batch)
    const { streams } = index
    const producerId = isTransactional ? header.producerId : -1
    index.noteTime(header.maxTimestamp, baseOffset)
    scan.restart(records, recordCount)
    while (scan.next()) {
      // Only a folder from elsewhere has records without key in a store: they are nobody's.
      if (scan.keyLength <= 0) continue
      const slot = streams.ensure(records, scan.keyAt, scan.keyAt + scan.keyLength)
      const kind = scan.kind
      const hasId = scan.idLength > 0
      const idEnd = scan.idAt + scan.idLength
      index.apply({
        slot,
        offset: baseOffset + scan.offsetDelta,
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
