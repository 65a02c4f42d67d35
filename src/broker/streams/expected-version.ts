// What a writer expects of a stream, and whether it holds. Pure. Versions count from 0; -1 is that of a
// stream without events. Rules of deleted streams: a soft-deleted one counts as one without events that
// goes on numbering where it was; a tombstoned one takes nothing any more.

export type ExpectedVersion = 'any' | 'none' | 'exists' | number

export interface StreamState {
  /** Of its newest event; -1 when it has none. */
  readonly headVersion: number
  readonly life: StreamLife
}

export interface StreamHead extends StreamState {
  /** Events below it are gone for readers. */
  readonly firstVersion: number
}

export type StreamLife = 'live' | 'deleted' | 'tombstoned'

const MAX_DIGITS = 10
/** Versions are kept in 32 bits. */
export const MAX_VERSION = 0xffff_fffe

/** @returns undefined when it is none of `any`, `none`, `exists` and a version */
export function parseExpectedVersion(text: string): ExpectedVersion | undefined {
  if (text === 'any' || text === 'none' || text === 'exists') return text
  if (text.length > MAX_DIGITS || !/^(0|[1-9][0-9]*)$/.test(text)) return undefined
  const version = Number(text)
  return version <= MAX_VERSION ? version : undefined
}

/** Does the stream stand where the writer thinks it does? Says nothing of tombstoned streams. */
export function isAsExpected(
  { headVersion, life }: StreamState,
  expected: ExpectedVersion,
): boolean {
  if (expected === 'any') return true
  const isThere = headVersion >= 0 && life === 'live'
  if (expected === 'exists') return isThere
  if (expected === 'none') return !isThere
  return headVersion === expected
}

/** As `isAsExpected`, where nothing is to be written: a tombstoned stream is one without events. */
export function holdsForCheck(state: StreamState, expected: ExpectedVersion): boolean {
  if (state.life !== 'tombstoned') return isAsExpected(state, expected)
  return expected === 'any' || expected === 'none'
}
