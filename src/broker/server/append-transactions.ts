// Transactions for appends that go over several partitions of an event store: the broker's own producers,
// under transactional ids of their own, with the coordinator that everybody's transactions have.
// Invariant: an id is used by one append at a time. What a stop left open is aborted, and what was decided
// gone through with, before the first append of the next start.

import type { Timers } from '../../host/clock.ts'
import { isEnding, TRANSACTIONS_V2 } from '../coordinators/transactions/transaction.ts'
import type { StoreTransaction, StoreTransactions } from '../streams/store-transactions.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { TransactionRuntime } from './transaction-runtime.ts'

export const APPEND_ID_PREFIX = '__millrace_append-'

/** More of them wait: each takes a few commits of the disk, which they share. */
const MAX_AT_ONCE = 64
/** Longer than any disk takes; whoever never ends it (a bug) holds its streams for so long. */
const TIMEOUT_MS = 60_000
const RETRY_MS = 10
/** Markers that cannot be written keep an id from its next transaction: told after so long. */
const MOST_RETRIES = 500

export interface AppendTransactionsNeeds {
  readonly timers: Timers
  readonly transactions: TransactionRuntime
  /** transaction.max.timeout.ms */
  readonly maxTimeoutMs: number
}

interface Holder {
  readonly transactionalId: string
  /** undefined: to be asked for, which aborts whatever the one before left open. */
  producer: { readonly producerId: number; readonly producerEpoch: number } | undefined
}

export class AppendTransactions implements StoreTransactions {
  readonly #needs: AppendTransactionsNeeds
  readonly #idle: Holder[] = []
  readonly #waiting: ((holder: Holder) => void)[] = []
  #count = 0
  #settling: Promise<void> | undefined

  constructor(needs: AppendTransactionsNeeds) {
    this.#needs = needs
  }

  settled(): Promise<void> {
    this.#settling ??= this.#settle()
    return this.#settling
  }

  async begin(topic: string, partitions: readonly number[]): Promise<StoreTransaction | ErrorCode> {
    await this.settled()
    const holder = await this.#take()
    const added = await this.#begin(holder, topic, partitions)
    if (typeof added === 'number') {
      this.#release(holder)
      return added
    }
    const { transactionalId } = holder
    const claim = { transactionalId, ...added }
    return {
      ...added,
      verify: (partition) => this.#needs.transactions.verify({ ...claim, topic, partition }),
      commit: () => this.#end(holder, { isCommit: true }),
      abort: async () => {
        await this.#end(holder, { isCommit: false })
      },
    }
  }

  async #begin(holder: Holder, topic: string, partitions: readonly number[]) {
    const { transactionalId } = holder
    const added = new Map([[topic, new Set(partitions)]])
    for (let isSecondTry = false; ; isSecondTry = true) {
      const producer = holder.producer ?? (await this.#init(holder))
      if (typeof producer === 'number') return producer
      const call = { transactionalId, ...producer, partitions: added }
      const { transactions } = this.#needs
      const { errorCode } = await transactions.add({ ...call, clientVersion: TRANSACTIONS_V2 })
      if (errorCode === ErrorCode.NONE) return producer
      // The id was silent for so long that it is forgotten, or somebody has taken it.
      holder.producer = undefined
      if (isSecondTry) return errorCode
    }
  }

  async #end(holder: Holder, { isCommit }: { readonly isCommit: boolean }): Promise<ErrorCode> {
    const { transactionalId, producer } = holder
    const call = { transactionalId, ...producer!, isCommit, bumpsEpoch: true }
    const { errorCode, ...next } = await this.#needs.transactions.end(call)
    if (errorCode === ErrorCode.NONE) holder.producer = next
    else {
      holder.producer = undefined
      // Whatever is still open is aborted by it.
      await this.#init(holder)
    }
    this.#release(holder)
    return errorCode
  }

  async #init(holder: Holder): Promise<NonNullable<Holder['producer']> | ErrorCode> {
    const { transactions, timers, maxTimeoutMs } = this.#needs
    const { transactionalId } = holder
    const call = { transactionalId, timeoutMs: Math.min(TIMEOUT_MS, maxTimeoutMs), expected: null }
    for (let tries = 0; ; tries++) {
      const { errorCode, ...producer } = await transactions.init(call)
      if (errorCode === ErrorCode.NONE) {
        holder.producer = producer
        return producer
      }
      if (!isPassing(errorCode) || tries === MOST_RETRIES) return errorCode
      await new Promise<void>((resolve) => {
        timers.after(RETRY_MS, resolve)
      })
    }
  }

  async #settle(): Promise<void> {
    const { transactions } = this.#needs
    await transactions.loaded()
    const listed = transactions.list()
    if (typeof listed === 'number') return
    const left = listed.filter((transaction) => {
      const { transactionalId, state } = transaction
      if (!transactionalId.startsWith(APPEND_ID_PREFIX)) return false
      return state === 'Ongoing' || isEnding(transaction)
    })
    await Promise.all(
      left.map(({ transactionalId }) => this.#init({ transactionalId, producer: undefined })),
    )
  }

  async #take(): Promise<Holder> {
    const idle = this.#idle.pop()
    if (idle !== undefined) return idle
    if (this.#count < MAX_AT_ONCE) {
      return { transactionalId: `${APPEND_ID_PREFIX}${this.#count++}`, producer: undefined }
    }
    return await new Promise((resolve) => {
      this.#waiting.push(resolve)
    })
  }

  #release(holder: Holder): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(holder)
    else next(holder)
  }
}

/** The transaction before is being ended, or the coordinator read back. */
function isPassing(errorCode: ErrorCode): boolean {
  return (
    errorCode === ErrorCode.CONCURRENT_TRANSACTIONS ||
    errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS
  )
}
