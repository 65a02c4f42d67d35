// What a partition of __consumer_offsets says, record by record, as it is read from its log.
// Offsets that were committed in a transaction count from its commit marker on; a plain commit or
// tombstone after them takes their place. (A folder that Kafka wrote may hold such transactions.)
// Source: KIP-98.

import { readControlMarker } from '../batch/control-marker.ts'
import { type BatchHeader, readBatchHeader } from '../batch/header.ts'
import { readRecords } from '../batch/records.ts'
import { decodeRecord, type GroupRecord } from '../coordinators/groups/records.ts'

export class GroupLogReplay {
  readonly #apply: (record: GroupRecord) => void
  /** By producer id, then by key of the record. */
  readonly #openTransactions = new Map<number, Map<string, GroupRecord>>()

  constructor(apply: (record: GroupRecord) => void) {
    this.#apply = apply
  }

  /**
   * @param bytes whole batches
   * @returns the offset to read on from
   * @throws DecodeError when a record is not what its key says
   */
  replay(bytes: Buffer): number {
    let at = 0
    let nextOffset = -1
    while (at < bytes.length) {
      const header = readBatchHeader(bytes, at)
      const batch = bytes.subarray(at, at + header.sizeBytes)
      if (header.isControlBatch) this.#endTransaction(header, batch)
      else this.#replayBatch(header, batch)
      at += header.sizeBytes
      nextOffset = header.lastOffset + 1
    }
    return nextOffset
  }

  #replayBatch(header: BatchHeader, batch: Buffer): void {
    for (const { key, value } of readRecords(batch)) {
      if (key === null) continue
      const record = decodeRecord(key, value)
      if (record === undefined) continue
      const id = key.toString('latin1')
      if (header.isTransactional) this.#hold(header.producerId, id, record)
      else {
        for (const open of this.#openTransactions.values()) open.delete(id)
        this.#apply(record)
      }
    }
  }

  #hold(producerId: number, id: string, record: GroupRecord): void {
    const open = this.#openTransactions.get(producerId) ?? new Map<string, GroupRecord>()
    open.set(id, record)
    this.#openTransactions.set(producerId, open)
  }

  #endTransaction(header: BatchHeader, batch: Buffer): void {
    const open = this.#openTransactions.get(header.producerId)
    this.#openTransactions.delete(header.producerId)
    if (open === undefined || readControlMarker(batch).kind !== 'commit') return
    for (const record of open.values()) this.#apply(record)
  }
}
