// A record of a store as its readers get it, and how it is taken out of a batch.

import type { BatchHeader } from '../batch/header.ts'
import { timestampOf } from '../batch/records.ts'
import type { RecordScan } from './record-scan.ts'

export interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: number
}

export interface StoredRecord extends Position {
  readonly stream: string
  /** Of a record about its stream: that of the newest event before it, -1 when there was none. */
  readonly version: number
  readonly value: Buffer | null
  readonly headers: readonly (readonly [name: string, value: Buffer | null])[]
  readonly timestampMs: number
}

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
