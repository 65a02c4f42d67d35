// One small file that says of every partition how far its files are known to be durable and where it
// starts: where recovery begins after a crash, and all that a clean start needs to know. Replaced as
// a whole, in one step.
//
//   millrace-checkpoint 1
//   <CRC-32C of the lines below, 8 hexadecimal digits>
//   one line of JSON per partition
//
// Invariant: what a line claims to be durable was synced before the line was written. A file that is
// missing or damaged costs time, not data: then everything is scanned.

import type { Disk } from '../../host/disk.ts'
import { crc32c } from '../bytes/crc32c.ts'
import type { EpochStart } from './leader-epochs.ts'

const FIRST_LINE = 'millrace-checkpoint 1'

export interface SegmentNote {
  readonly baseOffset: number
  /** Exclusive. */
  readonly endOffset: number
  readonly sizeBytes: number
  readonly maxTimestamp: number
  readonly maxTimestampOffset: number
  readonly firstTimestamp: number
  readonly createdMs: number
  /** What its transaction index must hold: one that holds less is no use. */
  readonly abortedCount: number
}

export interface LogNote {
  readonly topicId: string
  readonly partition: number
  readonly logStartOffset: number
  /** Every file is durable below this offset. */
  readonly recoveryPoint: number
  /** Of the first open transaction; -1 when there is none. */
  readonly firstOpenOffset: number
  readonly epochs: readonly EpochStart[]
  /** Empty when nothing was ever appended. */
  readonly segments: readonly SegmentNote[]
  /** Everything below was compacted; 0 when nothing was. */
  readonly firstDirtyOffset: number
}

export function logKey(topicId: string, partition: number): string {
  return `${topicId}-${partition}`
}

export function encodeNote(note: LogNote): string {
  return JSON.stringify([
    note.topicId,
    note.partition,
    note.logStartOffset,
    note.recoveryPoint,
    note.firstOpenOffset,
    note.epochs.map(({ epoch, startOffset }) => [epoch, startOffset]),
    note.segments.map((s) => [
      s.baseOffset,
      s.endOffset,
      s.sizeBytes,
      s.maxTimestamp,
      s.maxTimestampOffset,
      s.firstTimestamp,
      s.createdMs,
      s.abortedCount,
    ]),
    note.firstDirtyOffset,
  ])
}

export async function writeCheckpoint(
  disk: Disk,
  path: string,
  lines: readonly string[],
): Promise<void> {
  const body = Buffer.from(lines.map((line) => `${line}\n`).join(''))
  const head = Buffer.from(`${FIRST_LINE}\n${checksum(body)}\n`)
  await disk.replaceFile(path, Buffer.concat([head, body]))
}

/**
 * By log key, the lines as they stand: few of them are ever looked at at once. undefined when the
 * file is missing or damaged.
 */
export async function readCheckpoint(
  disk: Disk,
  path: string,
): Promise<Map<string, string> | undefined> {
  const content = await disk.readFile(path)
  if (content === undefined) return undefined
  const lines = new Map<string, string>()
  const text = content.toString()
  const bodyAt = FIRST_LINE.length + 10
  const body = content.subarray(bodyAt)
  const head = `${FIRST_LINE}\n${checksum(body)}\n`
  if (!text.startsWith(head)) return undefined
  for (const line of text.slice(bodyAt).split('\n')) {
    const match = /^\["([\w-]{22})",(\d+),/.exec(line)
    if (match !== null) lines.set(logKey(match[1]!, Number(match[2])), line)
  }
  return lines
}

/** The checksum of the file vouches for the line's shape. */
export function decodeNote(line: string): LogNote {
  const [
    topicId,
    partition,
    logStartOffset,
    recoveryPoint,
    firstOpenOffset,
    epochs,
    segments,
    firstDirtyOffset = 0, // not there yet before compaction was
  ] = JSON.parse(line) as [
    string,
    number,
    number,
    number,
    number,
    number[][],
    number[][],
    number | undefined,
  ]
  return {
    topicId,
    partition,
    logStartOffset,
    recoveryPoint,
    firstOpenOffset,
    epochs: epochs.map(([epoch, startOffset]) => ({ epoch: epoch!, startOffset: startOffset! })),
    segments: segments.map((s) => ({
      baseOffset: s[0]!,
      endOffset: s[1]!,
      sizeBytes: s[2]!,
      maxTimestamp: s[3]!,
      maxTimestampOffset: s[4]!,
      firstTimestamp: s[5]!,
      createdMs: s[6]!,
      abortedCount: s[7] ?? 0,
    })),
    firstDirtyOffset,
  }
}

function checksum(body: Buffer): string {
  return crc32c(body).toString(16).padStart(8, '0')
}
