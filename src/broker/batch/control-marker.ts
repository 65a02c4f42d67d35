// Control batches end a transaction in a partition: one record whose key says how, whose value names
// the coordinator's epoch. Source: KIP-98. Key: int16 version, int16 type; value: int16 version,
// int32 coordinator epoch.

import { DecodeError, Reader } from '../bytes/reader.ts'
import { buildBatch } from './builder.ts'
import { readRecords } from './records.ts'

const MARKER_VERSION = 0
const ABORT = 0
const COMMIT = 1

export interface ControlMarker {
  /** `other` is a control record that is not of a transaction, such as a leader change. */
  readonly kind: 'commit' | 'abort' | 'other'
  readonly coordinatorEpoch: number
}

/** @param batch one control batch @throws DecodeError */
export function readControlMarker(batch: Buffer): ControlMarker {
  const [record] = readRecords(batch)
  if (record?.key === undefined || record.key === null) throw new DecodeError('no marker', 0)
  const key = new Reader(record.key)
  key.int16()
  const type = key.int16()
  if (type !== ABORT && type !== COMMIT) return { kind: 'other', coordinatorEpoch: -1 }
  const value = new Reader(record.value ?? Buffer.alloc(0))
  value.int16()
  return { kind: type === COMMIT ? 'commit' : 'abort', coordinatorEpoch: value.int32() }
}

export function buildControlMarker(marker: {
  readonly kind: 'commit' | 'abort'
  readonly coordinatorEpoch: number
  readonly producerId: number
  readonly producerEpoch: number
  /** Milliseconds since 1970. */
  readonly timestamp: number
}): Buffer {
  const key = Buffer.alloc(4)
  key.writeInt16BE(MARKER_VERSION, 0)
  key.writeInt16BE(marker.kind === 'commit' ? COMMIT : ABORT, 2)
  const value = Buffer.alloc(6)
  value.writeInt16BE(MARKER_VERSION, 0)
  value.writeInt32BE(marker.coordinatorEpoch, 2)
  return buildBatch({
    records: [{ timestamp: marker.timestamp, key, value }],
    producerId: marker.producerId,
    producerEpoch: marker.producerEpoch,
    isTransactional: true,
    isControlBatch: true,
  })
}
