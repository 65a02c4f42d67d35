// What stands in the files of a journal: read at the start, and by tools while nobody has it open.
// Invariant: an entry counts only if generation and nonce are those of the file's first entry. Damage
// in the middle loses what is damaged, not what follows: replay goes by offset and notices gaps. What
// was written behind a hole before the hole was synced is no sign of damage: pages are lost in any order.

import type { Disk } from '../../host/disk.ts'
import { readBaseOffset, readBatchSize, readLastOffset } from '../batch/header.ts'
import { isIntactBatch } from './intact-batch.ts'
import {
  HEADER_BYTES,
  type JournalHeader,
  MAGIC,
  readHeader,
  shortenHeader,
} from './journal-header.ts'

/** An entry found at start; its batches passed their checks. */
export interface ReplayEntry {
  readonly topicId: string
  readonly partition: number
  readonly leaderEpoch: number
  readonly baseOffset: number
  readonly bytes: Buffer
  /** Entries before it are missing that may never have been durable; nor was this one, then. */
  readonly isBehindUnsynced: boolean
}

/** A journal file as it stands. */
export interface JournalContent {
  readonly path: string
  readonly entries: readonly (ReplayEntry & { readonly position: number })[]
  /** Entries that must have been between those that are there: damaged. */
  readonly lostCount: number
  /** Where the first of them was looked for; -1 when none is lost. */
  readonly lostPosition: number
}

/** What one file was given since it was last begun. */
interface Filling {
  readonly generation: number
  readonly entries: (ReplayEntry & { position: number })[]
  readonly lostCount: number
  readonly lostPosition: number
}

interface FoundEntry extends JournalHeader {
  readonly position: number
  readonly bytes: Buffer
}

export function journalPaths(folder: string): [string, string] {
  return [`${folder}/journal-0`, `${folder}/journal-1`]
}

/** Both files of a journal that nobody has open, the earlier filling first. */
export async function readJournal(disk: Disk, folder: string): Promise<JournalContent[]> {
  const fillings: (JournalContent & { generation: number })[] = []
  for (const path of journalPaths(folder)) {
    const content = await disk.readFile(path)
    if (content !== undefined) fillings.push({ path, ...readFilling(content) })
  }
  return fillings.sort((a, b) => a.generation - b.generation)
}

/**
 * Takes the batches from an offset on out of a journal that nobody has open. The entries' headers are
 * rewritten where they stand: shortened, or given to no topic. Entries of others stay as they are.
 * @param options.isDryRun only looks
 * @returns what was taken out
 */
export async function cutJournal(
  disk: Disk,
  folder: string,
  from: { topicId: string; partition: number; offset: number },
  { isDryRun = false } = {},
): Promise<Buffer[]> {
  const taken: Buffer[] = []
  for (const { path, entries } of await readJournal(disk, folder)) {
    const file = await disk.open(path)
    try {
      let isChanged = false
      for (const { topicId, partition, position, bytes } of entries) {
        if (topicId !== from.topicId || partition !== from.partition) continue
        const kept = bytesBelow(bytes, from.offset)
        if (kept === bytes.length) continue
        taken.push(bytes.subarray(kept))
        if (isDryRun) continue
        const header = Buffer.alloc(HEADER_BYTES)
        await file.read(header, position)
        shortenHeader(header, kept)
        await file.write([header], position)
        isChanged = true
      }
      if (isChanged) await file.sync()
    } finally {
      await file.close()
    }
  }
  return taken
}

/** The entries of a file's last filling. */
export function readFilling(content: Buffer): Filling {
  const found: FoundEntry[] = []
  let at = 0
  const first = readHeader(content, at)
  if (first === undefined) return { generation: 0, ...judgeHoles([]) }
  let nextSequence = 0
  while (at >= 0) {
    const header = readHeader(content, at)
    const isOurs =
      header !== undefined &&
      header.generation === first.generation &&
      header.nonce === first.nonce &&
      header.sequence >= nextSequence
    if (!isOurs) {
      at = content.indexOf(MAGIC, at + 1)
      continue
    }
    const from = at + HEADER_BYTES
    const bytes = content.subarray(from, from + header.length)
    if (bytes.length === header.length && areIntact(bytes, header.baseOffset)) {
      found.push({ ...header, position: at, bytes })
      nextSequence = header.sequence + 1
      at = from + header.length
    } else {
      at = content.indexOf(MAGIC, at + 1)
    }
  }
  return { generation: first.generation, ...judgeHoles(found) }
}

/** What is missing was lost only if it was durable when the last entry was written. */
function judgeHoles(found: readonly FoundEntry[]): Omit<Filling, 'generation'> {
  const syncedSequence = found.at(-1)?.syncedSequence ?? 0
  const entries: Filling['entries'] = []
  let lostCount = 0
  let lostPosition = -1
  let nextSequence = 0
  let end = 0
  let isBehindUnsynced = false
  for (const entry of found) {
    const { sequence, position, bytes } = entry
    if (sequence > nextSequence && nextSequence < syncedSequence) {
      if (lostCount === 0) lostPosition = end
      lostCount += Math.min(sequence, syncedSequence) - nextSequence
    } else if (sequence > nextSequence) isBehindUnsynced = lostCount === 0
    entries.push({ ...entry, isBehindUnsynced })
    nextSequence = sequence + 1
    end = position + HEADER_BYTES + bytes.length
  }
  return { entries, lostCount, lostPosition }
}

function bytesBelow(batches: Buffer, offset: number): number {
  let at = 0
  while (at < batches.length && readLastOffset(batches, at) < offset)
    at += readBatchSize(batches, at)
  return at
}

/** Whether the bytes are whole batches, the first at `baseOffset`, each with its right CRC. */
function areIntact(bytes: Buffer, baseOffset: number): boolean {
  let at = 0
  while (at < bytes.length) {
    if (!isIntactBatch(bytes, at)) return false
    if (at === 0 && readBaseOffset(bytes, at) !== baseOffset) return false
    at += readBatchSize(bytes, at)
  }
  return true
}
