// What the outside world knows of the logs, kept where no crash reaches it: what was sent, what was
// acknowledged, what somebody has read. After every restart the logs are held against it.

/** Which promise was broken. */
export type Breach =
  /** Acknowledged, or read by somebody, and not there any more. */
  | 'lost'
  /** There, and never sent. */
  | 'invented'
  /** Another content at an offset than somebody has read there, or than was acknowledged there. */
  | 'changed'
  /** Sent once by an idempotent producer, there twice. */
  | 'duplicate'
  /** An offset is missing between two others. */
  | 'hole'
  /** Records of one producer stand in another order than it sent them in. */
  | 'disordered'
  /** A partition does not come back from a mere power cut. */
  | 'offline'
  /** Refused for ever what must be taken. */
  | 'stuck'
  /** A watermark, an epoch or a committed offset is lower than somebody was told. */
  | 'went back'
  /** One producer id, given to two. */
  | 'id reused'

export class BreachError extends Error {
  override readonly name = 'BreachError'
  readonly breach: Breach

  constructor(breach: Breach, message: string) {
    super(`${breach}: ${message}`)
    this.breach = breach
  }
}

/** A record as it was read: its place and its value. */
export interface ReadRecord {
  readonly offset: number
  readonly value: string
}

/** Where everything is compacted, the key of a record is what its value begins with. */
export function keyOf(value: string): string {
  return value.slice(0, value.indexOf('/'))
}

interface PartitionLedger {
  readonly sent: Set<string>
  readonly acknowledged: Map<number, string>
  readonly read: Map<number, string>
  /** Answered with acks=1: the operating system has it, so only a power cut may take it. */
  readonly written: Map<number, string>
  /** Records below may be gone: somebody asked for that. */
  mayBeginAt: number
}

export class Ledger {
  readonly #partitions = new Map<string, PartitionLedger>()
  readonly #isCompacted: boolean
  acknowledgedCount = 0
  readCount = 0

  /** @param options.isCompacted a record may go when a later one has its key */
  constructor({ isCompacted = false }: { isCompacted?: boolean } = {}) {
    this.#isCompacted = isCompacted
  }

  /** Before it goes out. Values are unique over all producers. */
  sent(partition: string, values: readonly string[]): void {
    const { sent } = this.#of(partition)
    for (const value of values) sent.add(value)
  }

  acknowledged(partition: string, baseOffset: number, values: readonly string[]): void {
    const { acknowledged } = this.#of(partition)
    for (const [index, value] of values.entries()) {
      const before = acknowledged.get(baseOffset + index)
      if (before !== undefined && before !== value) {
        const offset = baseOffset + index
        throw new BreachError(
          'changed',
          `${partition}@${offset} was ${idOf(before)}, now ${idOf(value)}`,
        )
      }
      acknowledged.set(baseOffset + index, value)
      this.acknowledgedCount++
    }
  }

  /** With acks=1. */
  written(partition: string, baseOffset: number, values: readonly string[]): void {
    const { written } = this.#of(partition)
    for (const [index, value] of values.entries()) written.set(baseOffset + index, value)
  }

  /** Before the records below this offset are asked to be deleted. */
  deletionAsked(partition: string, beforeOffset: number): void {
    const ledger = this.#of(partition)
    ledger.mayBeginAt = Math.max(ledger.mayBeginAt, beforeOffset)
  }

  /** What only the operating system had may be gone. */
  powerLost(): void {
    for (const { written } of this.#partitions.values()) written.clear()
  }

  /** Somebody read this below the high watermark: from now on it must stay. */
  read(partition: string, records: readonly ReadRecord[]): void {
    const { read } = this.#of(partition)
    this.#checkOrigin(partition, records)
    for (const { offset, value } of records) {
      const before = read.get(offset)
      if (before !== undefined && before !== value) {
        throw new BreachError(
          'changed',
          `${partition}@${offset} was ${idOf(before)}, now ${idOf(value)}`,
        )
      }
      read.set(offset, value)
      this.readCount++
    }
  }

  /** @param records all that the partition holds, from its first offset to its high watermark */
  check(partition: string, records: readonly ReadRecord[]): void {
    const { acknowledged, read, written, mayBeginAt } = this.#of(partition)
    this.#checkOrigin(partition, records)
    const there = new Map(records.map(({ offset, value }) => [offset, value]))
    const latest = new Map(records.map(({ offset, value }) => [keyOf(value), offset]))
    const isSuperseded = (offset: number, value: string) =>
      this.#isCompacted && (latest.get(keyOf(value)) ?? -1) > offset
    for (const [how, known] of Object.entries({ acknowledged, read, written })) {
      for (const [offset, value] of known) {
        const found = there.get(offset)
        if (found === value) continue
        const mayBeGone = offset < mayBeginAt || isSuperseded(offset, value)
        if (found === undefined && mayBeGone) continue
        const what = `${idOf(value)} was ${how} at ${partition}@${offset}`
        if (found === undefined) throw new BreachError('lost', `${what} and is gone`)
        throw new BreachError('changed', `${what}, where ${idOf(found)} is now`)
      }
    }
    for (const [index, { offset }] of records.entries()) {
      const expected = records[0]!.offset + index
      if (offset !== expected && !this.#isCompacted) {
        throw new BreachError('hole', `${partition} goes on at ${offset}, expected ${expected}`)
      }
    }
    const firstAt = new Map<string, number>()
    for (const { offset, value } of records) {
      const first = firstAt.get(value)
      if (first !== undefined) {
        throw new BreachError(
          'duplicate',
          `${idOf(value)} is at ${partition}@${first} and ${offset}`,
        )
      }
      firstAt.set(value, offset)
    }
    checkOrder(partition, records)
  }

  #checkOrigin(partition: string, records: readonly ReadRecord[]): void {
    const { sent } = this.#of(partition)
    for (const { offset, value } of records) {
      if (sent.has(value)) continue
      const text = JSON.stringify(value.slice(0, 40))
      throw new BreachError('invented', `${text} at ${partition}@${offset} was never sent`)
    }
  }

  #of(partition: string): PartitionLedger {
    let ledger = this.#partitions.get(partition)
    if (ledger === undefined) {
      ledger = {
        sent: new Set(),
        acknowledged: new Map(),
        read: new Map(),
        written: new Map(),
        mayBeginAt: 0,
      }
      this.#partitions.set(partition, ledger)
    }
    return ledger
  }
}

/** Values `<producer>-<n>|` stand in the order of n. Others may stand anywhere. */
function checkOrder(partition: string, records: readonly ReadRecord[]): void {
  const lastOf = new Map<string, number>()
  for (const { offset, value } of records) {
    const [, producer, count] = /^([^-|]+)-(\d+)\|/.exec(value) ?? []
    if (producer === undefined) continue
    const last = lastOf.get(producer) ?? -1
    if (Number(count) <= last) {
      const what = `${idOf(value)} at ${partition}@${offset}`
      throw new BreachError('disordered', `${what} stands behind number ${last}`)
    }
    lastOf.set(producer, Number(count))
  }
}

/** Values are filled up to a size with their own beginning. */
function idOf(value: string): string {
  return value.slice(0, value.indexOf('|') + 1)
}
