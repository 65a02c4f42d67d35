// What a log that was opened without reading it needs before its first write: the producers, from the
// last snapshot and the batches behind it, and the indexes of the active segment.

import { learnSegment } from './learn-segment.ts'
import { learnGone, loadLearningStart } from './learning-start.ts'
import { ProducerTable } from './producer-table.ts'
import type { RecoveryOptions } from './recovered-log.ts'
import type { Segment } from './segment.ts'

/**
 * What a log that was opened at its note's word still needs before it can be written: its producers
 * and the active segment's indexes.
 */
export async function hydrate(
  log: { segments: readonly Segment[]; logStartOffset: number; endOffset: number },
  options: Pick<RecoveryOptions, 'files' | 'timers' | 'folder' | 'config'>,
): Promise<{ producers: ProducerTable; offlineReason: string | undefined }> {
  const firstOffset = log.segments[0]?.baseOffset ?? log.logStartOffset
  const range = { from: firstOffset, upTo: log.endOffset }
  const snapshot = await loadLearningStart(options.files.disk, options.folder, range, (offset) =>
    log.segments.findLast(({ baseOffset }) => baseOffset < offset),
  )
  let producers = new ProducerTable(snapshot?.entries)
  const fromOffset = snapshot?.offset ?? 0
  /** Who wrote only below it is not known. */
  let unknownBelow = snapshot === undefined ? firstOffset : undefined
  const forgetOutOfDate = (nextOffset: number) => {
    if (!isOutOfDate(learntTo, nextOffset, log)) return
    producers = new ProducerTable()
    unknownBelow = nextOffset
  }
  const active = log.segments.at(-1)
  let learntTo = Math.max(fromOffset, log.segments[0]?.baseOffset ?? log.endOffset)
  for (const segment of log.segments) {
    forgetOutOfDate(segment.baseOffset)
    learntTo = Math.max(learntTo, segment.endOffset)
    if (segment.endOffset <= fromOffset && segment !== active) continue
    const twin = segment.twin()
    const scan = await learnSegment(twin, { ...options, producers, fromOffset })
    if (scan.isDamaged || twin.endOffset !== segment.endOffset) {
      const offlineReason = `damaged at offset ${scan.endOffset} (${segment.file.path}, byte ${scan.endPosition})`
      return { producers, offlineReason }
    }
    segment.adopt(twin)
  }
  forgetOutOfDate(log.endOffset)
  if (unknownBelow !== undefined) {
    const gone = { from: unknownBelow, upTo: log.endOffset }
    await learnGone(producers, options.files.disk, options.folder, gone)
  }
  return { producers, offlineReason: undefined }
}

/**
 * Whether producers may have written what is missing there: deleted records that only the journal had.
 * A state from before is wrong then; nothing is better, since who is unknown may go on.
 */
export function isOutOfDate(
  learntTo: number,
  nextOffset: number,
  { logStartOffset }: { readonly logStartOffset: number },
): boolean {
  return learntTo < nextOffset && learntTo < logStartOffset
}
