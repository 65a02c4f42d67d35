// Which events of one partition of timers wait, and which of them are due: the fold of the partition's
// records in their order. Pure.
//
// Invariants: of a name at most one timer waits, the one written last; what has been delivered does not
// wait again, though its own record of that has not been read yet. Bytes of events are kept up to a
// bound, for the others it is remembered where they stand: any number of far timers costs little.

import type { OutgoingRecord } from '../../events/record.ts'
import { DueQueue } from './due-queue.ts'
import type { Timer, TimerRecord } from './timer-record.ts'

/** Former times that may stand in the queue, besides one for each timer that waits. */
const STALE_ALLOWED = 100

export interface WaitingTimer {
  readonly name: string
  readonly topic: string
  readonly dueMs: number
  /** In the partition of timers. */
  readonly offset: number
  /** Events of one lane are delivered in the order of their times. */
  readonly lane: string
  /** Undefined: it is read again when it is due. */
  readonly record: OutgoingRecord | undefined
  readonly bytes: number
}

export class WaitingTimers {
  readonly #maxKeptBytes: number
  readonly #byName = new Map<string, WaitingTimer>()
  #queue = new DueQueue<WaitingTimer>()
  /** Delivered, and not read as such yet: whatever is read of the name until then is older. */
  readonly #delivered = new Set<string>()
  #keptBytes = 0

  constructor(options: { maxKeptBytes: number }) {
    this.#maxKeptBytes = options.maxKeptBytes
  }

  get size(): number {
    return this.#byName.size
  }

  /** What stands in the queue, former times included. */
  get queued(): number {
    return this.#queue.size
  }

  get nextDueMs(): number | undefined {
    this.#dropStale()
    return this.#queue.peek()?.dueMs
  }

  /** Records come in the order of their offsets. */
  apply(record: TimerRecord, offset: number): void {
    if (record.kind === 'timer') this.#wait(record.timer, offset)
    if (record.kind === 'delivered') {
      this.#forget(record.name)
      this.#delivered.delete(record.name)
    }
  }

  /** Takes the earliest one that is due out of the queue; it still waits. See `putBack`. */
  takeDue(nowMs: number): WaitingTimer | undefined {
    this.#dropStale()
    const first = this.#queue.peek()
    return first !== undefined && first.dueMs <= nowMs ? this.#queue.take() : undefined
  }

  putBack(timers: Iterable<WaitingTimer>): void {
    for (const timer of timers) if (this.isWaiting(timer)) this.#queue.put(timer)
  }

  /** False: it has been delivered, or has another time by now. */
  isWaiting(timer: WaitingTimer): boolean {
    return this.#byName.get(timer.name) === timer
  }

  /** Its event is published, and its record of that is in the partition, to be read. */
  delivered({ name }: WaitingTimer): void {
    this.#forget(name)
    this.#delivered.add(name)
  }

  /** Nobody will ever find its event again. */
  lost({ name }: WaitingTimer): void {
    this.#forget(name)
  }

  #wait({ name, topic, dueMs, record }: Timer, offset: number): void {
    if (this.#delivered.has(name)) return
    this.#forget(name)
    const bytes = bytesOf(record)
    const isKept = this.#keptBytes + bytes <= this.#maxKeptBytes
    if (isKept) this.#keptBytes += bytes
    const lane = `${topic} ${record.key === null ? '' : Buffer.from(record.key).toString('base64')}`
    const kept = isKept ? copyOf(record) : undefined
    const timer = { name, topic, dueMs, offset, lane, record: kept, bytes }
    this.#byName.set(name, timer)
    this.#queue.put(timer)
    this.#shrink()
  }

  #forget(name: string): void {
    const timer = this.#byName.get(name)
    if (timer === undefined) return
    this.#byName.delete(name)
    if (timer.record !== undefined) this.#keptBytes -= timer.bytes
  }

  /** An event that is delayed again and again must not fill the queue with its former times. */
  #shrink(): void {
    if (this.#queue.size <= 2 * this.#byName.size + STALE_ALLOWED) return
    const taken = [...this.#queue]
    this.#queue = new DueQueue<WaitingTimer>()
    this.putBack(taken)
  }

  /** What is forgotten leaves the queue when its turn comes. */
  #dropStale(): void {
    for (let first = this.#queue.peek(); first !== undefined; first = this.#queue.peek()) {
      if (this.isWaiting(first)) return
      this.#queue.take()
    }
  }
}

/** Fetched bytes are parts of larger buffers, which would be kept with them. */
function copyOf({ key, value, headers }: OutgoingRecord): OutgoingRecord {
  const copy = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes))
  const copies = headers.map(([name, header]) => [name, copy(header)] as const)
  return { key: copy(key), value: copy(value), headers: copies }
}

function bytesOf({ key, value, headers }: OutgoingRecord): number {
  let bytes = (key?.length ?? 0) + (value?.length ?? 0)
  for (const [name, header] of headers) bytes += name.length + (header?.length ?? 0)
  return bytes
}
