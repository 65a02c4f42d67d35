// Regular expressions from strangers, in RE2's syntax, matched in time linear to the text: V8's engine
// without backtracking. What it cannot do (lookaround, back references, huge repetitions) is refused, as by
// the RE2 that Kafka uses. The flag `l` exists only once V8 has been told so, which changes nothing
// for other expressions.

import { setFlagsFromString } from 'node:v8'
import { fromRe2Syntax } from './re2-syntax.ts'

/** A pattern's automaton grows with it, so patterns have a bound. */
const MAX_PATTERN_LENGTH = 1_000

export interface LinearRegExp {
  test(text: string): boolean
  /** The whole match and its groups, or null. */
  exec(text: string): readonly (string | undefined)[] | null
}

let isEnabled = false

/** Matches whole texts. @returns undefined when it is no pattern that can be matched in linear time */
export function linearRegExp(pattern: string): LinearRegExp | undefined {
  if (pattern.length > MAX_PATTERN_LENGTH) return undefined
  const translated = fromRe2Syntax(pattern)
  if (translated === undefined) return undefined
  if (!isEnabled) setFlagsFromString('--enable-experimental-regexp-engine')
  isEnabled = true
  try {
    // Alone first: a bracket too many must not close the group that anchors it.
    new RegExp(translated, 'l')
    return new RegExp(`^(?:${translated})$`, 'l')
  } catch {
    return undefined
  }
}
