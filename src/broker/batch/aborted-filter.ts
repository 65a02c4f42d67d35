// Leaves out what belongs to aborted transactions. The broker lists, per partition, which producer
// aborted from which offset on; its abort marker in the log ends each of them.
// Source: KIP-98, "Read committed consumer".

import { readControlMarker } from './control-marker.ts'
import type { BatchHeader } from './header.ts'

export interface AbortedTransaction {
  readonly producerId: number
  readonly firstOffset: number
}

/**
 * Called for every batch in the order of offsets: does it belong to an aborted transaction?
 * @param aborted as the fetch answered it; null when nothing is left out
 */
export function abortedFilter(
  aborted: readonly AbortedTransaction[] | null,
): (header: BatchHeader, batch: Buffer) => boolean {
  const upcoming = [...(aborted ?? [])].sort((a, b) => a.firstOffset - b.firstOffset)
  const open = new Set<number>()
  return (header, batch) => {
    while (upcoming.length > 0 && upcoming[0]!.firstOffset <= header.lastOffset) {
      open.add(upcoming.shift()!.producerId)
    }
    if (!header.isTransactional || !open.has(header.producerId)) return false
    if (header.isControlBatch && readControlMarker(batch).kind === 'abort') {
      open.delete(header.producerId)
    }
    return true
  }
}
