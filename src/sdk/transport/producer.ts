// Sending to an engine. The caller gathers records into batches and chooses partitions; a producer
// keeps what it was given in order and makes a repetition harmless.

import type { OutgoingRecord } from '../events/record.ts'
import type { GroupMember, OffsetCommit } from './group-member.ts'

export interface SendRequest {
  readonly topic: string
  readonly partition: number
  /** At least one. They stand together: consecutive offsets from the one that is answered. */
  readonly records: readonly OutgoingRecord[]
}

export interface SentRecords {
  /** Offset of the first record. */
  readonly baseOffset: number
  /** Of the partition when they were written; it never falls. -1: the engine has none. */
  readonly leaderEpoch: number
}

export interface Producer extends AsyncDisposable {
  /**
   * Resolves once the records are as durable as the engine makes them. Several sends may be under
   * way; those to one partition keep the order of their calls, an earlier one's retries included.
   * @throws SendError says whether the records may have been written all the same
   * @throws UnknownTopicError also for a partition that the topic has not
   */
  send(request: SendRequest): Promise<SentRecords>
  /** Waits for what is under way. Idempotent. */
  close(): Promise<void>
}

export interface TransactionalProducer extends AsyncDisposable {
  /**
   * One at a time: another waits for it. Commits when `work` resolves; aborts, and rejects with the
   * same error, when it rejects. What is sent becomes visible to readers together with the offsets,
   * or never.
   * @throws ProducerFencedError when another producer has taken the id: this one is of no more use
   * @throws OutcomeUnknownError when the commit was asked for and no answer came
   */
  transaction<T>(work: (transaction: Transaction) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export interface Transaction {
  send(request: SendRequest): Promise<SentRecords>
  /**
   * The group's progress as part of the transaction (KIP-98, KIP-447).
   * @throws FencedMemberError when the member does not hold one of the partitions any more
   * @throws OffsetMetadataTooLargeError
   */
  commitOffsets(member: GroupMember, offsets: readonly OffsetCommit[]): Promise<void>
}
