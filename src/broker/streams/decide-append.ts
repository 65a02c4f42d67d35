// May these records be appended to their streams, and as which versions? Event ids first, then expected
// versions; each record is judged after those before it; all of it or nothing. The index is left as it
// was unless the answer is 'append': then it has learnt the records.
// Source: DECISIONS of the event store; what is compared where is told in docs/compatibility.md.

import {
  type ExpectedVersion,
  holdsForCheck,
  isAsExpected,
  MAX_VERSION,
} from './expected-version.ts'
import type { RecordKind } from './store-names.ts'
import type { EventId, StoredEvent, StreamIndex } from './stream-index.ts'
import type { StreamRefusal } from './stream-refusal.ts'

/** A record that wants to be appended. Its stream's name lies in `name` from `nameStart` to `nameEnd`. */
export interface WantedRecord {
  readonly name: Uint8Array
  readonly nameStart: number
  readonly nameEnd: number
  readonly kind: RecordKind
  /** undefined: nothing was said, which is `any`, or what follows from the record before it. */
  readonly expected: ExpectedVersion | undefined
  readonly id: Uint8Array | undefined
  /** Of a truncation. */
  readonly beforeVersion: number | undefined
}

/** A stream that is looked at and not written. */
export interface WantedCheck {
  readonly name: Uint8Array
  readonly expected: ExpectedVersion
}

export interface AppendContext {
  /** Of the first record. */
  readonly baseOffset: number
  /** Of the open transaction that the records belong to; -1 for none. */
  readonly producerId: number
  /** `any` and `exists` look for event ids from here on. */
  readonly windowOffset: number
  readonly checks?: readonly WantedCheck[]
}

export type AppendDecision =
  | { readonly kind: 'append'; readonly versions: readonly number[] }
  /** All of it is there: where each record stands. */
  | { readonly kind: 'duplicate'; readonly events: readonly StoredEvent[] }
  | StreamRefusal

export function decideAppend(
  index: StreamIndex,
  records: readonly WantedRecord[],
  context: AppendContext,
): AppendDecision {
  const seen = records.map((record) => lookUp(index, record))
  const refused = findBusy(index, records, seen, context)
  if (refused !== undefined) return refused
  const known = findKnown(index, records, seen, context)
  if (known !== undefined) return known
  for (const check of context.checks ?? []) {
    const failed = failedCheck(index, check, context.producerId)
    if (failed !== undefined) return failed
  }
  return write(index, records, seen, context)
}

interface Seen {
  /** -1: nobody knows the stream so far. */
  slot: number
  id: EventId | undefined
}

function lookUp(index: StreamIndex, record: WantedRecord): Seen {
  const slot = index.streams.find(record.name, record.nameStart, record.nameEnd)
  return { slot, id: slot < 0 ? undefined : idIn(index, record, slot) }
}

function idIn(index: StreamIndex, { id }: WantedRecord, slot: number): EventId | undefined {
  if (id === undefined) return undefined
  return index.idOf(index.streams.hashOf(slot), id, 0, id.length)
}

function findBusy(
  index: StreamIndex,
  records: readonly WantedRecord[],
  seen: readonly Seen[],
  { producerId }: AppendContext,
): StreamRefusal | undefined {
  if (!index.hasOpenTransaction) return undefined
  for (let i = 0; i < records.length; i++) {
    const { slot } = seen[i]!
    const writer = slot < 0 ? -1 : index.writerOf(slot)
    if (writer >= 0 && writer !== producerId) {
      return { kind: 'busy', index: i, stream: index.streams.nameOf(slot) }
    }
  }
  return undefined
}

/** Which records are there already: all, some, or none (undefined). */
function findKnown(
  index: StreamIndex,
  records: readonly WantedRecord[],
  seen: readonly Seen[],
  { windowOffset }: AppendContext,
): AppendDecision | undefined {
  /** From the first record on: where that is not there, none may be. */
  let events: StoredEvent[] | undefined
  /** Of the record before: where the next one of its stream would be, had both been sent before. */
  let nextSlot = -1
  let nextVersion = -1
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!
    const { slot, id } = seen[i]!
    if (slot < 0 || id === undefined || record.kind !== 'event') {
      if (events !== undefined) return partly(index, seen, 0, events[0]!)
      if (slot !== nextSlot) nextSlot = -1
      continue
    }
    const version =
      record.expected === undefined && slot === nextSlot
        ? nextVersion
        : slotVersion(index, slot, record.expected)
    let found = version < 0 ? undefined : index.hasIdAt(slot, version, id)
    if (found === undefined && isFoundAnywhere(index, slot, record.expected)) {
      found = index.findId(slot, id, windowOffset)
    }
    nextSlot = version >= 0 || found !== undefined ? slot : -1
    nextVersion = (found?.version ?? version) + 1
    if (found === undefined) {
      if (events !== undefined) return partly(index, seen, 0, events[0]!)
      continue
    }
    if (events === undefined && i > 0) return partly(index, seen, i, found)
    events ??= []
    events.push(found)
  }
  return events && { kind: 'duplicate', events }
}

function partly(
  index: StreamIndex,
  seen: readonly Seen[],
  at: number,
  { version }: StoredEvent,
): StreamRefusal {
  return { kind: 'partly-there', index: at, stream: index.streams.nameOf(seen[at]!.slot), version }
}

/** Where the record would stand if it had been appended as it was expected; -1 when that is open. */
function slotVersion(
  index: StreamIndex,
  slot: number,
  expected: ExpectedVersion | undefined,
): number {
  if (typeof expected === 'number') return expected + 1
  return expected === 'none' ? index.streams.fields(slot).bornVersion : -1
}

/** An exact version says where to look. After a deletion `none` may have meant an earlier life. */
function isFoundAnywhere(
  index: StreamIndex,
  slot: number,
  expected: ExpectedVersion | undefined,
): boolean {
  if (typeof expected === 'number') return false
  return expected !== 'none' || index.streams.fields(slot).bornVersion > 0
}

function failedCheck(
  index: StreamIndex,
  { name, expected }: WantedCheck,
  producerId: number,
): StreamRefusal | undefined {
  const slot = index.streams.find(name, 0, name.length)
  const stream = Buffer.from(name).toString()
  const writer = slot < 0 ? -1 : index.writerOf(slot)
  if (writer >= 0 && writer !== producerId) return { kind: 'busy', index: -1, stream }
  const headVersion = slot < 0 ? -1 : index.streams.headVersion(slot)
  const life = slot < 0 ? 'live' : index.streams.life(slot)
  if (holdsForCheck({ headVersion, life }, expected)) return undefined
  return { kind: 'wrong-version', index: -1, stream, expected, actual: headVersion, life }
}

/** Learns record after record; what turns out to be wrong takes all of them back. */
function write(
  index: StreamIndex,
  records: readonly WantedRecord[],
  seen: readonly Seen[],
  { baseOffset, producerId }: AppendContext,
): AppendDecision {
  const versions = new Array<number>(records.length)
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!
    const before = seen[i]!
    const refusal = refuseRecord(index, record, before.slot, i, baseOffset)
    if (refusal !== undefined) {
      index.undoFrom(baseOffset)
      return refusal
    }
    const slot =
      before.slot >= 0
        ? before.slot
        : index.streams.ensure(record.name, record.nameStart, record.nameEnd)
    const id = before.id ?? idIn(index, record, slot)
    versions[i] = index.apply({
      slot,
      offset: baseOffset + i,
      kind: record.kind,
      id,
      beforeVersion: record.beforeVersion,
      producerId,
    })
  }
  return { kind: 'append', versions }
}

/** @param known the stream's slot before the batch, or -1 */
function refuseRecord(
  index: StreamIndex,
  record: WantedRecord,
  known: number,
  at: number,
  baseOffset: number,
): StreamRefusal | undefined {
  const { name, nameStart, nameEnd, kind } = record
  const expected = record.expected ?? 'any'
  // A record before it may have made the stream.
  const isOpen = known < 0 && at > 0
  const slot = isOpen ? index.streams.find(name, nameStart, nameEnd) : known
  const headVersion = slot < 0 ? -1 : index.streams.headVersion(slot)
  const life = slot < 0 ? 'live' : index.streams.life(slot)
  if (life === 'tombstoned') return { kind: 'tombstoned', index: at, stream: nameIn(record) }
  if (!isAsExpected({ headVersion, life }, expected)) {
    const stream = nameIn(record)
    return { kind: 'wrong-version', index: at, stream, expected, actual: headVersion, life }
  }
  if (kind === 'event' && headVersion >= MAX_VERSION) {
    return { kind: 'full', index: at, stream: nameIn(record) }
  }
  if (slot < 0 || at === 0 || index.streams.headOffset(slot) < baseOffset) return undefined
  const id = idIn(index, record, slot)
  const twice = id && index.findId(slot, id, baseOffset)
  return (
    twice && { kind: 'partly-there', index: at, stream: nameIn(record), version: twice.version }
  )
}

function nameIn({ name, nameStart, nameEnd }: WantedRecord): string {
  return Buffer.from(name.subarray(nameStart, nameEnd)).toString()
}
