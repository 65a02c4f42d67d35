// Parked events as rows: one for each key that waits (its events behind it), or one for each kind of
// failure.

import type { LotEntry } from '../sdk/messaging/parking/lot-entry.ts'
import { eventTypeOf } from '../sdk/messaging/parking/parked-record.ts'
import type { Column } from './output.ts'
import type { ParkedLot, ParkedSource } from './parked-lot.ts'
import { isoTime, type JsonBytes, jsonBytes, printable, relativeTime } from './text.ts'

export interface ParkedRow {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly key: JsonBytes
  /** `running`: it has been asked for, or waits for nothing any more. */
  readonly state: 'parked' | 'running'
  readonly reason: string
  /** It and those that follow it. */
  readonly events: number
  readonly attempts: number
  readonly firstFailed: string | null
  readonly lastFailed: string | null
  readonly failure: string
  readonly error: string
}

export interface FailureRow {
  readonly failure: string
  readonly reason: string
  readonly type: string
  readonly events: number
  readonly firstFailed: string | null
  readonly lastFailed: string | null
  /** Of the first one. */
  readonly error: string
}

export function rowsOf(lot: ParkedLot): ParkedRow[] {
  return lot.sources.flatMap((source) => {
    const runnable = new Set(source.state.runnable())
    return [...source.state.queues].flatMap((queue) => {
      const [head] = queue
      if (head === undefined) return []
      return [rowOf(source, head, { events: queue.length, isRunnable: runnable.has(head) })]
    })
  })
}

export function rowOf(
  source: ParkedSource,
  entry: LotEntry,
  { events, isRunnable }: { events: number; isRunnable: boolean },
): ParkedRow {
  return {
    ...entry.source,
    key: entry.key === null ? null : jsonBytes(Buffer.from(entry.key, 'base64')),
    state: isRunnable ? 'running' : 'parked',
    reason: entry.reason,
    events,
    attempts: entry.attempts,
    ...failureTimes([entry]),
    failure: entry.fingerprint,
    error: errorOf(source, entry),
  }
}

/** The most frequent first. */
export function failuresOf(lot: ParkedLot): FailureRow[] {
  const failed = lot.sources.flatMap((source) =>
    [...source.state.queues]
      .flat()
      .filter(({ reason }) => reason !== 'follows')
      .map((entry) => ({ source, entry })),
  )
  const groups = Map.groupBy(failed, ({ entry }) => entry.fingerprint)
  return [...groups]
    .map(([failure, members]) => {
      const { source, entry } = members[0]!
      return {
        failure,
        reason: entry.reason,
        type: eventTypeOf(source.event(entry).record.headers),
        events: members.length,
        ...failureTimes(members.map((member) => member.entry)),
        error: errorOf(source, entry),
      }
    })
    .sort((a, b) => b.events - a.events)
}

export function parkedColumns(nowMs: number): readonly Column<ParkedRow>[] {
  return [
    { title: 'TOPIC', value: (row) => row.topic },
    { title: 'PARTITION', value: (row) => row.partition, align: 'right' },
    { title: 'OFFSET', value: (row) => row.offset, align: 'right' },
    { title: 'KEY', value: (row) => (row.key === null ? null : printable(row.key)) },
    { title: 'STATE', value: (row) => row.state },
    { title: 'EVENTS', value: (row) => row.events, align: 'right' },
    { title: 'REASON', value: (row) => row.reason },
    { title: 'ATTEMPTS', value: (row) => row.attempts, align: 'right' },
    timeColumn('LAST FAILED', nowMs),
    { title: 'FAILURE', value: (row) => row.failure },
    { title: 'ERROR', value: (row) => row.error },
  ]
}

export function failureColumns(nowMs: number): readonly Column<FailureRow>[] {
  return [
    { title: 'FAILURE', value: (row) => row.failure },
    { title: 'EVENTS', value: (row) => row.events, align: 'right' },
    { title: 'REASON', value: (row) => row.reason },
    { title: 'TYPE', value: (row) => row.type },
    timeColumn('LAST FAILED', nowMs),
    { title: 'ERROR', value: (row) => row.error },
  ]
}

function timeColumn<Row extends { readonly lastFailed: string | null }>(
  title: string,
  nowMs: number,
): Column<Row> {
  return {
    title,
    value: (row) => row.lastFailed,
    show: ({ lastFailed }) =>
      lastFailed === null ? '-' : relativeTime(Date.parse(lastFailed), nowMs),
  }
}

function failureTimes(entries: readonly LotEntry[]) {
  const firsts = entries.flatMap(({ firstFailedMs }) => firstFailedMs ?? [])
  const lasts = entries.flatMap(({ lastFailedMs }) => lastFailedMs ?? [])
  return {
    firstFailed: firsts.length === 0 ? null : isoTime(firsts.reduce((a, b) => Math.min(a, b))),
    lastFailed: lasts.length === 0 ? null : isoTime(lasts.reduce((a, b) => Math.max(a, b))),
  }
}

/** One line: a message may have many. */
function errorOf(source: ParkedSource, entry: LotEntry): string {
  const { failure } = source.event(entry)
  if (failure === undefined) return ''
  return `${failure.errorName}: ${failure.errorMessage.split('\n')[0]}`
}
