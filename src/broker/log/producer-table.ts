// All producers of one partition and their open transactions: the state that producer-state.ts's
// transitions move. Appends, recovery and replay go through the same methods.
// Invariant: `openTransactions` holds, in the order in which they began, exactly the producers whose
// entry says so; its first value bounds the last stable offset.

import { readControlMarker } from '../batch/control-marker.ts'
import type { BatchHeader } from '../batch/header.ts'
import {
  afterBatch,
  afterMarker,
  afterRefusedFirst,
  type BatchPlace,
  NO_OPEN_TRANSACTION,
  type ProducerEntry,
  type TransactionMarker,
  withEarlier,
} from './producer-state.ts'

/** A transaction that a marker ended. */
export interface CompletedTransaction {
  readonly producerId: number
  readonly firstOffset: number
  /** Inclusive: the marker. */
  readonly lastOffset: number
  readonly isAbort: boolean
  /** Where the first other open transaction begins, or the offset behind the marker. */
  readonly lastStableOffset: number
}

export class ProducerTable {
  readonly #entries = new Map<number, ProducerEntry>()
  /** Producer id to first offset. */
  #openTransactions = new Map<number, number>()

  constructor(entries: Iterable<ProducerEntry> = []) {
    for (const entry of entries) this.#entries.set(entry.producerId, entry)
    this.#findOpenTransactions()
  }

  get size(): number {
    return this.#entries.size
  }

  get(producerId: number): ProducerEntry | undefined {
    return this.#entries.get(producerId)
  }

  entries(): ProducerEntry[] {
    return [...this.#entries.values()]
  }

  /** undefined when no transaction is open. */
  get firstOpenOffset(): number | undefined {
    for (const firstOffset of this.#openTransactions.values()) return firstOffset
    return undefined
  }

  /**
   * A batch stands in the log: learns what it does to its producer. The one way in for appends,
   * recovery and replay. @returns the transaction that it ended
   */
  learn(header: BatchHeader, bytes: Buffer, place: BatchPlace): CompletedTransaction | undefined {
    const { producerId, producerEpoch } = header
    if (producerId < 0) return undefined
    if (!header.isControlBatch) {
      this.#applyBatch(header, place)
      return undefined
    }
    const { kind, coordinatorEpoch } = readControlMarker(bytes)
    if (kind === 'other') return undefined
    const { baseOffset: offset, timestamp } = place
    const isAbort = kind === 'abort'
    return this.#applyMarker({
      producerId,
      producerEpoch,
      coordinatorEpoch,
      isAbort,
      offset,
      timestamp,
    })
  }

  /** A batch was refused for now: of a producer that is not known, the next must be the same. */
  learnRefused(header: BatchHeader, timestamp: number): void {
    const { producerId } = header
    if (producerId < 0 || this.#entries.has(producerId)) return
    const entry = afterRefusedFirst(header, timestamp)
    if (entry !== undefined) this.#entries.set(producerId, entry)
  }

  /** What was remembered elsewhere of producers that are not known here. */
  addUnknown(entries: Iterable<ProducerEntry>): void {
    for (const entry of entries) {
      if (!this.#entries.has(entry.producerId)) this.#entries.set(entry.producerId, entry)
    }
  }

  /** Undoes the last change to one producer, whose batch found no space. */
  restore(producerId: number, before: ProducerEntry | undefined): void {
    const entry = before ?? this.#beforeFirst(producerId)
    if (entry === undefined) this.#entries.delete(producerId)
    else this.#entries.set(producerId, entry)
    this.#findOpenTransactions()
  }

  /** Adds what happened before everything that is known here, as far as it still matters. */
  learnEarlier(entries: Iterable<ProducerEntry>): void {
    for (const earlier of entries) {
      const known = this.#entries.get(earlier.producerId)
      this.#entries.set(earlier.producerId, known ? withEarlier(known, earlier) : earlier)
    }
    this.#findOpenTransactions()
  }

  /** Forgets producers that have been silent for long and have no open transaction. */
  expire(olderThanMs: number): void {
    for (const [producerId, entry] of this.#entries) {
      const isOpen = entry.currentTxnFirstOffset !== NO_OPEN_TRANSACTION
      if (!isOpen && entry.lastTimestamp < olderThanMs) this.#entries.delete(producerId)
    }
  }

  #beforeFirst(producerId: number): ProducerEntry | undefined {
    const entry = this.#entries.get(producerId)
    const first = entry?.recentBatches[0]
    if (entry === undefined || first === undefined) return undefined
    return afterRefusedFirst({ ...entry, baseSequence: first.baseSequence }, first.timestamp)
  }

  #applyBatch(header: BatchHeader, place: BatchPlace): void {
    const entry = afterBatch(this.#entries.get(header.producerId), header, place)
    this.#entries.set(header.producerId, entry)
    if (entry.currentTxnFirstOffset === place.baseOffset) {
      this.#openTransactions.set(header.producerId, place.baseOffset)
    }
  }

  /** @returns the transaction that the marker ended; undefined when it had no records here */
  #applyMarker(marker: TransactionMarker): CompletedTransaction | undefined {
    const { producerId } = marker
    const before = this.#entries.get(producerId)
    this.#entries.set(producerId, afterMarker(before, marker))
    this.#openTransactions.delete(producerId)
    if (before === undefined || before.currentTxnFirstOffset === NO_OPEN_TRANSACTION) {
      return undefined
    }
    return {
      producerId,
      firstOffset: before.currentTxnFirstOffset,
      lastOffset: marker.offset,
      isAbort: marker.isAbort,
      lastStableOffset: this.firstOpenOffset ?? marker.offset + 1,
    }
  }

  #findOpenTransactions(): void {
    const open = [...this.#entries.values()]
      .filter((entry) => entry.currentTxnFirstOffset !== NO_OPEN_TRANSACTION)
      .sort((a, b) => a.currentTxnFirstOffset - b.currentTxnFirstOffset)
    this.#openTransactions = new Map(open.map((e) => [e.producerId, e.currentTxnFirstOffset]))
  }
}
