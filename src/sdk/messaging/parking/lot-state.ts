// Which events of one source partition are parked, and which of them may run: the fold of the parked
// topic's records, the same for the owner that acts and for whoever only looks. Pure.
//
// A queue is what must stay in order: the events of a key from the one that failed on; an event that
// holds no key is a queue of its own. The head of a queue may run
//   - when it only followed: what it waited for has left;
//   - when a redrive that means it was asked for after it was parked.
// Invariant: an event that fails again is parked behind the request it ran by, so it does not run
// again before somebody asks again.

import type { Position } from '../../events/record.ts'
import { keyText, type LotEntry } from './lot-entry.ts'
import { isSelected, type LotRequest } from './lot-request.ts'
import type { LotRecord } from './parked-record.ts'

export interface OpenRequest {
  readonly id: string
  readonly request: LotRequest
  /** It means what was parked below this offset of the parked topic. */
  readonly offset: number
}

/** Entries by ascending source offset; never empty. */
type Queue = LotEntry[]

export class LotState {
  readonly #queues = new Map<string, Queue>()
  readonly #entries = new Map<number, LotEntry>()
  readonly #requests = new Map<string, OpenRequest>()
  readonly #starts = new Map<number, number>()
  /** By source offset: what was parked up to this offset has left, though it may be read again. */
  readonly #left = new Map<number, number>()

  get size(): number {
    return this.#entries.size
  }

  get requests(): readonly OpenRequest[] {
    return [...this.#requests.values()]
  }

  /** In the order in which they would run. */
  get queues(): Iterable<readonly LotEntry[]> {
    return this.#queues.values()
  }

  entry(sourceOffset: number): LotEntry | undefined {
    return this.#entries.get(sourceOffset)
  }

  /** Redrives of the event that were begun and never ended. */
  starts(sourceOffset: number): number {
    return this.#starts.get(sourceOffset) ?? 0
  }

  /** What is earlier than all that is parked of the key did not follow any of it. */
  holds(key: string, offset = Number.POSITIVE_INFINITY): boolean {
    const head = this.#queues.get(keyQueue(key))?.[0]
    return head !== undefined && head.source.offset <= offset
  }

  keySize(key: string): number {
    return this.#queues.get(keyQueue(key))?.length ?? 0
  }

  /**
   * A record of this source partition, in any order and more than once: what it replaces is told by
   * the offsets.
   * @param offset of the record in the parked topic
   */
  apply(record: LotRecord, offset: number): void {
    switch (record.kind) {
      case 'parked':
        this.#park(entryOf(record, offset))
        return
      case 'left': {
        const { offset: sourceOffset } = record.source
        const entry = this.#entries.get(sourceOffset)
        if (entry !== undefined && entry.parkedOffset < offset) this.#remove(entry)
        // What was parked before has been read by now: there is nothing to be on guard against.
        if ((this.#left.get(sourceOffset) ?? offset) < offset) this.#left.delete(sourceOffset)
        return
      }
      case 'started':
        if (record.starts === 0) this.#starts.delete(record.source.offset)
        else this.#starts.set(record.source.offset, record.starts)
        return
      case 'request': {
        const { id, request } = record
        if (request === undefined) this.#requests.delete(id)
        else this.#requests.set(id, { id, request, offset })
        return
      }
    }
  }

  /** The event has left, and its null record stands in the topic, to be read later. */
  leave({ offset }: Position): void {
    const entry = this.#entries.get(offset)
    if (entry === undefined) return
    this.#left.set(offset, entry.parkedOffset)
    this.#starts.delete(offset)
    this.#remove(entry)
  }

  requestDone(id: string): void {
    this.#requests.delete(id)
  }

  /** Heads that may run now. Reads as it is iterated. */
  *runnable(): Generator<LotEntry> {
    const redrives = this.#redrives
    for (const [head] of this.#queues.values()) {
      if (head !== undefined && mayRun(head, redrives)) yield head
    }
  }

  /** Whether the events of a key run, and so will have left some time. */
  isRunning(key: string): boolean {
    const head = this.#queues.get(keyQueue(key))?.[0]
    return head !== undefined && mayRun(head, this.#redrives)
  }

  /** What a request means, in the order of the source. */
  meant(request: OpenRequest): readonly LotEntry[] {
    return [...this.#entries.values()]
      .filter((entry) => isMeant(entry, [request]))
      .sort((a, b) => a.source.offset - b.source.offset)
  }

  get #redrives(): readonly OpenRequest[] {
    return this.requests.filter(({ request }) => request.kind === 'redrive')
  }

  #park(entry: LotEntry): void {
    const { offset } = entry.source
    const isGone = (this.#left.get(offset) ?? -1) >= entry.parkedOffset
    const known = this.#entries.get(offset)
    if (isGone || (known !== undefined && known.parkedOffset >= entry.parkedOffset)) return
    if (known !== undefined) this.#remove(known)
    this.#entries.set(offset, entry)
    const queue = this.#queues.get(queueOf(entry))
    if (queue === undefined) this.#queues.set(queueOf(entry), [entry])
    else insert(queue, entry)
  }

  #remove(entry: LotEntry): void {
    this.#entries.delete(entry.source.offset)
    const name = queueOf(entry)
    const queue = this.#queues.get(name) ?? []
    const at = queue.indexOf(entry)
    if (at >= 0) queue.splice(at, 1)
    if (queue.length === 0) this.#queues.delete(name)
  }
}

export function queueOf({ source, key, holdsKey, reason }: LotEntry): string {
  const isOrdered = key !== null && (holdsKey || reason === 'follows')
  return isOrdered ? keyQueue(key) : `event ${source.offset}`
}

function keyQueue(key: string): string {
  return `key ${key}`
}

function mayRun(head: LotEntry, redrives: readonly OpenRequest[]): boolean {
  return head.reason === 'follows' || isMeant(head, redrives)
}

function isMeant(entry: LotEntry, requests: readonly OpenRequest[]): boolean {
  return requests.some(
    ({ request, offset }) => entry.parkedOffset < offset && isSelected(request.selection, entry),
  )
}

function entryOf(record: LotRecord & { kind: 'parked' }, parkedOffset: number): LotEntry {
  const { event, fingerprint, parkedMs } = record
  const { topic, partition, offset, key } = event.record
  return {
    source: { topic, partition, offset },
    parkedOffset,
    parkedMs,
    reason: event.reason,
    holdsKey: event.holdsKey,
    key: key === null ? null : keyText(key),
    attempts: event.failure?.attempts ?? 0,
    firstFailedMs: event.failure?.firstFailedMs,
    lastFailedMs: event.failure?.lastFailedMs,
    fingerprint,
  }
}

/** Nearly always at the end: followers come in the order of the source. */
function insert(queue: Queue, entry: LotEntry): void {
  let at = queue.length
  while (at > 0 && queue[at - 1]!.source.offset > entry.source.offset) at--
  queue.splice(at, 0, entry)
}
