// What a history says, put in order once for all checks: where each value stands, what became of each
// transaction, what the last reading of everything found.

import {
  type Action,
  type Isolation,
  isTombstone,
  type Operation,
  type PartitionName,
  type StoredValue,
  type TransactionName,
} from '../operations.ts'

export type Of<Kind extends Action['kind']> = Operation & {
  readonly action: Extract<Action, { kind: Kind }>
}

export interface Sent {
  readonly operation: Of<'send'>
  readonly index: number
}

export type TransactionOutcome =
  /** Answered so. */
  | 'committed'
  /** Nobody asked to commit it, or everybody who did was refused. */
  | 'not-committed'
  /** The answer was lost. */
  | 'unknown'

export interface TransactionFacts {
  readonly transaction: TransactionName
  readonly sends: Of<'send'>[]
  readonly stages: Of<'stage'>[]
  readonly ends: Of<'end'>[]
}

export interface FinalReading {
  readonly startOffset: number
  readonly endOffset: number
  readonly values: ReadonlyMap<number, string>
}

export interface KeyedValue {
  readonly value: string
  /** undefined when nobody saw it or was told of it. */
  readonly offset: number | undefined
  readonly sentAt: number
}

const LAST = Number.MAX_SAFE_INTEGER

export class Facts {
  readonly operations: readonly Operation[]
  readonly sends: readonly Of<'send'>[]
  readonly polls: readonly Of<'poll'>[]
  readonly sent = new Map<string, Sent>()
  readonly transactions = new Map<string, TransactionFacts>()
  /** By partition, then by offset: every value that anybody saw or was told of there. */
  readonly places = new Map<PartitionName, Map<number, Set<string>>>()
  /** By value: every place of it. */
  readonly placesOf = new Map<string, Map<PartitionName, Set<number>>>()
  readonly #keyed = new Map<PartitionName, Map<string, KeyedValue[]>>()
  readonly #final = new Map<string, FinalReading>()
  readonly #byKind = new Map<Action['kind'], Operation[]>()

  constructor(operations: readonly Operation[]) {
    this.operations = operations
    for (const operation of operations) {
      const { kind } = operation.action
      const list = this.#byKind.get(kind) ?? []
      list.push(operation)
      this.#byKind.set(kind, list)
    }
    this.sends = this.of('send')
    this.polls = this.of('poll').filter(({ outcome }) => outcome === 'ok')
    this.#learnSends()
    for (const { action } of this.polls) {
      for (const record of action.records ?? []) this.#stands(action.partition, record)
    }
    this.#learnTransactions()
    this.#learnKeys()
    this.#learnFinal()
  }

  of<Kind extends Action['kind']>(kind: Kind): Of<Kind>[] {
    return (this.#byKind.get(kind) ?? []) as Of<Kind>[]
  }

  final(partition: PartitionName, isolation: Isolation): FinalReading | undefined {
    return this.#final.get(`${isolation} ${partition}`)
  }

  finalPartitions(): PartitionName[] {
    const names = [...this.#final.keys()].map((key) => key.slice(key.indexOf(' ') + 1))
    return [...new Set(names)]
  }

  outcomeOf(name: string): TransactionOutcome {
    const commits = this.endsOf(name)
    if (commits.some(({ outcome }) => outcome === 'ok')) return 'committed'
    return commits.some(({ outcome }) => outcome === 'info') ? 'unknown' : 'not-committed'
  }

  /** Whether readers of committed data are to see it; undefined when that cannot be known. */
  isVisible(value: string): boolean | undefined {
    const transaction = this.sent.get(value)?.operation.action.transaction
    if (transaction === undefined) return true
    const outcome = this.outcomeOf(transaction.name)
    return outcome === 'unknown' ? undefined : outcome === 'committed'
  }

  /** The highest offset below which somebody asked to delete records, before that moment. */
  deletedBelow(partition: PartitionName, before = Number.POSITIVE_INFINITY): number {
    let offset = 0
    for (const { action, invokedAt } of this.of('delete-records')) {
      if (action.partition !== partition || invokedAt >= before) continue
      offset = Math.max(offset, action.offset)
    }
    return offset
  }

  keyOf(value: string): string | undefined {
    const sent = this.sent.get(value)
    return sent?.operation.action.keys?.[sent.index]
  }

  keyedPartitions(): PartitionName[] {
    return [...this.#keyed.keys()]
  }

  /** Of a compacted partition, by key, in the order of their offsets; those without one come last. */
  valuesByKey(partition: PartitionName): ReadonlyMap<string, readonly KeyedValue[]> {
    return this.#keyed.get(partition) ?? new Map()
  }

  /**
   * Whether compaction may have taken it away: it has no key that lasts, or a newer value of its key
   * may have been in the log by then.
   */
  mayBeGone(value: string, offset: number, before = Number.POSITIVE_INFINITY): boolean {
    const key = this.keyOf(value)
    if (key === undefined) return false
    if (isTombstone(value) || this.isVisible(value) !== true) return true
    return this.hasNewer(value, offset, before)
  }

  /** Whether a newer value of its key may have been in the log by then. */
  hasNewer(value: string, offset: number, before: number): boolean {
    const { partition } = this.sent.get(value)!.operation.action
    const values = this.valuesByKey(partition).get(this.keyOf(value)!) ?? []
    const isNewer = (other: KeyedValue) =>
      (other.offset === undefined || other.offset > offset) &&
      other.sentAt < before &&
      this.isVisible(other.value) !== false
    for (let at = firstBehind(values, offset); at < values.length; at++) {
      if (isNewer(values[at]!)) return true
    }
    return false
  }

  /** Of its commit. */
  endsOf(transaction: string): readonly Of<'end'>[] {
    return this.transactions.get(transaction)?.ends.filter(({ action }) => action.isCommit) ?? []
  }

  #learnKeys(): void {
    for (const { action, outcome, invokedAt: sentAt } of this.sends) {
      if (action.keys === undefined || outcome === 'fail') continue
      const byKey = this.#keyed.get(action.partition) ?? new Map<string, KeyedValue[]>()
      this.#keyed.set(action.partition, byKey)
      for (const [index, key] of action.keys.entries()) {
        const value = action.values[index]!
        const [offset] = this.placesOf.get(value)?.get(action.partition) ?? []
        const values = byKey.get(key) ?? []
        byKey.set(key, values)
        values.push({ value, offset, sentAt })
      }
    }
    for (const byKey of this.#keyed.values()) {
      for (const values of byKey.values()) {
        values.sort((a, b) => (a.offset ?? LAST) - (b.offset ?? LAST))
      }
    }
  }

  #learnSends(): void {
    for (const operation of this.sends) {
      const { action, outcome } = operation
      for (const [index, value] of action.values.entries()) {
        this.sent.set(value, { operation, index })
        if (outcome !== 'ok' || action.baseOffset === undefined) continue
        this.#stands(action.partition, { offset: action.baseOffset + index, value })
      }
    }
  }

  #stands(partition: PartitionName, { offset, value }: StoredValue): void {
    const offsets = this.places.get(partition) ?? new Map<number, Set<string>>()
    this.places.set(partition, offsets)
    offsets.set(offset, (offsets.get(offset) ?? new Set()).add(value))
    const places = this.placesOf.get(value) ?? new Map<PartitionName, Set<number>>()
    this.placesOf.set(value, places)
    places.set(partition, (places.get(partition) ?? new Set()).add(offset))
  }

  #learnTransactions(): void {
    const factsOf = (transaction: TransactionName): TransactionFacts => {
      const known = this.transactions.get(transaction.name)
      if (known !== undefined) return known
      const facts = { transaction, sends: [], stages: [], ends: [] }
      this.transactions.set(transaction.name, facts)
      return facts
    }
    for (const send of this.sends) {
      const { transaction } = send.action
      if (transaction !== undefined) factsOf(transaction).sends.push(send)
    }
    for (const stage of this.of('stage')) factsOf(stage.action.transaction).stages.push(stage)
    for (const end of this.of('end')) factsOf(end.action.transaction).ends.push(end)
  }

  #learnFinal(): void {
    const readings = new Map<
      string,
      { startOffset: number; endOffset: number; values: Map<number, string> }
    >()
    for (const { action } of this.polls) {
      if (action.isFinal !== true) continue
      const { partition, isolation, fromOffset, nextOffset = fromOffset, records = [] } = action
      const key = `${isolation} ${partition}`
      const reading = readings.get(key) ?? {
        startOffset: fromOffset,
        endOffset: nextOffset,
        values: new Map<number, string>(),
      }
      reading.startOffset = Math.min(reading.startOffset, fromOffset)
      reading.endOffset = Math.max(reading.endOffset, nextOffset)
      for (const { offset, value } of records) reading.values.set(offset, value)
      readings.set(key, reading)
    }
    for (const [key, reading] of readings) this.#final.set(key, reading)
  }
}

/** @param values in the order of their offsets */
function firstBehind(values: readonly KeyedValue[], offset: number): number {
  let low = 0
  let high = values.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((values[middle]!.offset ?? LAST) <= offset) low = middle + 1
    else high = middle
  }
  return low
}
