// The transactional ids of one partition of __transaction_state: read back from its log at start, then
// kept in memory and appended to.

import { readBatchHeader } from '../batch/header.ts'
import { readRecords } from '../batch/records.ts'
import { decodeRecord, encodeRecord } from '../coordinators/transactions/records.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import type { ErrorCode } from '../wire/error-codes.ts'
import { CoordinatorLog } from './coordinator-log.ts'
import { HostedTransaction, type TransactionSurroundings } from './transaction-hosted.ts'
import { type MarkerNeeds, writeMarkers } from './transaction-markers.ts'

export interface TransactionPartitionNeeds
  extends Pick<TransactionSurroundings, 'host' | 'settings' | 'log' | 'takeProducerId' | 'faults'> {
  readonly markers: MarkerNeeds
}

export class TransactionPartition {
  readonly #log: CoordinatorLog
  readonly #needs: TransactionPartitionNeeds
  readonly #transactions = new Map<string, HostedTransaction>()

  constructor(partition: PartitionLog, needs: TransactionPartitionNeeds) {
    this.#log = new CoordinatorLog(partition, needs)
    this.#needs = needs
  }

  /** NONE when its ids are served. */
  get errorCode(): ErrorCode {
    return this.#log.errorCode
  }

  get transactions(): ReadonlyMap<string, HostedTransaction> {
    return this.#transactions
  }

  /** Never rejects. Ends that were decided before the stop are gone through with. */
  async load(): Promise<void> {
    const isServed = await this.#log.load((batches) => this.#replay(batches))
    if (!isServed) this.#transactions.clear()
    for (const transaction of [...this.#transactions.values()]) transaction.restore()
  }

  /** The one of that id, made when there is none: one that stays without content goes again. */
  transaction(transactionalId: string): HostedTransaction {
    const known = this.#transactions.get(transactionalId)
    if (known !== undefined) return known
    const { markers, ...around } = this.#needs
    const hosted = new HostedTransaction(transactionalId, {
      ...around,
      append: (record) => this.#log.append([encodeRecord(record)]),
      writeMarkers: (transaction, partitions) => {
        const { leaderEpoch: coordinatorEpoch } = this.#log
        return writeMarkers(transaction, partitions, { coordinatorEpoch, needs: markers })
      },
      forget: () => {
        if (this.#transactions.get(transactionalId) === hosted) {
          this.#transactions.delete(transactionalId)
        }
      },
    })
    this.#transactions.set(transactionalId, hosted)
    return hosted
  }

  /** Waits for what is under way, so that the log can be closed. */
  async close(): Promise<void> {
    for (const transaction of this.#transactions.values()) transaction.close()
    await this.#log.close()
  }

  #replay(batches: Buffer): number {
    let at = 0
    let nextOffset = -1
    while (at < batches.length) {
      const header = readBatchHeader(batches, at)
      const batch = batches.subarray(at, at + header.sizeBytes)
      // A marker that somebody put here is no record of ours, though its key looks like one.
      if (!header.isControlBatch) this.#replayBatch(batch)
      at += header.sizeBytes
      nextOffset = header.lastOffset + 1
    }
    return nextOffset
  }

  #replayBatch(batch: Buffer): void {
    for (const { key, value } of readRecords(batch)) {
      const record = key === null ? undefined : decodeRecord(key, value)
      if (record !== undefined) this.transaction(record.transactionalId).replay(record)
    }
  }
}
