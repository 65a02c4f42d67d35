// When a delayed event is due: a moment of the calendar, fixed when it is published. Pure.

import { type Duration, durationMs } from '../duration.ts'
import { InvalidDelayError } from '../errors.ts'

/** At most one of the two. */
export interface DelayOptions {
  /** Published that much later, at most 366 days. */
  readonly delay?: Duration
  /** Published then; a moment that has passed is now. */
  readonly at?: Date
}

/** A year, whichever. What lies further ahead is a plan, and belongs into the application's own data. */
const MAX_DELAY_MS = 366 * 24 * 3_600_000

/**
 * @returns milliseconds since 1970, never before `nowMs`
 * @throws DurationError, InvalidDelayError
 */
export function dueMsOf({ delay, at }: DelayOptions, nowMs: number): number {
  if (delay !== undefined && at !== undefined) {
    throw new InvalidDelayError('An event is published after a delay or at a moment, not both.')
  }
  const dueMs = delay === undefined ? momentMs(at) : nowMs + Math.ceil(durationMs(delay))
  if (dueMs - nowMs <= MAX_DELAY_MS) return Math.max(nowMs, dueMs)
  throw new InvalidDelayError(
    `${delay ?? at?.toISOString()} is too far ahead to be waited for: 366 days at most. ` +
      'Keep the plan in your own data.',
  )
}

function momentMs(at: unknown): number {
  if (at instanceof Date && !Number.isNaN(at.getTime())) return at.getTime()
  throw new InvalidDelayError('`at` is no moment: give a valid Date.')
}
