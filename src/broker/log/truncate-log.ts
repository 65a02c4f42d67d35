// Ends a damaged partition at an offset: the way out that a person chooses when a log cannot be
// opened (`millrace log truncate`). What is cut off is kept, in a folder beside the topics.
// Invariant: the bytes stand, synced, in their new place before they leave the old one. Cut short at any
// point this leaves a partition that is still damaged, or one that is cut; doing it again completes it.

import type { Disk } from '../../host/disk.ts'
import { checkLog, type LogCheck, type LogCheckOptions } from './check-log.ts'
import {
  encodeNote,
  type LogNote,
  logKey,
  readCheckpoint,
  writeCheckpoint,
} from './checkpoint-file.ts'
import { cutJournal } from './journal-content.ts'
import { baseOffsetOf, SEGMENT_EXTENSIONS, segmentPath } from './segment.ts'

export const CUT_OFF_FOLDER = 'cut-off'
const COPY_BYTES = 1024 * 1024

export interface TruncationPlan {
  readonly folder: string
  /** Exclusive: where the log ends afterwards. Below the offset asked for when that is inside a batch. */
  readonly endOffset: number
  /** Of the segment that is cut. */
  readonly segmentBase: number
  readonly position: number
  /** Of the segments behind it, which go as a whole. */
  readonly laterBases: readonly number[]
  /** Good batches that go; what is damaged cannot be counted. */
  readonly batches: number
  readonly records: number
  /** Inclusive; null when no good batch goes. */
  readonly firstLostOffset: number | null
  readonly lastLostOffset: number | null
  /** Of the log files. */
  readonly bytes: number
}

export type PlanOutcome =
  | { readonly kind: 'plan'; readonly plan: TruncationPlan }
  | { readonly kind: 'refused'; readonly reason: string }

/** What cutting at an offset would take. Changes nothing. */
export async function planTruncation(
  options: Omit<LogCheckOptions, 'onBatch'>,
  atOffset: number,
): Promise<PlanOutcome> {
  const { disk, folder } = options
  const tally = new CutTally(atOffset)
  const check = await checkLog({
    ...options,
    onBatch: ({ header, position }, segment) => tally.add(header, position, segment?.baseOffset),
  })
  const reason = whyNot(check, atOffset)
  if (reason !== undefined) return { kind: 'refused', reason }
  const sizes = await logSizes(disk, folder)
  // Good batches behind the damage go as well: the cut is where the damage begins.
  const isAtDamage = atOffset >= check.endOffset
  const cut = isAtDamage ? undefined : tally.cut
  const { segmentBase, position } = cut ?? cutAtEnd(check, sizes)
  const laterBases = [...sizes.keys()].filter((base) => base > segmentBase)
  const laterBytes = laterBases.reduce((sum, base) => sum + sizes.get(base)!, 0)
  const plan = {
    folder,
    endOffset: Math.max(tally.endOffset, segmentBase),
    segmentBase,
    position,
    laterBases,
    batches: tally.batches,
    records: tally.records,
    firstLostOffset: tally.firstLostOffset,
    lastLostOffset: tally.lastLostOffset,
    bytes: sizes.get(segmentBase)! - position + laterBytes,
  }
  return { kind: 'plan', plan }
}

function whyNot(check: LogCheck, atOffset: number): string | undefined {
  const { logStartOffset, endOffset, findings, segments } = check
  const damage = findings.find(({ kind }) => kind === 'damage')
  if (segments === 0) return 'it has no data'
  if (atOffset < logStartOffset) return `it begins at offset ${logStartOffset}`
  if (damage !== undefined && atOffset > endOffset) {
    return `the damage begins at offset ${endOffset}: cut there or before`
  }
  if (damage === undefined && atOffset >= endOffset) {
    return `it is sound and ends at offset ${endOffset}: nothing is there to cut off`
  }
  return undefined
}

/** Goes through the good batches and finds out which of them go. */
class CutTally {
  readonly #atOffset: number
  cut: { segmentBase: number; position: number } | undefined
  endOffset = 0
  batches = 0
  records = 0
  firstLostOffset: number | null = null
  lastLostOffset: number | null = null

  constructor(atOffset: number) {
    this.#atOffset = atOffset
  }

  /** @param segmentBase undefined for a batch in the journal only */
  add(
    header: { baseOffset: number; lastOffset: number; recordCount: number },
    position: number,
    segmentBase: number | undefined,
  ): void {
    if (header.lastOffset < this.#atOffset) {
      this.endOffset = header.lastOffset + 1
      return
    }
    if (segmentBase !== undefined) this.cut ??= { segmentBase, position }
    this.firstLostOffset ??= header.baseOffset
    this.lastLostOffset = header.lastOffset
    this.batches += 1
    this.records += header.recordCount
  }
}

/** Where the damage begins; behind the last file when what goes is in the journal only. */
function cutAtEnd(check: LogCheck, sizes: ReadonlyMap<number, number>) {
  const damage = check.findings.find(({ kind }) => kind === 'damage')
  const bases = [...sizes.keys()]
  const damaged = bases.find((base) => damage?.file === segmentPath(check.folder, base, 'log'))
  if (damaged !== undefined && damage?.position != null) {
    return { segmentBase: damaged, position: damage.position }
  }
  const end = damage?.offset ?? Number.MAX_SAFE_INTEGER
  const segmentBase = bases.findLast((base) => base < end)
  if (segmentBase === undefined) return { segmentBase: bases[0]!, position: 0 }
  return { segmentBase, position: sizes.get(segmentBase)! }
}

export interface Truncation {
  readonly disk: Disk
  readonly plan: TruncationPlan
  readonly topicId: string
  readonly partition: number
  /** Where the journal and the checkpoint live. */
  readonly journalFolder: string
  readonly checkpointPath: string
  readonly note: LogNote | undefined
}

/**
 * Does what the plan says. The stop before it must not count as a clean one: the caller has seen to it.
 * @returns the folder that holds what was cut off
 */
export async function truncateLog(truncation: Truncation): Promise<string> {
  const { disk, plan, topicId, partition, journalFolder } = truncation
  const { folder, segmentBase, position, laterBases } = plan
  const kept = await makeKeepFolder(disk, plan)
  const log = segmentPath(folder, segmentBase, 'log')
  await copyTail(disk, log, position, `${segmentPath(kept, segmentBase, 'log')}.from-${position}`)
  await keepJournaled(truncation, kept)
  await disk.syncFolder(kept)
  await cutJournal(disk, journalFolder, { topicId, partition, offset: plan.endOffset })

  for (const base of laterBases.toReversed()) {
    await disk.rename(segmentPath(folder, base, 'log'), segmentPath(kept, base, 'log'))
  }
  await disk.syncFolder(kept)
  const file = await disk.open(log)
  try {
    await file.truncate(position)
    await file.sync()
  } finally {
    await file.close()
  }
  await removeHelpers(disk, plan)
  await rewriteNote(truncation)
  return kept
}

async function makeKeepFolder(disk: Disk, { folder, endOffset }: TruncationPlan): Promise<string> {
  const name = `${folder.slice(folder.lastIndexOf('/') + 1)}-at-${endOffset}`
  let path = `${CUT_OFF_FOLDER}/${name}`
  for (let count = 2; (await disk.stat(path)) !== undefined; count++) {
    path = `${CUT_OFF_FOLDER}/${name}-${count}`
  }
  await disk.makeFolder(path)
  await disk.syncFolder(CUT_OFF_FOLDER)
  await disk.syncFolder('.')
  return path
}

async function copyTail(disk: Disk, from: string, position: number, to: string): Promise<void> {
  const source = await disk.open(from, { readOnly: true })
  const target = await disk.open(to, { create: true })
  try {
    const buffer = Buffer.allocUnsafe(COPY_BYTES)
    for (let at = 0; ; ) {
      const length = await source.read(buffer, position + at)
      if (length === 0) break
      await target.write([buffer.subarray(0, length)], at)
      at += length
    }
    await target.sync()
  } finally {
    await source.close()
    await target.close()
  }
}

async function keepJournaled({ disk, plan, ...rest }: Truncation, kept: string): Promise<void> {
  const { topicId, partition, journalFolder } = rest
  const from = { topicId, partition, offset: plan.endOffset }
  const batches = await cutJournal(disk, journalFolder, from, { isDryRun: true })
  if (batches.length === 0) return
  const file = await disk.open(`${kept}/journal`, { create: true })
  try {
    await file.write(batches, 0)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Indexes of what is no more, and whatever speaks of offsets behind the cut. The log knows it all. */
async function removeHelpers(disk: Disk, plan: TruncationPlan): Promise<void> {
  const { folder, segmentBase, laterBases, endOffset } = plan
  for (const base of [segmentBase, ...laterBases]) {
    for (const extension of SEGMENT_EXTENSIONS) {
      if (extension !== 'log') await disk.remove(segmentPath(folder, base, extension))
    }
  }
  for (const name of await disk.list(folder)) {
    if ((baseOffsetOf(name, 'snapshot') ?? -1) > endOffset) await disk.remove(`${folder}/${name}`)
  }
  await disk.remove(`${folder}/leader-epoch-checkpoint`)
  await disk.syncFolder(folder)
}

/** The cut segment counts as not durable, so that the next start reads it. */
async function rewriteNote({ disk, plan, note, ...rest }: Truncation): Promise<void> {
  const lines = await readCheckpoint(disk, rest.checkpointPath)
  if (note === undefined || lines === undefined) return
  const { segmentBase, endOffset } = plan
  const sizes = await logSizes(disk, plan.folder)
  const cut: LogNote = {
    ...note,
    recoveryPoint: Math.min(note.recoveryPoint, segmentBase),
    firstOpenOffset: -1,
    epochs: note.epochs.filter(({ startOffset }) => startOffset < endOffset),
    segments: note.segments.filter(
      ({ baseOffset }) => baseOffset < segmentBase && sizes.has(baseOffset),
    ),
  }
  lines.set(logKey(rest.topicId, rest.partition), encodeNote(cut))
  await writeCheckpoint(disk, rest.checkpointPath, [...lines.values()])
}

/** Bytes of each log file, by base offset, ascending. */
async function logSizes(disk: Disk, folder: string): Promise<Map<number, number>> {
  const bases = (await disk.list(folder))
    .map((name) => baseOffsetOf(name, 'log'))
    .filter((base) => base !== undefined)
    .sort((a, b) => a - b)
  const sizes = new Map<number, number>()
  for (const base of bases) {
    sizes.set(base, (await disk.stat(segmentPath(folder, base, 'log')))?.size ?? 0)
  }
  return sizes
}
