// What an append over several partitions writes and checks in one of them, at its turn there. From then on
// its streams are its transaction's own, up to the marker, those that are only checked as well.

import type { AppendPlace, GateVerdict } from '../log/append-gate.ts'
import { refuse } from '../log/append-outcome.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { STILL_LEARNING } from './append-queue.ts'
import { BatchEncoder } from './encode-batch.ts'
import type { StoreOutcome } from './event-store.ts'
import type { StoreAppend } from './store-append.ts'
import type { StorePartition } from './store-partition.ts'
import { type StoreTransaction, transactionFailed } from './store-transactions.ts'
import { asTransactional } from './transactional-batch.ts'

const REQUEST = { acks: -1, origin: 'client' } as const

export class TransactionPart {
  readonly #partition: StorePartition
  readonly #append: StoreAppend
  readonly #transaction: StoreTransaction

  constructor(partition: StorePartition, append: StoreAppend, transaction: StoreTransaction) {
    this.#partition = partition
    this.#append = append
    this.#transaction = transaction
  }

  /** Resolves when what it was decided by is durable, and what it wrote. */
  async run(): Promise<StoreOutcome> {
    const { log } = this.#partition
    this.#append.answer(await log.appendBuilt((place) => this.#build(place), REQUEST))
    return await this.#append.outcome
  }

  /** Whether all its streams are still its transaction's own. */
  get isHolding(): boolean {
    const { index, isReady } = this.#partition
    if (!isReady) return false
    const { wanted, checks } = this.#append
    return [...wanted, ...checks].every(({ name }) => {
      const slot = index.streams.find(name, 0, name.length)
      return slot >= 0 && index.writerOf(slot) === this.#transaction.producerId
    })
  }

  #build(place: AppendPlace): GateVerdict {
    const partition = this.#partition
    const { index } = partition
    const { wanted, checks } = this.#append
    const { producerId } = this.#transaction
    if (!partition.isReady) return refuse(ErrorCode.NOT_ENOUGH_REPLICAS, STILL_LEARNING)
    const ended = this.#transaction.verify(partition.log.partition)
    if (ended !== ErrorCode.NONE) return refuse(ended, transactionFailed(ended))
    const decision = partition.decide(wanted, producerId, place, checks)
    this.#append.decided(decision, place.baseOffset, index.streams)
    if (decision.kind !== 'append') return nothingAt(place)
    // What is true of streams that are only checked must be true at the commit.
    for (const { name } of checks) {
      index.hold(index.streams.ensure(name, 0, name.length), producerId)
    }
    if (wanted.length === 0) return nothingAt(place)
    try {
      return { kind: 'append', ...this.#encode(decision.versions, place) }
    } catch (error) {
      // A mistake of ours: what was learnt will not stand in the log.
      index.undoFrom(place.baseOffset)
      throw error
    }
  }

  #encode(versions: readonly number[], { nowMs }: AppendPlace) {
    const { room } = this.#append
    const encoder = new BatchEncoder(room)
    encoder.begin(room, true)
    this.#append.encode(encoder, versions, nowMs)
    return asTransactional(encoder.finish(), this.#transaction)
  }
}

/** Nothing is written: the answer waits for all before it, which it was decided by. */
function nothingAt({ baseOffset, nowMs }: AppendPlace): GateVerdict {
  const lastOffset = baseOffset - 1
  return { kind: 'known', baseOffset: lastOffset, lastOffset, timestamp: nowMs }
}
