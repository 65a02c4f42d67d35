// For tests: one transactional id, a clock that only they move, and short ways to say what producers
// do. Producer ids count from 100; markers are written when the test says so.

import type { ErrorCode } from '../../wire/error-codes.ts'
import { decide } from './decide.ts'
import type { ProducerClaim, TransactionInput, TransactionReply } from './input.ts'
import { partitionsOf } from './partitions.ts'
import { decodeRecord, encodeRecord } from './records.ts'
import type { Transaction } from './transaction.ts'

export const TRANSACTIONAL_ID = 'tx'
export const MAX_TIMEOUT_MS = 900_000
export const TIMEOUT_MS = 60_000

export class Scenario {
  transaction: Transaction | undefined
  nowMs = 1_000_000
  /** Keys and values as written, oldest first. */
  readonly records: { key: Buffer; value: Buffer | null }[] = []
  #lastProducerId = 99

  constructor(transaction?: Transaction) {
    this.transaction = transaction
  }

  init(expected: ProducerClaim | null = null, timeoutMs = TIMEOUT_MS): TransactionReply {
    return this.apply({ kind: 'init', transactionalId: TRANSACTIONAL_ID, timeoutMs, expected })
  }

  /** @returns the producer that has it now */
  begun(...partitions: number[]): ProducerClaim {
    const producer = this.init()
    this.add(producer, partitions)
    return producer
  }

  add(claim: ProducerClaim, partitions: number[] = [0], clientVersion = 2): ErrorCode {
    const added = partitionsOf([{ topic: 'orders', partitions }])
    const { producerId, producerEpoch } = claim
    const request = { producerId, producerEpoch, partitions: added, clientVersion }
    return this.apply({ kind: 'add', ...request }).errorCode
  }

  /** EndTxn v5, which moves the producer on. */
  end({ producerId, producerEpoch }: ProducerClaim, isCommit: boolean): TransactionReply {
    return this.apply({ kind: 'end', producerId, producerEpoch, isCommit, bumpsEpoch: true })
  }

  /** EndTxn before v5. */
  endPlainly({ producerId, producerEpoch }: ProducerClaim, isCommit: boolean): TransactionReply {
    return this.apply({ kind: 'end', producerId, producerEpoch, isCommit, bumpsEpoch: false })
  }

  markersWritten(): void {
    this.apply({ kind: 'markers-written' })
  }

  advance(ms: number): void {
    this.nowMs += ms
    this.apply({ kind: 'check-timeout' })
  }

  apply(input: TransactionInput): TransactionReply {
    const settings = { maxTimeoutMs: MAX_TIMEOUT_MS }
    let decision = decide(this.transaction, input, settings, this.nowMs)
    if (decision.kind === 'needs-producer-id') {
      this.#lastProducerId += 1
      const asked = { ...input, newProducerId: this.#lastProducerId } as TransactionInput
      decision = decide(this.transaction, asked, settings, this.nowMs)
    }
    if (decision.kind === 'needs-producer-id') throw new Error('it has one')
    this.transaction = decision.transaction
    if (decision.record !== 'none') {
      const transaction = decision.transaction ?? null
      this.records.push(encodeRecord({ transactionalId: TRANSACTIONAL_ID, transaction }))
    }
    return decision.reply
  }

  /** The same id after a restart, from the first `count` records. */
  restarted(count = this.records.length): Scenario {
    let transaction: Transaction | undefined
    const records = this.records.slice(0, count)
    for (const { key, value } of records) {
      transaction = decodeRecord(key, value)?.transaction ?? undefined
    }
    const scenario = new Scenario(transaction)
    scenario.records.push(...records)
    scenario.nowMs = this.nowMs
    scenario.#lastProducerId = this.#lastProducerId
    return scenario
  }
}
