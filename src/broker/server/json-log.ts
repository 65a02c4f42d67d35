// The broker's log: one JSON object per line, so that a machine can read what a person reads.
// Invariant: an entry is one line, its first key is `event`, its values are plain JSON. Hot paths
// write none; a flood of the same event is thinned to a count (noise is a denial of service too).

import type { Clock } from '../../host/clock.ts'

export type LogLevel = 'info' | 'warn' | 'error'
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>

export interface JsonLog {
  info(event: string, fields?: LogFields): void
  warn(event: string, fields?: LogFields): void
  error(event: string, fields?: LogFields): void
}

/** More entries of one event than this within a second are counted instead of written. */
const MAX_PER_EVENT_AND_SECOND = 20
/** A bug's stack is cut here: a line stays a line. */
const MAX_TEXT = 4_000

/** @param write takes one line without its line end */
export function createJsonLog(options: { clock: Clock; write: (line: string) => void }): JsonLog {
  const { clock, write } = options
  const seen = new Map<string, { second: number; count: number }>()

  const log = (level: LogLevel, event: string, fields: LogFields = {}) => {
    const nowMs = clock.nowMs()
    const second = Math.floor(nowMs / 1000)
    const entry = seen.get(event) ?? { second, count: 0 }
    seen.set(event, entry)
    const suppressed = Math.max(0, entry.count - MAX_PER_EVENT_AND_SECOND)
    if (entry.second !== second) {
      entry.second = second
      entry.count = 0
    }
    entry.count++
    if (entry.count > MAX_PER_EVENT_AND_SECOND) return
    const time = new Date(nowMs).toISOString()
    const line: Record<string, unknown> = { event, level, time, ...shortened(fields) }
    if (entry.count === 1 && suppressed > 0) line['suppressed'] = suppressed
    write(JSON.stringify(line))
  }

  return {
    info: (event, fields) => log('info', event, fields),
    warn: (event, fields) => log('warn', event, fields),
    error: (event, fields) => log('error', event, fields),
  }
}

/** What a thrown value says, with its stack: for the entry that reports a bug. */
export function describeError(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}

function shortened(fields: LogFields): LogFields {
  const result: Record<string, string | number | boolean | null | undefined> = {}
  for (const [key, value] of Object.entries(fields)) {
    result[key] = typeof value === 'string' ? value.slice(0, MAX_TEXT) : value
  }
  return result
}
