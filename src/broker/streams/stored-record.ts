// How a record of a store is taken out of its batch.

import type { BatchHeader } from '../batch/header.ts'
import { timestampOf } from '../batch/records.ts'
import type { StoredRecord } from './event-store.ts'
import type { RecordScan } from './record-scan.ts'

/** @param at the partition that the batch stands in @param scan stands on the record */
export function storedRecord(
  scan: RecordScan,
  header: BatchHeader,
  at: { readonly topic: string; readonly partition: number },
): StoredRecord {
  return {
    topic: at.topic,
    partition: at.partition,
    offset: header.baseOffset + scan.offsetDelta,
    stream: scan.key,
    version: scan.version ?? -1,
    value: scan.value,
    headers: scan.headers(),
    timestampMs: timestampOf(header, scan.timestampDelta),
  }
}
