// What a transactional produce needs beside its batches: the word of the transaction coordinator that
// they belong to an open transaction. Clients of transactions v2 (Produce v12 and up) begin it with
// the produce itself; older ones have added the partitions before.
// Invariant: a batch is in the log only if the coordinator's log says, durably, where its marker goes.
// Source: KIP-890.

import {
  BATCH_OVERHEAD_BYTES,
  readAttributes,
  readProducerEpoch,
  readProducerId,
  TRANSACTIONAL_FLAG,
} from '../batch/header.ts'
import type { ProducerClaim } from '../coordinators/transactions/input.ts'
import { partitionsOf } from '../coordinators/transactions/partitions.ts'
import { TRANSACTIONS_V2 } from '../coordinators/transactions/transaction.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { produceError } from './transaction-errors.ts'
import type { TransactionRuntime } from './transaction-runtime.ts'

const FIRST_PRODUCE_WITH_TRANSACTIONS_V2 = 12

interface Place {
  readonly topic: string
  readonly partition: number
}

export interface TransactionalBatch extends Place {
  readonly records: Buffer
}

export class TransactionalProduce {
  readonly isTransactionsV2: boolean
  readonly #transactions: TransactionRuntime
  readonly #transactionalId: string
  readonly #apiVersion: number

  constructor(
    transactions: TransactionRuntime,
    request: { readonly transactionalId: string; readonly apiVersion: number },
  ) {
    this.#transactions = transactions
    this.#transactionalId = request.transactionalId
    this.#apiVersion = request.apiVersion
    this.isTransactionsV2 = request.apiVersion >= FIRST_PRODUCE_WITH_TRANSACTIONS_V2
  }

  get hasEpochPerTransaction(): boolean {
    return this.isTransactionsV2 && this.#transactions.hasEpochPerTransaction
  }

  /** Resolves when all that can be known of these batches is durable. @returns NONE to go on */
  async begin(batches: readonly TransactionalBatch[]): Promise<ErrorCode> {
    const transactional = batches.filter(({ records }) => isTransactional(records))
    const first = transactional[0]
    if (first === undefined) return ErrorCode.NONE
    if (!this.isTransactionsV2) {
      await this.#transactions.settled(this.#transactionalId)
      return ErrorCode.NONE
    }
    const { producerId, producerEpoch } = claimOf(first.records)
    const { errorCode } = await this.#transactions.add({
      transactionalId: this.#transactionalId,
      producerId,
      producerEpoch,
      partitions: partitionsOf(
        transactional.map(({ topic, partition }) => ({ topic, partitions: [partition] })),
      ),
      clientVersion: TRANSACTIONS_V2,
    })
    return produceError(errorCode, this.#apiVersion)
  }

  /** Asked by the log when the batch is judged: what was true before a wait may have changed. */
  check({ topic, partition, records }: TransactionalBatch): ErrorCode {
    const transactionalId = this.#transactionalId
    const claim = { transactionalId, ...claimOf(records), topic, partition }
    return produceError(this.#transactions.verify(claim), this.#apiVersion)
  }
}

/** A batch that cannot be read is refused by its log. */
export function isTransactional(records: Buffer): boolean {
  if (records.length < BATCH_OVERHEAD_BYTES) return false
  return (readAttributes(records, 0) & TRANSACTIONAL_FLAG) !== 0
}

function claimOf(records: Buffer): ProducerClaim {
  return { producerId: readProducerId(records, 0), producerEpoch: readProducerEpoch(records, 0) }
}
