// The port to whoever keeps transactions: an append over several partitions of a store is one of them.

import { type ErrorCode, errorName } from '../wire/error-codes.ts'

export interface StoreTransactions {
  /**
   * Resolves when it is durable that these partitions of the topic belong to it.
   * @returns the code of what stands against it
   */
  begin(topic: string, partitions: readonly number[]): Promise<StoreTransaction | ErrorCode>
  /** Resolves when what an earlier life of the broker left open has ended. */
  settled(): Promise<void>
}

/** An open one. It ends by one call of `commit` or `abort`. */
export interface StoreTransaction {
  readonly producerId: number
  readonly producerEpoch: number
  /** At once: NONE as long as a batch in that partition belongs to it. */
  verify(partition: number): ErrorCode
  /** Decides before it returns; resolves when that is durable. @returns NONE when it is committed */
  commit(): Promise<ErrorCode>
  /** Resolves when its streams are free again, as far as the disk allows. */
  abort(): Promise<void>
}

export function transactionFailed(errorCode: ErrorCode): string {
  return `The transaction over the partitions of this append did not go through (${errorName(errorCode)}): try again.`
}
