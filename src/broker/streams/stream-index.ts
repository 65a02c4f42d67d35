// What the records of one partition of a store mean: each stream's head, where its versions stand, which
// event ids it has. Follows the log record by record, ahead of the disk: appends that are not durable
// yet count, and can be taken back. Learnt from the log again whenever it is lost.
// Invariant: a stream with records of an open transaction is written by that producer alone, so an abort
// puts it back to where the transaction found it.

import { hashTwice } from './byte-hash.ts'
import { EventIds } from './event-ids.ts'
import { EventLinks } from './event-links.ts'
import type { StreamHead, StreamLife } from './expected-version.ts'
import type { RecordKind } from './store-names.ts'
import { type FieldsBefore, type StreamFields, StreamTable } from './stream-table.ts'

export interface EventId {
  readonly high: number
  readonly low: number
}

export interface StoredEvent {
  readonly offset: number
  readonly version: number
}

/** What one record does to its stream. */
export interface Change {
  readonly slot: number
  readonly offset: number
  readonly kind: RecordKind
  /** undefined counts on. Only a record that is in the log already says its own. */
  readonly version?: number | undefined
  readonly id: EventId | undefined
  /** Of a truncation: events below are gone. */
  readonly beforeVersion?: number | undefined
  /** -1 outside a transaction. */
  readonly producerId: number
  /** It is never taken back. */
  readonly isKept?: boolean
}

interface OpenTransaction {
  readonly before: Map<number, StreamFields>
  readonly offsets: number[]
}

/** Up to so many events of a stream are walked to find an id; longer streams have a table. */
const WALKED_EVENTS = 16
/** The clock of the de-duplication window ticks once a minute. */
const MINUTE_MS = 60_000
const NO_OPEN = new Map<number, OpenTransaction>()

export interface Seeds {
  readonly names: number
  readonly idHigh: number
  readonly idLow: number
}

export class StreamIndex {
  readonly seeds: Seeds
  readonly streams: StreamTable
  readonly links = new EventLinks()
  readonly ids = new EventIds(this.links)
  /** Where each minute began, oldest first. */
  readonly #minutes: { startMs: number; offset: number }[] = []
  /** Newest last; see `forgetUndo`. */
  #undo: FieldsBefore[] = []
  readonly #open = new Map(NO_OPEN)
  /** Slot to producer id. */
  readonly #busy = new Map<number, number>()
  /** Of the id that was hashed last. */
  readonly #hashes = new Int32Array(2)
  #eventCount = 0

  constructor(seeds: Seeds) {
    this.seeds = seeds
    this.streams = new StreamTable(seeds.names)
  }

  get sizeBytes(): number {
    return this.streams.sizeBytes + this.links.sizeBytes + this.ids.sizeBytes
  }

  /** Learnt since it was made or loaded. */
  get learntCount(): number {
    return this.#eventCount
  }

  get hasOpenTransaction(): boolean {
    return this.#open.size > 0
  }

  /** An event's id as the index knows it: of its stream alone. */
  idOf(streamHash: number, bytes: Uint8Array, start: number, end: number): EventId {
    this.#hashId(streamHash, bytes, start, end)
    return { high: this.#hashes[0]!, low: this.#hashes[1]! }
  }

  /** Leaves its halves in `#hashes`. */
  #hashId(streamHash: number, bytes: Uint8Array, start: number, end: number): void {
    const { idHigh, idLow } = this.seeds
    const hashes = this.#hashes
    hashTwice(bytes, start, end, idHigh ^ streamHash, (idLow + streamHash) | 0, hashes)
    // 0, 0 is none.
    if (hashes[0] === 0 && hashes[1] === 0) hashes[1] = 1
  }

  /** The producer whose open transaction has written to the stream; -1 when none has. */
  writerOf(slot: number): number {
    return this.#busy.size === 0 ? -1 : (this.#busy.get(slot) ?? -1)
  }

  /**
   * The stream as readers may see it: without what an open transaction wrote, and below an offset.
   * @param slot -1 is a stream that nobody knows
   */
  headBelow(slot: number, endOffset: number): StreamHead & { headOffset: number } {
    if (slot < 0) return NO_STREAM
    const writer = this.writerOf(slot)
    let fields = writer < 0 ? undefined : this.#open.get(writer)?.before.get(slot)
    fields ??= this.streams.fields(slot)
    // What is not durable yet stands at the end of the undo list, newest last.
    for (let i = this.#undo.length - 1; i >= 0; i--) {
      const undo = this.#undo[i]!
      if (undo.offset < endOffset) break
      if (undo.slot === slot && fields.headOffset >= undo.headOffset) fields = undo
    }
    return fields
  }

  /** Where a version stands, seen from a head. @returns -1 when it is not known any more */
  offsetOf(head: { headVersion: number; headOffset: number }, version: number): number {
    if (head.headOffset < 0) return -1
    return this.links.seek({ version: head.headVersion, offset: head.headOffset }, version)
  }

  hasIdAt(slot: number, version: number, id: EventId): StoredEvent | undefined {
    const headVersion = this.streams.headVersion(slot)
    if (version > headVersion) return undefined
    const offset = this.offsetOf(
      { headVersion, headOffset: this.streams.headOffset(slot) },
      version,
    )
    if (offset < 0 || !this.links.hasId(offset, id.high, id.low)) return undefined
    return { offset, version }
  }

  /** @param fromOffset older events are not looked at */
  findId(slot: number, id: EventId, fromOffset: number): StoredEvent | undefined {
    const headVersion = this.streams.headVersion(slot)
    const headOffset = this.streams.headOffset(slot)
    let offset = headOffset
    let version = headVersion
    for (let i = 0; i < WALKED_EVENTS && offset >= fromOffset && offset >= 0; i++) {
      if (this.links.hasId(offset, id.high, id.low)) return { offset, version }
      offset = this.links.previousOf(offset)
      version -= 1
    }
    if (offset < fromOffset || offset < 0) return undefined
    const found = this.ids.find(id.high, id.low, fromOffset)
    if (found < 0) return undefined
    const at = this.links.versionAt({ version: headVersion, offset: headOffset }, found)
    return at < 0 ? undefined : { offset: found, version: at }
  }

  /** Where events begin that are at most so old. */
  offsetSince(timeMs: number): number {
    const minutes = this.#minutes
    let low = 0
    let high = minutes.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (minutes[middle]!.startMs + MINUTE_MS > timeMs) high = middle
      else low = middle + 1
    }
    return minutes[low]?.offset ?? Number.MAX_SAFE_INTEGER
  }

  /** A batch that begins here was appended then: clocks that go back are not followed. */
  noteTime(timeMs: number, offset: number): void {
    const last = this.#minutes.at(-1)
    if (last !== undefined && timeMs < last.startMs + MINUTE_MS) return
    this.#minutes.push({ startMs: timeMs, offset })
  }

  /** Minutes that ended before are of no use to anybody. */
  forgetTimesBefore(timeMs: number): void {
    let count = 0
    while (count < this.#minutes.length && this.#minutes[count]!.startMs + MINUTE_MS < timeMs)
      count++
    if (count > 0) this.#minutes.splice(0, count)
  }

  get minutes(): readonly { startMs: number; offset: number }[] {
    return this.#minutes
  }

  /** @returns the version that the record has: its own, or for a record about its stream the head's */
  apply(change: Change): number {
    const { slot, offset, kind, producerId, id } = change
    const before = this.streams.fieldsBefore(slot, offset)
    if (change.isKept !== true) this.#undo.push(before)
    if (producerId >= 0) this.#joinTransaction(producerId, slot, offset, before)
    if (kind === 'event') {
      const version = change.version ?? before.headVersion + 1
      this.#add(slot, offset, version, id?.high ?? 0, id?.low ?? 0)
      return version
    }
    this.#eventCount += 1
    this.ids.begin(offset)
    this.streams.set(slot, afterNotice(before, kind, change.beforeVersion ?? 0))
    return before.headVersion
  }

  /**
   * Learns an event that is in the log for ever, outside of transactions: `apply` for who has millions.
   * @param version -1 counts on
   * @param bytes where its id stands, from `idStart` to `idEnd`; none when they are the same
   */
  learn(
    slot: number,
    offset: number,
    version: number,
    bytes: Uint8Array,
    idStart: number,
    idEnd: number,
  ): void {
    const hashes = this.#hashes
    if (idEnd > idStart) this.#hashId(this.streams.hashOf(slot), bytes, idStart, idEnd)
    else hashes.fill(0)
    const own = version < 0 ? this.streams.headVersion(slot) + 1 : version
    this.#add(slot, offset, own, hashes[0]!, hashes[1]!)
  }

  #add(slot: number, offset: number, version: number, idHigh: number, idLow: number): void {
    this.#eventCount += 1
    this.ids.begin(offset)
    const isNext = version === this.streams.headVersion(slot) + 1
    const previousOffset = isNext ? this.streams.headOffset(slot) : -1
    this.links.add(offset, version, previousOffset, idHigh, idLow)
    if (version >= WALKED_EVENTS && isNext) this.#enterId(version, offset)
    this.streams.advance(slot, version, offset)
  }

  /** Nobody else writes to the stream until that producer's transaction has ended. */
  hold(slot: number, producerId: number): void {
    const { before } = this.#openOf(producerId)
    if (!before.has(slot)) before.set(slot, this.streams.fields(slot))
    this.#busy.set(slot, producerId)
  }

  /** The transaction of a producer is over. */
  end(producerId: number, isAbort: boolean): void {
    const transaction = this.#open.get(producerId)
    if (transaction === undefined) return
    this.#open.delete(producerId)
    for (const [slot, before] of transaction.before) {
      this.#busy.delete(slot)
      if (isAbort) this.streams.set(slot, before)
    }
    if (isAbort) for (const offset of transaction.offsets) this.links.forgetId(offset)
  }

  /** Takes back what was learnt from an offset on, newest first. Markers cannot be taken back. */
  undoFrom(offset: number): void {
    for (let last = this.#undo.at(-1); last !== undefined && last.offset >= offset; ) {
      this.streams.set(last.slot, last)
      this.links.forgetId(last.offset)
      const writer = this.writerOf(last.slot)
      if (writer >= 0) this.#leaveTransaction(writer, last)
      this.#undo.pop()
      last = this.#undo.at(-1)
    }
  }

  /** What stands below is durable, and never taken back. */
  forgetUndo(endOffset: number): void {
    const undo = this.#undo
    let count = 0
    while (count < undo.length && undo[count]!.offset < endOffset) count++
    if (count === undo.length) this.#undo = []
    else if (count > 0) undo.splice(0, count)
  }

  get undoCount(): number {
    return this.#undo.length
  }

  /** What streams were at an offset that nothing durable lies behind, where they are something else now. */
  fieldsBefore(endOffset: number): ReadonlyMap<number, StreamFields> {
    const before = new Map<number, StreamFields>()
    for (let i = this.#undo.length - 1; i >= 0; i--) {
      const undo = this.#undo[i]!
      if (undo.offset < endOffset) break
      before.set(undo.slot, undo)
    }
    return before
  }

  #joinTransaction(producerId: number, slot: number, offset: number, before: StreamFields): void {
    const transaction = this.#openOf(producerId)
    if (!transaction.before.has(slot)) transaction.before.set(slot, before)
    transaction.offsets.push(offset)
    this.#busy.set(slot, producerId)
  }

  #openOf(producerId: number): OpenTransaction {
    let transaction = this.#open.get(producerId)
    if (transaction === undefined) {
      transaction = { before: new Map(), offsets: [] }
      this.#open.set(producerId, transaction)
    }
    return transaction
  }

  /** Its first record in the stream was taken back: the stream is free again. */
  #leaveTransaction(producerId: number, undo: FieldsBefore): void {
    const transaction = this.#open.get(producerId)
    const before = transaction?.before.get(undo.slot)
    if (transaction?.offsets.at(-1) === undo.offset) transaction.offsets.pop()
    if (before === undefined || before.headOffset !== undo.headOffset) return
    if (before.life !== undo.life || before.firstVersion !== undo.firstVersion) return
    transaction?.before.delete(undo.slot)
    this.#busy.delete(undo.slot)
    if (transaction?.before.size === 0) this.#open.delete(producerId)
  }

  /** A stream that has become long gets its first events into the table as well. */
  #enterId(version: number, offset: number): void {
    if (version === WALKED_EVENTS) {
      let older = this.links.previousOf(offset)
      while (older >= 0) {
        this.ids.add(older)
        older = this.links.previousOf(older)
      }
    }
    this.ids.add(offset)
  }
}

const NO_STREAM = {
  headVersion: -1,
  headOffset: -1,
  firstVersion: 0,
  life: 'live' as StreamLife,
}

function afterNotice(
  before: StreamFields,
  kind: Exclude<RecordKind, 'event'>,
  beforeVersion: number,
): StreamFields {
  const next = before.headVersion + 1
  if (kind === 'truncated') {
    const firstVersion = Math.min(next, Math.max(before.firstVersion, beforeVersion))
    return { ...before, firstVersion }
  }
  return { ...before, firstVersion: next, bornVersion: next, life: kind }
}
