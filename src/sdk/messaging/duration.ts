// Durations as people write them: `200ms`, `30s`, `10m`, `2h`, `7d`.

import { MillraceError } from '../events/errors.ts'

export type Duration = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`

export class DurationError extends MillraceError {
  readonly code = 'bad-duration'
  readonly retriable = false
  readonly text: string

  constructor(text: string) {
    super(`"${text}" is no duration: write a number and one of ms, s, m, h, d, such as 200ms.`)
    this.text = text
  }
}

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

/** @throws DurationError, also for negative ones */
export function durationMs(duration: Duration): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h|d)$/.exec(duration)
  const unit = unitMs[match?.[2] ?? '']
  if (match === null || unit === undefined) throw new DurationError(duration)
  return Number(match[1]) * unit
}
