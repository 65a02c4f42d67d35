// What a crash in the middle of a compaction left in a partition's folder. The endings are Kafka's:
// `.cleaned` was being written and is of no use; a `.swap` log is complete, and takes the place of
// every segment whose offsets it covers. Their index files are of no use either: indexes are rebuilt.
// A `.tmp`, of a file that was to be replaced, goes as well.
// Invariant: where a `.swap` log is found, the log of that name without the ending is not looked at.

import type { Disk } from '../../host/disk.ts'
import { recoveryCounters as counters } from './recovery-counters.ts'
import { baseOffsetOf } from './segment.ts'

export const CLEANED_SUFFIX = '.cleaned'
export const SWAP_SUFFIX = '.swap'

/**
 * @param names what stands in the folder
 * @returns base offsets of the segments whose replacement is complete
 */
export async function settleLeftovers(
  disk: Disk,
  folder: string,
  names: readonly string[],
): Promise<Set<number>> {
  const swaps = new Set<number>()
  for (const name of names) {
    const isSwap = name.endsWith(SWAP_SUFFIX)
    const base = isSwap ? baseOffsetOf(name.slice(0, -SWAP_SUFFIX.length), 'log') : undefined
    if (base !== undefined) swaps.add(base)
    else if (isSwap || name.endsWith(CLEANED_SUFFIX) || name.endsWith('.tmp')) {
      await disk.remove(`${folder}/${name}`)
      counters.leftoversRemoved += 1
    }
  }
  // A process may have ended, not the machine: a name that is seen need not be durable.
  if (swaps.size > 0) await disk.syncFolder(folder)
  return swaps
}
