// One partition in memory: records and the markers of transactions, offsets from 0 without a gap.
// Readers see what is below the last stable offset and not aborted (read_committed, KIP-98). Where it is
// compacted, a record goes as soon as a newer one of its key is committed: much earlier than a broker
// does it, so that who cannot bear it is found out.
//
// Invariant: lastStableOffset <= endOffset; a record never changes, it can only go.

import type { IncomingRecord, OutgoingRecord } from '../../events/record.ts'

/** It never loses anything and goes on: there is only one. */
export const ONLY_EPOCH = 0

/** Shared by all records that one transaction wrote, in whatever partitions. */
export interface TransactionState {
  state: 'open' | 'committed' | 'aborted'
}

type Entry =
  | {
      readonly kind: 'record'
      readonly record: IncomingRecord
      readonly bytes: number
      readonly transaction: TransactionState | undefined
    }
  /** A marker of a transaction, or what compaction has removed: an offset without a record. */
  | { readonly kind: 'nothing' }

export interface LogOptions {
  readonly topic: string
  readonly partition: number
  readonly isCompacted: boolean
}

export interface LogRead {
  readonly records: readonly IncomingRecord[]
  readonly nextOffset: number
  readonly endOffset: number
}

export class PartitionLog {
  readonly topic: string
  readonly partition: number
  readonly #entries: Entry[] = []
  /** First offset that each open transaction wrote here. */
  readonly #open = new Map<TransactionState, number>()
  /** Of each key, where its newest committed record stands; undefined when nothing is compacted. */
  readonly #newest: Map<string, number> | undefined
  readonly #watchers = new Set<() => void>()

  constructor({ topic, partition, isCompacted }: LogOptions) {
    this.topic = topic
    this.partition = partition
    this.#newest = isCompacted ? new Map() : undefined
  }

  get endOffset(): number {
    return this.#entries.length
  }

  /** End of what can be read, exclusive: everything below is decided. */
  get lastStableOffset(): number {
    let stable = this.endOffset
    for (const firstOffset of this.#open.values()) stable = Math.min(stable, firstOffset)
    return stable
  }

  /** @returns the offset of the first record */
  append(
    records: readonly OutgoingRecord[],
    options: { nowMs: number; transaction?: TransactionState | undefined },
  ): number {
    const baseOffset = this.endOffset
    const { transaction } = options
    if (transaction !== undefined && !this.#open.has(transaction)) {
      this.#open.set(transaction, baseOffset)
    }
    for (const record of records) {
      this.#entries.push({
        kind: 'record',
        transaction,
        bytes: recordBytes(record),
        record: {
          topic: this.topic,
          partition: this.partition,
          offset: this.endOffset,
          key: copyOf(record.key),
          value: copyOf(record.value),
          headers: record.headers.map(([name, value]) => [name, copyOf(value)] as const),
          timestampMs: record.timestampMs ?? options.nowMs,
        },
      })
    }
    if (transaction === undefined) this.#compact(baseOffset, undefined)
    this.#changed()
    return baseOffset
  }

  /** The transaction has ended: its marker takes an offset, as in Kafka. */
  mark(transaction: TransactionState): void {
    this.#entries.push({ kind: 'nothing' })
    const firstOffset = this.#open.get(transaction)
    this.#open.delete(transaction)
    if (transaction.state === 'committed') this.#compact(firstOffset ?? this.endOffset, transaction)
    this.#changed()
  }

  /** @param maxBytes soft limit: one record is returned even when it is larger */
  read(fromOffset: number, maxBytes: number): LogRead {
    const endOffset = this.lastStableOffset
    const records: IncomingRecord[] = []
    let bytes = 0
    let nextOffset = Math.max(0, fromOffset)
    for (; nextOffset < endOffset; nextOffset++) {
      const entry = this.#entries[nextOffset]!
      if (entry.kind === 'nothing' || entry.transaction?.state === 'aborted') continue
      if (records.length > 0 && bytes + entry.bytes > maxBytes) break
      bytes += entry.bytes
      records.push(entry.record)
    }
    return { records, nextOffset, endOffset }
  }

  /** @throws Error when no record stands there */
  recordAt(offset: number): IncomingRecord {
    const entry = this.#entries[offset]
    if (entry?.kind === 'record') return entry.record
    throw new Error(`${this.topic}-${this.partition} has no record at offset ${offset}`)
  }

  /** First readable offset whose record is of that time or later; the end where there is none. */
  offsetAt(timestampMs: number): number {
    const endOffset = this.lastStableOffset
    const found = this.#entries.findIndex(
      (entry) => entry.kind === 'record' && entry.record.timestampMs >= timestampMs,
    )
    return found < 0 ? endOffset : Math.min(found, endOffset)
  }

  /** @returns how to stop being called */
  watch(onChange: () => void): () => void {
    this.#watchers.add(onChange)
    return () => this.#watchers.delete(onChange)
  }

  /** Takes away what the records of a transaction, or those outside any, have made old. */
  #compact(fromOffset: number, transaction: TransactionState | undefined): void {
    if (this.#newest === undefined) return
    for (let offset = fromOffset; offset < this.endOffset; offset++) {
      const entry = this.#entries[offset]!
      if (entry.kind === 'nothing' || entry.transaction !== transaction) continue
      if (entry.record.key === null) continue
      const key = Buffer.from(entry.record.key).toString('hex')
      const other = this.#newest.get(key) ?? offset
      if (other !== offset) this.#entries[Math.min(other, offset)] = { kind: 'nothing' }
      this.#newest.set(key, Math.max(other, offset))
    }
  }

  #changed(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }
}

export function recordBytes(record: Omit<OutgoingRecord, 'timestampMs'>): number {
  let bytes = (record.key?.length ?? 0) + (record.value?.length ?? 0)
  for (const [name, value] of record.headers) bytes += name.length + (value?.length ?? 0)
  return bytes
}

/** What the caller does to its buffer afterwards does not reach the log. */
function copyOf(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : Uint8Array.from(bytes)
}
