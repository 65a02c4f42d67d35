// Teaches a stream index what a batch in the log says: the way in for replay.

import type { BatchHeader } from '../batch/header.ts'
import { recordBytes } from '../batch/records.ts'
import { firstVersionIn } from './read-wanted.ts'
import { RecordScan } from './record-scan.ts'
import type { StreamIndex } from './stream-index.ts'

/** @returns how many records it had @throws DecodeError | CodecError */
export function learnBatch(
  index: StreamIndex,
  batch: Buffer,
  header: BatchHeader,
  baseOffset: number,
): number {
  const records = recordBytes(batch)
  const scan = new RecordScan(records, header.recordCount)
  const { streams } = index
  index.noteTime(header.maxTimestamp, baseOffset)
  while (scan.next()) {
    // Only a folder from elsewhere has records without key in a store: they are nobody's.
    if (scan.keyLength <= 0) continue
    const slot = streams.ensure(records, scan.keyAt, scan.keyAt + scan.keyLength)
    const kind = scan.kind
    index.apply({
      slot,
      offset: baseOffset + scan.offsetDelta,
      kind,
      version: kind === 'event' ? scan.version : undefined,
      id:
        scan.idLength > 0
          ? index.idOf(streams.hashOf(slot), records, scan.idAt, scan.idAt + scan.idLength)
          : undefined,
      beforeVersion: kind === 'truncated' ? firstVersionIn(scan.value) : undefined,
      producerId: header.isTransactional ? header.producerId : -1,
    })
  }
  return header.recordCount
}
