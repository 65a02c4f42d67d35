// Mistakes that can be planted, so that the crash tests can prove that they would notice them.
// Only tests set any of these; each is read in exactly one place.

export interface LogFaults {
  /** Answers acks=all when the sync begins. */
  readonly acknowledgeBeforeSync?: boolean
  /** Uses a journal file again without syncing the partition files first. */
  readonly journalEmptiedEarly?: boolean
  /** Takes every batch for intact. */
  readonly ignoreCrc?: boolean
  /** Answers a resent batch before the original is durable. */
  readonly duplicateAcknowledgedEarly?: boolean
  /** Syncs once more after a failed sync and believes the second answer. */
  readonly retryFailedSync?: boolean
  /** Puts a compacted segment in its place without syncing it. */
  readonly compactedUnsynced?: boolean
  /** Compaction takes aborted records for newer ones of their keys. */
  readonly abortedSupersede?: boolean
  /** Compaction does not take tombstones for newer records of their keys. */
  readonly tombstonesIgnored?: boolean
  /** Takes the names of new files and folders for durable. */
  readonly skipFolderSync?: boolean
  /** Readers see what the operating system has, synced or not. */
  readonly unsyncedShown?: boolean
  /** After a crash nobody remembers producers without an open transaction. */
  readonly producersForgotten?: boolean
  /** Resent batches are appended once more. */
  readonly duplicatesAppended?: boolean
  /** Open transactions don't hold back readers of committed data. */
  readonly openTransactionsShown?: boolean
  /** Readers of committed data are told of no aborted transaction. */
  readonly abortedNotListed?: boolean
  /** Readers of committed data are told of aborted transactions in reverse order. */
  readonly abortedListReversed?: boolean
}
