// A batch as a client sent it becomes the batch that the store keeps: every record gets its version as a
// header and loses what it expected. Producer, epoch, sequence, times, codec and attributes stay; offset
// deltas become 0, 1, 2 ... Order of headers stays, the version comes last, as text.

import { compressSync } from '../../host/codec.ts'
import { varlongBytes } from '../batch/builder.ts'
import {
  BATCH_OVERHEAD_BYTES,
  BATCH_PREFIX_BYTES,
  type BatchHeader,
  batchOffsets,
  readBatchHeader,
  writeBatchCrc,
} from '../batch/header.ts'
import { writeVarlong } from './encode-batch.ts'
import { RecordScan } from './record-scan.ts'
import { VERSION_HEADER } from './store-names.ts'

const NAME = Buffer.from(VERSION_HEADER)
/** Name, digits, their lengths, and what other lengths may grow by. */
const MAX_GROWTH_BYTES = 1 + NAME.length + 1 + 11 + 10

/**
 * @param batch as it came, whose header stays
 * @param records its records, decompressed
 */
export function encodeVersions(
  batch: Buffer,
  { compression, recordCount }: BatchHeader,
  records: Buffer,
  versions: readonly number[],
): { bytes: Buffer; header: BatchHeader } {
  const room = BATCH_OVERHEAD_BYTES + records.length + recordCount * MAX_GROWTH_BYTES
  let bytes = Buffer.allocUnsafe(room)
  batch.copy(bytes, 0, 0, BATCH_OVERHEAD_BYTES)
  const scan = new RecordScan(records, recordCount)
  let at = BATCH_OVERHEAD_BYTES
  for (let index = 0; scan.next(); index++)
    at = writeRecord(bytes, at, scan, index, versions[index]!)
  bytes = bytes.subarray(0, at)
  if (compression !== 'none') {
    const packed = compressSync(compression, bytes.subarray(BATCH_OVERHEAD_BYTES))
    bytes = Buffer.concat([bytes.subarray(0, BATCH_OVERHEAD_BYTES), packed])
  }
  bytes.writeInt32BE(bytes.length - BATCH_PREFIX_BYTES, batchOffsets.batchLength)
  writeBatchCrc(bytes, 0)
  return { bytes, header: readBatchHeader(bytes, 0) }
}

function writeRecord(
  target: Buffer,
  start: number,
  scan: RecordScan,
  index: number,
  version: number,
): number {
  const { bytes, timestampDelta, contentAt, headersAt, firstHeaderAt, end } = scan
  const digits = String(version)
  const cut = scan.expectedEnd - scan.expectedStart
  const headerCount = scan.headerCount - (cut > 0 ? 1 : 0) + 1
  const length =
    1 +
    varlongBytes(timestampDelta) +
    varlongBytes(index) +
    (headersAt - contentAt) +
    varlongBytes(headerCount) +
    (end - firstHeaderAt - cut) +
    1 +
    NAME.length +
    1 +
    digits.length
  let at = writeVarlong(target, start, length)
  target[at++] = bytes[scan.bodyAt]!
  at = writeVarlong(target, at, timestampDelta)
  at = writeVarlong(target, at, index)
  at += bytes.copy(target, at, contentAt, headersAt)
  at = writeVarlong(target, at, headerCount)
  if (cut > 0) {
    at += bytes.copy(target, at, firstHeaderAt, scan.expectedStart)
    at += bytes.copy(target, at, scan.expectedEnd, end)
  } else at += bytes.copy(target, at, firstHeaderAt, end)
  target[at++] = NAME.length << 1
  at += NAME.copy(target, at)
  target[at++] = digits.length << 1
  for (let i = 0; i < digits.length; i++) target[at++] = digits.charCodeAt(i)
  return at
}
