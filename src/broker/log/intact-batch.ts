// Whether bytes are a batch as it was once accepted: the check that recovery, replay, compaction and
// `log check` share. It looks at nothing but the bytes.

import {
  BATCH_OVERHEAD_BYTES,
  batchCrc,
  batchOffsets,
  CURRENT_MAGIC,
  readBatchSize,
  readCrc,
  readLastOffsetDelta,
  readMagic,
} from '../batch/header.ts'

/** Whether a whole batch with its right CRC starts at `at`. */
export function isIntactBatch(buffer: Buffer, at: number): boolean {
  if (!hasSaneHeader(buffer, at)) return false
  const sizeBytes = readBatchSize(buffer, at)
  return at + sizeBytes <= buffer.length && batchCrc(buffer, at, sizeBytes) === readCrc(buffer, at)
}

/** Whether a batch header could start at `at`; the records need not be there. */
export function hasSaneHeader(buffer: Buffer, at: number): boolean {
  return (
    at + BATCH_OVERHEAD_BYTES <= buffer.length &&
    readBatchSize(buffer, at) >= BATCH_OVERHEAD_BYTES &&
    readMagic(buffer, at) === CURRENT_MAGIC &&
    buffer.readInt32BE(at + batchOffsets.baseOffset) >= 0 &&
    buffer.readInt32BE(at + batchOffsets.baseOffset) < 0x20_0000 &&
    readLastOffsetDelta(buffer, at) >= 0
  )
}
