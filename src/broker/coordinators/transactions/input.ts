// What may happen to a transactional id, and what comes of it, as data. Every request is answered at
// once; its answer leaves when the record, if there is one, is durable.

import type { ErrorCode } from '../../wire/error-codes.ts'
import type { Transaction, TransactionPartitions } from './transaction.ts'

/** Who speaks, in requests of producers that have an id. */
export interface ProducerClaim {
  readonly producerId: number
  readonly producerEpoch: number
}

export interface InitRequest {
  readonly kind: 'init'
  readonly transactionalId: string
  readonly timeoutMs: number
  /** What the producer had (KIP-360); null when it starts anew. */
  readonly expected: ProducerClaim | null
  /** Used only where a decision asks for one: ids are an argument. */
  readonly newProducerId?: number
}

export interface AddRequest extends ProducerClaim {
  readonly kind: 'add'
  readonly partitions: TransactionPartitions
  /** 2 when the producer gets an epoch for each transaction (KIP-890); else 0. */
  readonly clientVersion: number
}

export interface EndRequest extends ProducerClaim {
  readonly kind: 'end'
  readonly isCommit: boolean
  /** EndTxn v5 and up: every end bumps the epoch (KIP-890). */
  readonly bumpsEpoch: boolean
  /** See InitRequest. */
  readonly newProducerId?: number
}

export type TransactionInput =
  | InitRequest
  | AddRequest
  | EndRequest
  /** All partitions have their marker. */
  | { readonly kind: 'markers-written' }
  /** Looks whether the transaction has outlived its timeout. */
  | { readonly kind: 'check-timeout' }
  /** Looks whether the id has been silent for so long. */
  | { readonly kind: 'check-expiry'; readonly expirationMs: number }

export interface TransactionReply {
  readonly errorCode: ErrorCode
  readonly producerId: number
  readonly producerEpoch: number
}

export interface Decided {
  readonly kind: 'decided'
  /** From now on; undefined when nothing is known of the id. Markers are due when it is ending. */
  readonly transaction: Transaction | undefined
  /** Not to be sent before the record, if any, is durable. */
  readonly reply: TransactionReply
  /** What to append: the transaction as it is now, its tombstone, or nothing. */
  readonly record: 'none' | 'transaction' | 'tombstone'
}

/** The same input is to be decided again with a producer id that nobody ever had. */
export type Decision = Decided | { readonly kind: 'needs-producer-id' }

export interface TransactionSettings {
  /** transaction.max.timeout.ms, inclusive */
  readonly maxTimeoutMs: number
}
