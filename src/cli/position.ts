// Where in a partition to start: the grammar of `consume -o` and of `group seek --to`. Pure.
//
//   start        the first record that is still there
//   end          behind the last one
//   -N           N records before the end
//   OFFSET       that offset
//   @TIME        the first record of that time or later; TIME is RFC 3339 (2026-11-23T10:00:00Z), a
//                date, milliseconds since 1970, or an age: @-90s, @-15m, @-2h, @-7d

import { usageError } from './exit-code.ts'

export type Position =
  | { readonly kind: 'start' }
  | { readonly kind: 'end' }
  | { readonly kind: 'before-end'; readonly count: number }
  | { readonly kind: 'offset'; readonly offset: number }
  | { readonly kind: 'time'; readonly timeMs: number }

export const POSITION_GRAMMAR = 'start, end, -N, OFFSET or @TIME'

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** @throws CliError (usage) for anything else than the grammar above */
export function parsePosition(text: string, nowMs: number): Position {
  if (text === 'start' || text === 'end') return { kind: text }
  if (text.startsWith('@')) return { kind: 'time', timeMs: parseTime(text.slice(1), nowMs) }
  if (/^-?\d+$/.test(text)) {
    const number = Number(text)
    if (Number.isSafeInteger(number)) {
      if (text.startsWith('-')) return { kind: 'before-end', count: -number }
      return { kind: 'offset', offset: number }
    }
  }
  throw usageError(`'${text}' is no position: give ${POSITION_GRAMMAR}.`)
}

/** Milliseconds since 1970. @param nowMs what an age is counted back from */
export function parseTime(text: string, nowMs: number): number {
  if (text.startsWith('-')) return nowMs - parseDuration(text.slice(1))
  if (/^\d{5,}$/.test(text)) return Number(text)
  if (/^\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?([Zz]|[+-]\d\d:\d\d))?$/.test(text)) {
    const timeMs = Date.parse(text.replace(' ', 'T'))
    if (!Number.isNaN(timeMs)) return timeMs
  }
  throw usageError(
    `'${text}' is no time: give RFC 3339 with its zone (2026-11-23T10:00:00Z), milliseconds since 1970, or an age such as -15m.`,
  )
}

/** Milliseconds of `500ms`, `10s`, `15m`, `2h`, `7d`. */
export function parseDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(text)
  if (match === null)
    throw usageError(`'${text}' is no duration: give a number and ms, s, m, h or d.`)
  return Number(match[1]) * UNIT_MS[match[2]!]!
}
