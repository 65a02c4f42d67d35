// The streams of one partition of an event store, and the decision whether records may be appended to
// them: event ids first, then expected versions; each record is judged after those before it; all of it
// or nothing. The rules are those of the broker's own store.
//
// Invariant: the events of a stream are numbered without a gap; `events[version]` is where one stands.

import type { ExpectedVersion, StreamHead } from '../../transport/event-store.ts'
import type { OpenTransaction } from './transactions.ts'

export type RecordKind = 'event' | 'deleted' | 'tombstoned' | 'truncated'

/** A record that wants to be appended. */
export interface Wanted {
  readonly stream: string
  readonly kind: RecordKind
  /** Undefined: nothing was said, which is `any`, or what follows from the record before it. */
  readonly expected: ExpectedVersion | undefined
  readonly id: string | undefined
  /** Of a truncation. */
  readonly firstVersion: number | undefined
}

export interface Check {
  readonly stream: string
  readonly expected: ExpectedVersion
}

export interface AppendContext {
  readonly nowMs: number
  readonly baseOffset: number
  readonly transaction: OpenTransaction | undefined
}

export interface StoredAt {
  readonly version: number
  readonly offset: number
  readonly id: string | undefined
  readonly timestampMs: number
}

export type Refusal =
  | { readonly kind: 'wrong-version'; readonly expected: ExpectedVersion; readonly actual: number }
  | { readonly kind: 'tombstoned' }
  | { readonly kind: 'partly-there'; readonly version: number }
  | { readonly kind: 'busy' }

export type Decision =
  /** The version of each record; of one about its stream, that of the newest event. */
  | { readonly kind: 'append'; readonly versions: readonly number[] }
  | { readonly kind: 'duplicate'; readonly events: readonly StoredAt[] }
  | { readonly kind: 'refused'; readonly stream: string; readonly refusal: Refusal }

interface Fields {
  readonly count: number
  readonly firstVersion: number
  /** Its first version after it was last deleted: where `none` begins. */
  readonly bornVersion: number
  readonly state: StreamHead['state']
}

interface Stream {
  readonly events: StoredAt[]
  fields: Fields
  /** Who else has to wait for, and what readers see meanwhile. */
  writer: OpenTransaction | undefined
  committed: Fields | undefined
}

const NEW: Fields = { count: 0, firstVersion: 0, bornVersion: 0, state: 'live' }
/** `any` and `exists` look for event ids so far back: `millrace.dedupe.window.ms`. */
const DEDUPE_WINDOW_MS = 7 * 86_400_000

export class Streams {
  readonly #streams = new Map<string, Stream>()

  /** What readers see: without what an open transaction has written. */
  head(name: string): StreamHead {
    const fields = this.#readable(name)
    return { version: fields.count - 1, firstVersion: fields.firstVersion, state: fields.state }
  }

  offsetOf(name: string, version: number): number {
    return this.#streams.get(name)!.events[version]!.offset
  }

  /** Learns the records when the answer is 'append', and nothing otherwise. */
  decide(wanted: readonly Wanted[], checks: readonly Check[], context: AppendContext): Decision {
    for (const { stream } of wanted) {
      if (this.#isBusy(stream, context)) return refuse(stream, { kind: 'busy' })
    }
    const known = this.#findKnown(wanted, context)
    if (known !== undefined) return known
    for (const check of checks) {
      if (this.#isBusy(check.stream, context)) return refuse(check.stream, { kind: 'busy' })
      const fields = this.#streams.get(check.stream)?.fields ?? NEW
      if (!holdsForCheck(fields, check.expected)) return wrongVersion(check, fields)
    }
    return this.#write(wanted, context)
  }

  #readable(name: string): Fields {
    const stream = this.#streams.get(name)
    return stream?.committed ?? stream?.fields ?? NEW
  }

  #isBusy(name: string, { transaction }: AppendContext): boolean {
    const writer = this.#streams.get(name)?.writer
    return writer !== undefined && writer !== transaction
  }

  /** All records are there, some, or none (undefined). */
  #findKnown(wanted: readonly Wanted[], context: AppendContext): Decision | undefined {
    const found: (StoredAt | undefined)[] = []
    for (const [i, record] of wanted.entries()) {
      const before = wanted[i - 1]?.stream === record.stream ? found[i - 1] : undefined
      found.push(this.#find(record, before, context))
    }
    const events = found.filter((one) => one !== undefined)
    if (events.length === 0) return undefined
    if (events.length === wanted.length) return { kind: 'duplicate', events }
    const at = found.findIndex((one) => one !== undefined)
    return refuse(wanted[at]!.stream, { kind: 'partly-there', version: found[at]!.version })
  }

  #find(
    { stream: name, kind, expected, id }: Wanted,
    before: StoredAt | undefined,
    { nowMs }: AppendContext,
  ): StoredAt | undefined {
    const stream = this.#streams.get(name)
    if (stream === undefined || id === undefined || kind !== 'event') return undefined
    const { events, fields } = stream
    if (typeof expected === 'number') return withId(events[expected + 1], id)
    if (expected === undefined && before !== undefined) {
      const next = withId(events[before.version + 1], id)
      if (next !== undefined) return next
    }
    if (expected === 'none') {
      const born = withId(events[fields.bornVersion], id)
      // After a deletion it may have meant an earlier life.
      if (born !== undefined || fields.bornVersion === 0) return born
    }
    return events.findLast(
      (event) => event.id === id && event.timestampMs >= nowMs - DEDUPE_WINDOW_MS,
    )
  }

  /** Learns record after record; what turns out to be wrong takes all of them back. */
  #write(wanted: readonly Wanted[], context: AppendContext): Decision {
    const before = new Map<Stream, Fields>()
    const versions: number[] = []
    for (const [i, record] of wanted.entries()) {
      const stream = this.#ensure(record.stream)
      if (!before.has(stream)) before.set(stream, stream.fields)
      const refused = refuseRecord(stream, record, before.get(stream)!)
      if (refused !== undefined) {
        for (const [changed, fields] of before) restore(changed, fields)
        return refused
      }
      learn(stream, record, { offset: context.baseOffset + i, timestampMs: context.nowMs })
      versions.push(stream.fields.count - 1)
    }
    if (context.transaction !== undefined) hold(before, context.transaction)
    return { kind: 'append', versions }
  }

  #ensure(name: string): Stream {
    let stream = this.#streams.get(name)
    if (stream === undefined) {
      stream = { events: [], fields: NEW, writer: undefined, committed: undefined }
      this.#streams.set(name, stream)
    }
    return stream
  }
}

/** Until the transaction has ended, its streams are its own. */
function hold(before: ReadonlyMap<Stream, Fields>, transaction: OpenTransaction): void {
  for (const [stream, fields] of before) {
    if (stream.writer === transaction) continue
    stream.writer = transaction
    stream.committed = fields
    transaction.onEnd((outcome) => {
      if (outcome === 'aborted') restore(stream, fields)
      stream.writer = undefined
      stream.committed = undefined
    })
  }
}

function restore(stream: Stream, fields: Fields): void {
  stream.fields = fields
  stream.events.length = fields.count
}

function refuseRecord(stream: Stream, record: Wanted, before: Fields): Decision | undefined {
  const { fields, events } = stream
  const expected = record.expected ?? 'any'
  if (fields.state === 'tombstoned') return refuse(record.stream, { kind: 'tombstoned' })
  if (!isAsExpected(fields, expected)) {
    return wrongVersion({ stream: record.stream, expected }, fields)
  }
  const twice = events
    .slice(before.count)
    .find(({ id }) => id !== undefined && id === record.id && record.kind === 'event')
  if (twice === undefined) return undefined
  return refuse(record.stream, { kind: 'partly-there', version: twice.version })
}

function learn(
  stream: Stream,
  { kind, id, firstVersion = 0 }: Wanted,
  at: { offset: number; timestampMs: number },
): void {
  const { fields, events } = stream
  const next = fields.count
  if (kind === 'event') {
    events.push({ version: next, id, ...at })
    stream.fields = { ...fields, count: next + 1, state: 'live' }
  } else if (kind === 'truncated') {
    const cut = Math.min(next, Math.max(fields.firstVersion, firstVersion))
    stream.fields = { ...fields, firstVersion: cut }
  } else stream.fields = { ...fields, firstVersion: next, bornVersion: next, state: kind }
}

/** A soft-deleted stream counts as one without events that goes on numbering where it was. */
function isAsExpected({ count, state }: Fields, expected: ExpectedVersion): boolean {
  if (expected === 'any') return true
  const isThere = count > 0 && state === 'live'
  if (expected === 'exists') return isThere
  if (expected === 'none') return !isThere
  return count - 1 === expected
}

/** Where nothing is to be written, a tombstoned stream is one without events. */
function holdsForCheck(fields: Fields, expected: ExpectedVersion): boolean {
  if (fields.state !== 'tombstoned') return isAsExpected(fields, expected)
  return expected === 'any' || expected === 'none'
}

function withId(event: StoredAt | undefined, id: string): StoredAt | undefined {
  return event?.id === id ? event : undefined
}

function wrongVersion({ stream, expected }: Check, { count }: Fields): Decision {
  return refuse(stream, { kind: 'wrong-version', expected, actual: count - 1 })
}

function refuse(stream: string, refusal: Refusal): Decision {
  return { kind: 'refused', stream, refusal }
}
