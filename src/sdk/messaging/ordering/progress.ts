// What a consumer commits along with an offset, so that the next owner of the partition knows more
// than one number: which events above the offset are finished, and whether the last owner died.
//
// Layout: `1.` and then, in base64url, unsigned LEB128 numbers:
//   state       0 given up in order, 1 being worked on
//   crashes     owners in a row that died while they worked on it
//   suspects    how many, then for each: its offset from the committed one, and how often the process
//               died while that event ran alone, this run of it included
//   pairs       unfinished offsets, then finished ones, alternating, from the committed offset on
// Kafka keeps at most 4096 bytes (offset.metadata.max.bytes).

import { putVarint, takeVarints } from '../../transport/varints.ts'
import type { DoneSpan } from './offset-tracker.ts'

export interface Progress {
  /** Somebody works on the partition, or died over it. */
  readonly isOpen: boolean
  readonly crashes: number
  readonly suspects: readonly Suspect[]
  readonly done: readonly DoneSpan[]
}

export interface Suspect {
  readonly offset: number
  readonly deaths: number
}

export interface EncodedProgress {
  readonly metadata: string
  /** Spans that begin below it are in; the events of the others would be handled again. */
  readonly coveredBelow: number
  /** From 0 to 1: how much of the room is used. */
  readonly fullness: number
}

const PREFIX = '1.'
const MAX_METADATA_BYTES = 4096
const MAX_BYTES = Math.floor(((MAX_METADATA_BYTES - PREFIX.length) * 3) / 4)
/** Above this share of the room a consumer takes no new events of the partition. */
export const FULL_FROM = 0.75

const nothing: Progress = { isOpen: false, crashes: 0, suspects: [], done: [] }

export function encodeProgress(offset: number, progress: Progress): EncodedProgress {
  const bytes: number[] = []
  putVarint(bytes, progress.isOpen ? 1 : 0)
  putVarint(bytes, progress.crashes)
  putVarint(bytes, progress.suspects.length)
  for (const suspect of progress.suspects) {
    putVarint(bytes, suspect.offset - offset)
    putVarint(bytes, suspect.deaths)
  }
  let at = offset
  let coveredBelow = Number.POSITIVE_INFINITY
  for (const { start, end } of progress.done) {
    const pair: number[] = []
    putVarint(pair, start - at)
    putVarint(pair, end - start)
    if (bytes.length + pair.length > MAX_BYTES) {
      coveredBelow = start
      break
    }
    bytes.push(...pair)
    at = end
  }
  const metadata = PREFIX + Buffer.from(bytes).toString('base64url')
  return { metadata, coveredBelow, fullness: bytes.length / MAX_BYTES }
}

/** What somebody else wrote, a tool that reset offsets for instance, says nothing. */
export function decodeProgress(offset: number, metadata: string): Progress {
  if (!metadata.startsWith(PREFIX)) return nothing
  const numbers = takeVarints(Buffer.from(metadata.slice(PREFIX.length), 'base64url'))
  if (numbers === undefined) return nothing
  const [state, crashes, count = 0, ...rest] = numbers
  if (crashes === undefined || rest.length < count * 2 || rest.length % 2 !== 0) return nothing
  const suspects: Suspect[] = []
  for (let pair = 0; pair < count * 2; pair += 2) {
    suspects.push({ offset: offset + (rest[pair] as number), deaths: rest[pair + 1] as number })
  }
  const done: DoneSpan[] = []
  let at = offset
  for (let pair = count * 2; pair < rest.length; pair += 2) {
    const start = at + (rest[pair] as number)
    at = start + (rest[pair + 1] as number)
    done.push({ start, end: at })
  }
  return { isOpen: state === 1, crashes, suspects, done }
}
