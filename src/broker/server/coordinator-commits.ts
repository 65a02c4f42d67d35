// Offsets of one hosted group on their way into the log: commits, and tombstones for those to forget.
// Invariant: `table` holds what is durable. A partition is announced there before its record is handed
// to the log, so that a deletion meanwhile reaches it as well, and a new group is not forgotten.

import {
  type CommittedOffset,
  GroupOffsets,
  type TopicPartition,
} from '../coordinators/groups/offsets.ts'
import type { GroupRecord } from '../coordinators/groups/records.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { CoordinatorFaults } from './coordinator-faults.ts'
import type { StagedBy } from './coordinator-log.ts'
import { commitErrorFor } from './group-errors.ts'

export interface OffsetCommitsOptions {
  readonly groupId: string
  /** As `GroupSurroundings.append`. */
  append(records: readonly GroupRecord[], stagedBy?: StagedBy): Promise<ErrorCode>
  /** Records that were under way are durable and in the table, or failed. */
  onSettled(): void
  readonly faults: CoordinatorFaults | undefined
}

export type OffsetToCommit = TopicPartition & CommittedOffset
export type OffsetRecord = Extract<GroupRecord, { kind: 'offset' }>

/** Keeps the batch of a large group's end within max.message.bytes. */
const TOMBSTONES_PER_BATCH = 1_000

export class OffsetCommits {
  readonly table = new GroupOffsets()
  readonly #options: OffsetCommitsOptions
  /** Settles when the offsets that were handed in so far are durable. */
  #written: Promise<unknown> = Promise.resolve()

  constructor(options: OffsetCommitsOptions) {
    this.#options = options
  }

  /** So that a reader that must not miss a commit (`require_stable`) sees those under way. */
  async written(): Promise<void> {
    await this.#written
  }

  /**
   * While the log is read, or when a record of here is durable.
   * @param stagedBy the producer with whose transaction it counts
   */
  replay(record: OffsetRecord, stagedBy?: number): void {
    const isStaged = stagedBy !== undefined && this.#options.faults?.stagedOffsetsCount !== true
    if (!isStaged) this.table.apply(record, record.committed)
    else this.table.stage(stagedBy, record, record.committed)
  }

  /** @returns whether the producer had staged anything here */
  endTransaction(producerId: number, isCommit: boolean): boolean {
    const counts = isCommit || this.#options.faults?.abortedOffsetsCount === true
    return this.table.endTransaction(producerId, counts)
  }

  /**
   * Their partitions were announced to the table before.
   * @returns NONE once all offsets are durable
   */
  commit(offsets: readonly OffsetToCommit[], stagedBy?: StagedBy): Promise<ErrorCode> {
    return this.#write(
      offsets.map(({ topic, partition, ...committed }) =>
        this.#record({ topic, partition }, committed),
      ),
      stagedBy,
    )
  }

  /** Writes a tombstone for each, whether it is there or not. */
  async forget(partitions: readonly TopicPartition[]): Promise<ErrorCode> {
    this.table.begin(partitions)
    const writes: Promise<ErrorCode>[] = []
    for (let at = 0; at < partitions.length; at += TOMBSTONES_PER_BATCH) {
      const tombstones = partitions
        .slice(at, at + TOMBSTONES_PER_BATCH)
        .map(({ topic, partition }) => this.#record({ topic, partition }, null))
      writes.push(this.#write(tombstones))
    }
    const errorCodes = await Promise.all(writes)
    return errorCodes.find((errorCode) => errorCode !== ErrorCode.NONE) ?? ErrorCode.NONE
  }

  async #write(records: readonly OffsetRecord[], stagedBy?: StagedBy): Promise<ErrorCode> {
    if (records.length === 0) return ErrorCode.NONE
    const written = this.#append(records, stagedBy)
    this.#written = written
    return this.#options.faults?.commitAnsweredEarly === true ? ErrorCode.NONE : written
  }

  async #append(
    records: readonly OffsetRecord[],
    stagedBy: StagedBy | undefined,
  ): Promise<ErrorCode> {
    const errorCode = await this.#options.append(records, stagedBy)
    this.table.end(records)
    if (errorCode === ErrorCode.NONE) {
      for (const record of records) this.replay(record, stagedBy?.producerId)
    }
    this.#options.onSettled()
    return commitErrorFor(errorCode)
  }

  #record({ topic, partition }: TopicPartition, committed: CommittedOffset | null): OffsetRecord {
    const { groupId } = this.#options
    return { kind: 'offset', groupId, topic, partition, committed }
  }
}
