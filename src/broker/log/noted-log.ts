// A log taken at its note's word: what the last checkpoint said of it is all there is, and nothing of
// it is read. Invariant: only what was durable then and was not touched since.

import type { LogNote } from './checkpoint-file.ts'
import { LeaderEpochs } from './leader-epochs.ts'
import { ProducerTable } from './producer-table.ts'
import type { RecoveredLog, RecoveryOptions } from './recovered-log.ts'
import { recoveryCounters as counters } from './recovery-counters.ts'
import { baseOffsetOf, Segment, segmentPath } from './segment.ts'

export function emptyLog(): RecoveredLog {
  return {
    segments: [],
    folderExists: false,
    logStartOffset: 0,
    endOffset: 0,
    epochs: new LeaderEpochs(),
    producers: new ProducerTable(),
    firstOpenOffset: -1,
    firstDirtyOffset: 0,
    swaps: new Map(),
    deletedFiles: [],
    offlineReason: undefined,
  }
}

/** Everything that the note tells of was durable: after a failed sync, pages of it may be lost. */
export function isCovered({ segments, logStartOffset, recoveryPoint }: LogNote): boolean {
  return recoveryPoint >= (segments.at(-1)?.endOffset ?? logStartOffset)
}

/** Nothing was appended since the note was written: the same segments, the last one as long. */
export async function isUntouched(
  note: LogNote,
  names: readonly string[],
  { files, folder }: RecoveryOptions,
): Promise<boolean> {
  const active = note.segments.at(-1)
  const bases = logBases(names)
  if (bases.length !== note.segments.length) return false
  if (names.some((name) => /\.(cleaned|swap)$/.test(name))) return false
  if (note.segments.some((segment, i) => segment.baseOffset !== bases[i])) return false
  if (active === undefined) return true
  const stat = await files.disk.stat(segmentPath(folder, active.baseOffset, 'log'))
  return stat?.size === active.sizeBytes
}

export function fromNote(note: LogNote, { files, folder }: RecoveryOptions): RecoveredLog {
  counters.cleanOpens += 1
  const segments = note.segments.map((known) => {
    const segment = new Segment(files, folder, known.baseOffset, known.createdMs)
    segment.restore(known)
    return segment
  })
  const endOffset = segments.at(-1)?.endOffset ?? 0
  return {
    segments,
    folderExists: segments.length > 0,
    logStartOffset: note.logStartOffset,
    endOffset: Math.max(endOffset, note.logStartOffset),
    epochs: new LeaderEpochs(note.epochs),
    producers: segments.length === 0 ? new ProducerTable() : undefined,
    firstOpenOffset: note.firstOpenOffset,
    firstDirtyOffset: note.firstDirtyOffset,
    swaps: new Map(),
    deletedFiles: [],
    offlineReason: undefined,
  }
}

/** Where the segments begin whose logs are in a folder. */
export function logBases(names: readonly string[]): number[] {
  return names
    .map((name) => baseOffsetOf(name, 'log'))
    .filter((base) => base !== undefined)
    .sort((a, b) => a - b)
}
