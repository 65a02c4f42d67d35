// The `.snapshot` files of a partition's folder: written when a segment is sealed, at checkpoints and
// at a clean stop; the newest good one is where reading the log again may begin.

import type { Disk } from '../../host/disk.ts'
import { decodeSnapshot, encodeSnapshot } from './producer-snapshot.ts'
import type { ProducerEntry } from './producer-state.ts'
import { recoveryCounters as counters } from './recovery-counters.ts'
import { baseOffsetOf, segmentPath } from './segment.ts'

const KEPT_SNAPSHOTS = 3

export interface LoadedSnapshot {
  /** The entries include all batches below it. */
  readonly offset: number
  readonly entries: ProducerEntry[]
}

export interface SnapshotSearch {
  readonly from: number
  readonly upTo: number
  /** What stands in the folder, where somebody has looked already. */
  readonly names?: readonly string[] | undefined
}

/** The newest good snapshot within the offsets, both inclusive. */
export async function loadNewestSnapshot(
  disk: Disk,
  folder: string,
  { from, upTo, names }: SnapshotSearch,
): Promise<LoadedSnapshot | undefined> {
  const offsets = snapshotOffsets(names ?? (await disk.list(folder)))
    .filter((offset) => offset >= from && offset <= upTo)
    .sort((a, b) => b - a)
  for (const offset of offsets) {
    const content = await disk.readFile(segmentPath(folder, offset, 'snapshot'))
    const entries = content === undefined ? undefined : decodeSnapshot(content)
    if (entries !== undefined) {
      counters.snapshotsUsed += 1
      return { offset, entries }
    }
    counters.snapshotsRefused += 1
  }
  return undefined
}

/** Unsynced: its checksum tells whether all of it got there, and the log holds the same. */
export async function writeSnapshot(
  disk: Disk,
  folder: string,
  { offset, entries }: LoadedSnapshot,
): Promise<void> {
  const bytes = encodeSnapshot(entries)
  const file = await disk.open(segmentPath(folder, offset, 'snapshot'), { create: true })
  try {
    await file.write([bytes], 0)
    await file.truncate(bytes.length)
  } finally {
    await file.close()
  }
}

/** Keeps the newest few: should one be damaged, the one before it saves most of the reading. */
export async function removeOldSnapshots(disk: Disk, folder: string): Promise<void> {
  const offsets = snapshotOffsets(await disk.list(folder)).sort((a, b) => b - a)
  for (const offset of offsets.slice(KEPT_SNAPSHOTS)) {
    await disk.remove(segmentPath(folder, offset, 'snapshot'))
  }
}

/**
 * Removes snapshots of offsets that the log no longer reaches: once other batches stand there they
 * would be believed. @returns whether there were any
 */
export async function removeSnapshotsBeyond(
  disk: Disk,
  folder: string,
  { endOffset, names }: { readonly endOffset: number; readonly names: readonly string[] },
): Promise<boolean> {
  const beyond = snapshotOffsets(names).filter((offset) => offset > endOffset)
  for (const offset of beyond) await disk.remove(segmentPath(folder, offset, 'snapshot'))
  return beyond.length > 0
}

function snapshotOffsets(names: readonly string[]): number[] {
  return names
    .map((name) => baseOffsetOf(name, 'snapshot'))
    .filter((offset) => offset !== undefined)
}
