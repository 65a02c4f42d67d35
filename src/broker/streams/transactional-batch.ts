// Makes a batch part of a transaction. Each transaction has an epoch of its own, and writes one batch to a
// partition: it begins at sequence 0.

import {
  type BatchHeader,
  batchOffsets,
  lastSequence,
  readCrc,
  TRANSACTIONAL_FLAG,
  writeBatchCrc,
  writeInt64,
} from '../batch/header.ts'

/** @param batch without a producer; its bytes are changed in place */
export function asTransactional(
  { bytes, header }: { readonly bytes: Buffer; readonly header: BatchHeader },
  { producerId, producerEpoch }: { readonly producerId: number; readonly producerEpoch: number },
): { bytes: Buffer; header: BatchHeader } {
  const attributes = header.attributes | TRANSACTIONAL_FLAG
  const baseSequence = 0
  bytes.writeInt16BE(attributes, batchOffsets.attributes)
  writeInt64(bytes, batchOffsets.producerId, producerId)
  bytes.writeInt16BE(producerEpoch, batchOffsets.producerEpoch)
  bytes.writeInt32BE(baseSequence, batchOffsets.baseSequence)
  writeBatchCrc(bytes, 0)
  return {
    bytes,
    header: {
      ...header,
      crc: readCrc(bytes, 0),
      attributes,
      isTransactional: true,
      producerId,
      producerEpoch,
      baseSequence,
      lastSequence: lastSequence(baseSequence, header.lastOffsetDelta),
    },
  }
}
