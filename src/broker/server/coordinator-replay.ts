// What a partition of __consumer_offsets says, record by record, as it is read from its log.
// Offsets that were committed in a transaction count from its commit marker on.
// Source: KIP-98.

import { readControlMarker } from '../batch/control-marker.ts'
import { readBatchHeader } from '../batch/header.ts'
import { readRecords } from '../batch/records.ts'
import { decodeRecord, type GroupRecord } from '../coordinators/groups/records.ts'

/** Where the records go: `stagedBy` is the producer with whose transaction one counts. */
export interface GroupLogReader {
  record(record: GroupRecord, stagedBy?: number): void
  endTransaction(producerId: number, isCommit: boolean): void
}

/**
 * @param bytes whole batches
 * @returns the offset to read on from
 * @throws DecodeError when a record is not what its key says
 */
export function replayGroupLog(bytes: Buffer, reader: GroupLogReader): number {
  let at = 0
  let nextOffset = -1
  while (at < bytes.length) {
    const header = readBatchHeader(bytes, at)
    const batch = bytes.subarray(at, at + header.sizeBytes)
    if (header.isControlBatch) {
      const { kind } = readControlMarker(batch)
      if (kind !== 'other') reader.endTransaction(header.producerId, kind === 'commit')
    } else {
      const stagedBy = header.isTransactional ? header.producerId : undefined
      for (const record of recordsIn(batch)) reader.record(record, stagedBy)
    }
    at += header.sizeBytes
    nextOffset = header.lastOffset + 1
  }
  return nextOffset
}

function* recordsIn(batch: Buffer): Generator<GroupRecord> {
  for (const { key, value } of readRecords(batch)) {
    const record = key === null ? undefined : decodeRecord(key, value)
    if (record !== undefined) yield record
  }
}
