// The batches of one idempotent producer on their way to one partition. The broker takes them only in
// the order of their sequences: when one is refused, those handed over behind it come back as out of
// order through no fault of theirs, and go again once all of them are back.
// Invariant: batches are handed over in the order of the calls, and so they stand in the partition.

import type { LocalProducing, WrittenBatch } from '../../broker/local/local-producing.ts'
import type { LocalRefusal } from '../../broker/local/local-refusal.ts'
import { isRefusal } from './refusals.ts'

export type LaneBatch = Omit<Parameters<LocalProducing['append']>[0], 'baseSequence'>

interface Entry {
  readonly batch: LaneBatch
  readonly settle: PromiseWithResolvers<WrittenBatch | LocalRefusal>
  /** Of its first record, not wrapped; infinite until it is handed over for the first time. */
  sequence: number
}

/** Sequences wrap behind 2^31-1. */
const SEQUENCES = 2 ** 31

export class PartitionLane {
  readonly #producing: Pick<LocalProducing, 'append'>
  #nextSequence = 0
  /** Handed over and not answered, oldest first. */
  readonly #underWay = new Set<Entry>()
  /** To be handed over once nothing is under way, oldest first. */
  #waiting: Entry[] = []
  #isHalted = false

  constructor(producing: Pick<LocalProducing, 'append'>) {
    this.#producing = producing
  }

  send(batch: LaneBatch): Promise<WrittenBatch | LocalRefusal> {
    const settle = Promise.withResolvers<WrittenBatch | LocalRefusal>()
    const entry = { batch, settle, sequence: Number.POSITIVE_INFINITY }
    if (this.#isHalted) this.#waiting.push(entry)
    else this.#handOver(entry)
    return settle.promise
  }

  #handOver(entry: Entry): void {
    entry.sequence = this.#nextSequence
    this.#nextSequence += entry.batch.records.length
    this.#underWay.add(entry)
    const baseSequence = entry.sequence % SEQUENCES
    this.#producing.append({ ...entry.batch, baseSequence }).then(
      (outcome) => this.#answered(entry, outcome),
      (error: unknown) => {
        this.#refused(entry)
        entry.settle.reject(error)
        this.#goOn()
      },
    )
  }

  #answered(entry: Entry, outcome: WrittenBatch | LocalRefusal): void {
    // A batch whose sync takes too long stays in the log, and keeps its sequence.
    if (!isRefusal(outcome) || outcome.error === 'REQUEST_TIMED_OUT') {
      this.#underWay.delete(entry)
      entry.settle.resolve(outcome)
    } else {
      const isBehindARefusedOne = this.#isHalted && outcome.error === 'OUT_OF_ORDER_SEQUENCE_NUMBER'
      this.#refused(entry)
      if (isBehindARefusedOne) this.#waiting.push(entry)
      else entry.settle.resolve(outcome)
    }
    this.#goOn()
  }

  #refused(entry: Entry): void {
    this.#underWay.delete(entry)
    this.#nextSequence = Math.min(this.#nextSequence, entry.sequence)
    this.#isHalted = true
  }

  #goOn(): void {
    if (!this.#isHalted || this.#underWay.size > 0) return
    this.#isHalted = false
    const waiting = this.#waiting.sort(bySequence)
    this.#waiting = []
    for (const entry of waiting) this.#handOver(entry)
  }
}

/** Those not handed over yet keep their order, behind the others. */
function bySequence(a: Entry, b: Entry): number {
  return a.sequence === b.sequence ? 0 : a.sequence - b.sequence
}
