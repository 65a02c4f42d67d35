// Which partitions belong to a transaction, and who may say so.
// Source: KIP-98; KIP-890 (the broker asks before it takes a batch).

import { ErrorCode } from '../../wire/error-codes.ts'
import type { ProducerClaim } from './input.ts'
import {
  holds,
  isEnding,
  NO_ID,
  type Transaction,
  type TransactionPartitions,
} from './transaction.ts'

/** May this producer add to the transaction, or ask about it? */
export function claimError(transaction: Transaction, claim: ProducerClaim): ErrorCode {
  if (isSuccessor(transaction, claim)) return ErrorCode.CONCURRENT_TRANSACTIONS
  if (claim.producerId !== transaction.producerId) return ErrorCode.INVALID_PRODUCER_ID_MAPPING
  if (claim.producerEpoch !== transaction.producerEpoch) return ErrorCode.PRODUCER_FENCED
  return isEnding(transaction) ? ErrorCode.CONCURRENT_TRANSACTIONS : ErrorCode.NONE
}

/** It was told the id that takes over as soon as this transaction has ended. */
export function isSuccessor({ nextProducerId }: Transaction, { producerId }: ProducerClaim) {
  return nextProducerId !== NO_ID && producerId === nextProducerId
}

/** NONE when a batch of this producer belongs to the open transaction in that partition. */
export function verify(
  transaction: Transaction | undefined,
  claim: ProducerClaim & { readonly topic: string; readonly partition: number },
): ErrorCode {
  if (transaction === undefined) return ErrorCode.INVALID_PRODUCER_ID_MAPPING
  const errorCode = claimError(transaction, claim)
  if (errorCode !== ErrorCode.NONE) return errorCode
  const isPart = holds(transaction.partitions, claim.topic, claim.partition)
  return isPart ? ErrorCode.NONE : ErrorCode.TRANSACTION_ABORTABLE
}

/** @returns the same map when nothing is new */
export function withPartitions(
  partitions: TransactionPartitions,
  added: TransactionPartitions,
): TransactionPartitions {
  const all = new Map(partitions)
  let isNew = false
  for (const [topic, numbers] of added) {
    const known = partitions.get(topic)
    const missing = [...numbers].filter((number) => known?.has(number) !== true)
    if (missing.length === 0) continue
    all.set(topic, new Set([...(known ?? []), ...missing]))
    isNew = true
  }
  return isNew ? all : partitions
}

export function partitionsOf(
  list: Iterable<{ readonly topic: string; readonly partitions: Iterable<number> }>,
): TransactionPartitions {
  const all = new Map<string, Set<number>>()
  for (const { topic, partitions } of list) {
    const numbers = all.get(topic) ?? new Set()
    for (const partition of partitions) numbers.add(partition)
    all.set(topic, numbers)
  }
  return all
}
