// The `.snapshot` files of a partition's folder: written when a segment is sealed, at checkpoints and
// at a clean stop; the newest good one is where reading the log again may begin. The log holds the same,
// but for producers whose segments were removed: for them one of these files is synced.

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
  const offsets = newestFirst(names ?? (await disk.list(folder))).filter(
    (offset) => offset >= from && offset <= upTo,
  )
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

/**
 * Unsynced: its checksum tells whether all of it got there. A good one of that offset stays as it is: it
 * says the same, and may be one that a power cut must not take.
 */
export async function writeSnapshot(
  disk: Disk,
  folder: string,
  { offset, entries }: LoadedSnapshot,
): Promise<void> {
  const path = segmentPath(folder, offset, 'snapshot')
  const there = await disk.readFile(path)
  if (there !== undefined && decodeSnapshot(there) !== undefined) return
  const bytes = encodeSnapshot(entries)
  const file = await disk.open(path, { create: true })
  try {
    await file.write([bytes], 0)
    await file.truncate(bytes.length)
  } finally {
    await file.close()
  }
}

/**
 * Puts the newest good snapshot within the offsets where no power cut takes it, by content and name.
 * One that knows no producer may as well get lost. @returns its offset; undefined when there is none
 */
export async function secureNewestSnapshot(
  disk: Disk,
  folder: string,
  { from, upTo }: SnapshotSearch,
): Promise<number | undefined> {
  for (const offset of newestFirst(await disk.list(folder))) {
    if (offset < from || offset > upTo) continue
    const path = segmentPath(folder, offset, 'snapshot')
    const content = await disk.readFile(path)
    const entries = content === undefined ? undefined : decodeSnapshot(content)
    if (content === undefined || entries === undefined) continue
    // Written anew: after a sync that failed, what is read need not be what the disk has.
    if (entries.length > 0) await disk.replaceFile(path, content)
    return offset
  }
  return undefined
}

/** All but the newest few: should one be damaged, the one before it saves most of the reading. */
export async function oldSnapshots(disk: Disk, folder: string): Promise<number[]> {
  return newestFirst(await disk.list(folder)).slice(KEPT_SNAPSHOTS)
}

export async function removeSnapshots(
  disk: Disk,
  folder: string,
  offsets: readonly number[],
): Promise<void> {
  for (const offset of offsets) await disk.remove(segmentPath(folder, offset, 'snapshot'))
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
  await removeSnapshots(disk, folder, beyond)
  return beyond.length > 0
}

function newestFirst(names: readonly string[]): number[] {
  return snapshotOffsets(names).sort((a, b) => b - a)
}

function snapshotOffsets(names: readonly string[]): number[] {
  return names
    .map((name) => baseOffsetOf(name, 'snapshot'))
    .filter((offset) => offset !== undefined)
}
