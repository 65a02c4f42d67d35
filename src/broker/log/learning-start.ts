// Where reading a log again may begin: at the newest producer snapshot, unless the aborted transactions
// below it can be had only from the log itself. An offset or time index only hastens; a transaction
// index that lacks one lets readers see what never happened, so a lost one is learnt anew.
// What was learnt without a snapshot lacks who wrote before the first segment: `learnGone` adds it.

import type { Disk } from '../../host/disk.ts'
import {
  type LoadedSnapshot,
  loadNewestSnapshot,
  type SnapshotSearch,
} from './producer-snapshots.ts'
import type { ProducerTable } from './producer-table.ts'
import { recoveryCounters as counters } from './recovery-counters.ts'
import type { Segment } from './segment.ts'

/**
 * The newest snapshot within the offsets, both inclusive, behind which nothing is missed.
 * @param segmentAt the segment that holds the offset, knowing how many aborted transactions to expect
 */
export async function loadLearningStart(
  disk: Disk,
  folder: string,
  range: SnapshotSearch,
  segmentAt: (offset: number) => Segment | undefined,
): Promise<LoadedSnapshot | undefined> {
  for (let { upTo } = range; ; ) {
    const snapshot = await loadNewestSnapshot(disk, folder, { ...range, upTo })
    const segment = snapshot === undefined ? undefined : segmentAt(snapshot.offset)
    if (snapshot === undefined || segment === undefined) return snapshot
    if ((await segment.readTransactionIndex()) !== undefined) return snapshot
    // The one before may have lost its index as well.
    counters.indexesRefused += 1
    upTo = Math.min(segment.baseOffset, snapshot.offset - 1)
  }
}

/**
 * Adds what only a snapshot knows: producers that wrote in segments that were removed.
 * @param producers learnt from everything between `from` and `upTo`
 */
export async function learnGone(
  producers: ProducerTable,
  disk: Disk,
  folder: string,
  range: SnapshotSearch,
): Promise<void> {
  if (range.from === 0) return
  const snapshot = await loadNewestSnapshot(disk, folder, range)
  if (snapshot !== undefined) producers.learnEarlier(snapshot.entries)
}
