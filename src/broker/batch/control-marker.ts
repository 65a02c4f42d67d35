// The marker that ends a transaction in a partition: a control batch of one record.
// Source: KIP-98, "Control Messages"; the key is { version: int16, type: int16 (0 abort, 1 commit) },
// the value { version: int16, coordinatorEpoch: int32 }.

import { DecodeError, Reader } from '../bytes/reader.ts'
import { Writer } from '../bytes/writer.ts'
import { buildBatch } from './builder.ts'
import { batchOffsets, readBatchHeader } from './header.ts'
import { RecordCursor } from './record-cursor.ts'

export interface ControlMarker {
  /** `other`: of a newer kind, or a batch that compaction has emptied; readers skip both. */
  readonly kind: 'abort' | 'commit' | 'other'
  readonly coordinatorEpoch: number
}

const ABORT_TYPE = 0
const COMMIT_TYPE = 1

/** @returns one batch, transactional, for the log to place */
export function buildControlMarker(marker: {
  readonly kind: 'abort' | 'commit'
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
}): Buffer {
  const key = new Writer()
  key.int16(0)
  key.int16(marker.kind === 'abort' ? ABORT_TYPE : COMMIT_TYPE)
  const value = new Writer()
  value.int16(0)
  value.int32(marker.coordinatorEpoch)
  return buildBatch({
    records: [{ timestamp: marker.timestamp, key: key.toBuffer(), value: value.toBuffer() }],
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    isTransactional: true,
    isControlBatch: true,
  })
}

/**
 * @param at where the control batch starts in the buffer
 * @throws DecodeError when what it holds is no control record
 */
export function readControlMarker(buffer: Buffer, at = 0): ControlMarker {
  const { sizeBytes, recordCount } = readBatchHeader(buffer, at)
  if (recordCount === 0) return { kind: 'other', coordinatorEpoch: -1 }
  const records = buffer.subarray(at + batchOffsets.records, at + sizeBytes)
  const cursor = new RecordCursor(records, recordCount)
  if (!cursor.next()) throw new DecodeError('a control batch without a record', at)
  const { key, value } = cursor
  if (key === null || value === null) throw new DecodeError('a control record without content', at)
  const keyReader = new Reader(key)
  keyReader.int16() // version: newer ones may only append
  const type = keyReader.int16()
  if (type !== ABORT_TYPE && type !== COMMIT_TYPE) return { kind: 'other', coordinatorEpoch: -1 }
  const valueReader = new Reader(value)
  valueReader.int16()
  return { kind: type === ABORT_TYPE ? 'abort' : 'commit', coordinatorEpoch: valueReader.int32() }
}
