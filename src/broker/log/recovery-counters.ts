// How often each branch of recovery ran in this process. The crash tests require each of them to
// have been reached, so that a green run is not an empty one.

export interface RecoveryCounters {
  /** A segment was read and checked batch by batch. */
  segmentsScanned: number
  /** The end of a file was no whole batch and was cut. */
  tornTailsCut: number
  /** Pages in the middle of an unsynced stretch never reached the disk; all behind them was cut. */
  lostPagesCut: number
  /** Damage to durable data: the partition went offline. */
  corruptionsFound: number
  /** An index file was damaged, or did not match the log. */
  indexesRefused: number
  /** Indexes were built anew for a reader. */
  indexesRebuilt: number
  snapshotsUsed: number
  snapshotsRefused: number
  journalBatchesReplayed: number
  /** Already in the partition's file, or below its start. */
  journalBatchesSkipped: number
  journalGaps: number
  /** A segment ended before the next one begins and the journal could not help: cut there. */
  gapsCut: number
  /** Opened without looking at a file. */
  cleanOpens: number
  leftoversRemoved: number
  /** A compacted segment was complete, and the crash came before it had its name. */
  swapsCompleted: number
}

export const recoveryCounters: RecoveryCounters = {
  segmentsScanned: 0,
  tornTailsCut: 0,
  lostPagesCut: 0,
  corruptionsFound: 0,
  indexesRefused: 0,
  indexesRebuilt: 0,
  snapshotsUsed: 0,
  snapshotsRefused: 0,
  journalBatchesReplayed: 0,
  journalBatchesSkipped: 0,
  journalGaps: 0,
  gapsCut: 0,
  cleanOpens: 0,
  leftoversRemoved: 0,
  swapsCompleted: 0,
}
