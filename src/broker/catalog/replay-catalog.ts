// Folds the catalogue's log into state at start.

import type { Timers } from '../../host/clock.ts'
import { readBatchHeader } from '../batch/header.ts'
import { readRecords } from '../batch/records.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { decodeRecord } from './catalog-record.ts'
import type { CatalogState } from './catalog-state.ts'

const BYTES_PER_READ = 1_048_576

/** @throws when a part of the log cannot be read, or holds what is no record of a catalogue */
export async function replayCatalog(
  log: PartitionLog,
  state: CatalogState,
  timers: Timers,
): Promise<void> {
  let offset = log.logStartOffset
  while (offset < log.highWatermark) {
    const outcome = await log.read({
      fromOffset: offset,
      maxBytes: BYTES_PER_READ,
      upTo: 'highWatermark',
      atLeastOneBatch: true,
    })
    if (outcome.kind !== 'records') {
      throw new Error(
        `The catalogue cannot be read at offset ${offset}: ${log.offlineReason ?? outcome.kind}.`,
      )
    }
    const { bytes } = outcome
    for (let at = 0; at < bytes.length; ) {
      const header = readBatchHeader(bytes, at)
      for (const { key, value } of readRecords(bytes.subarray(at, at + header.sizeBytes))) {
        state.apply(decodeRecord(key, value))
      }
      at += header.sizeBytes
      offset = header.lastOffset + 1
      await timers.yield() // a batch holds hundreds of topics
    }
  }
}
