// What a crash in the middle of a removal or a compaction left in a partition's folder. The endings
// are Kafka's: `.cleaned` was being written and is of no use, `.swap` is complete and takes the place of what it replaces.
// Invariant: a `.swap` log is renamed last of its group, so the segments that it replaces go only
// once it stands under its own name or still has it to come.

import type { Disk } from '../../host/disk.ts'
import { recoveryCounters as counters } from './recovery-counters.ts'

export async function settleLeftovers(disk: Disk, folder: string): Promise<void> {
  const names = await disk.list(folder)
  let isChanged = false
  for (const name of names) {
    if (!name.endsWith('.cleaned')) continue
    await disk.remove(`${folder}/${name}`)
    counters.leftoversRemoved += 1
  }
  for (const name of names) {
    if (!name.endsWith('.swap')) continue
    await disk.rename(`${folder}/${name}`, `${folder}/${name.slice(0, -'.swap'.length)}`)
    counters.swapsCompleted += 1
    isChanged = true
  }
  if (isChanged) await disk.syncFolder(folder)
}
