// What the coordinator knows of one transactional id: which producer holds it, in which epoch, and how
// far its transaction is. Plain data that is replaced, never changed.
// Invariant: partitions are there exactly while a transaction is Ongoing or being ended; the epoch
// never goes back for one producer id, and 32767 is never handed out.
// Source: KIP-98; KIP-360 (recovery), KIP-890 (an epoch for each transaction).

export type TransactionState =
  | 'Empty'
  | 'Ongoing'
  | 'PrepareCommit'
  | 'PrepareAbort'
  | 'CompleteCommit'
  | 'CompleteAbort'

/** By topic. */
export type TransactionPartitions = ReadonlyMap<string, ReadonlySet<number>>

export interface Transaction {
  readonly transactionalId: string
  readonly state: TransactionState
  readonly producerId: number
  /** Who held it before the epochs of that id were used up; -1 = nobody. */
  readonly previousProducerId: number
  /** While a transaction is being ended: who holds it afterwards; -1 = the same. */
  readonly nextProducerId: number
  /** -1 before the first was handed out. */
  readonly producerEpoch: number
  /** The one that a client may still ask with after a lost answer; -1 = none. Not written. */
  readonly lastProducerEpoch: number
  readonly timeoutMs: number
  readonly partitions: TransactionPartitions
  /** Calendar time; -1 before the first transaction. */
  readonly startedMs: number
  readonly updatedMs: number
  /** 2 when the producer of the last transaction gets an epoch for each (KIP-890); else 0. */
  readonly clientVersion: number
}

export const NO_ID = -1
export const NO_EPOCH = -1
export const MAX_EPOCH = 32_767
/** The last one that is handed out: ending or fencing a transaction needs one more. */
export const LAST_USABLE_EPOCH = MAX_EPOCH - 1
export const NO_PARTITIONS: TransactionPartitions = new Map()
export const TRANSACTIONS_V2 = 2

export function newTransaction(transactionalId: string, producerId: number): Transaction {
  return {
    transactionalId,
    state: 'Empty',
    producerId,
    previousProducerId: NO_ID,
    nextProducerId: NO_ID,
    producerEpoch: NO_EPOCH,
    lastProducerEpoch: NO_EPOCH,
    timeoutMs: 0,
    partitions: NO_PARTITIONS,
    startedMs: -1,
    updatedMs: -1,
    clientVersion: 0,
  }
}

/** The decision has fallen; markers are being written. */
export function isEnding({ state }: Pick<Transaction, 'state'>): boolean {
  return state === 'PrepareCommit' || state === 'PrepareAbort'
}

export function isExhausted({ producerEpoch }: Transaction): boolean {
  return producerEpoch >= LAST_USABLE_EPOCH
}

export function holds(partitions: TransactionPartitions, topic: string, partition: number) {
  return partitions.get(topic)?.has(partition) === true
}

export function isTimedOut({ state, startedMs, timeoutMs }: Transaction, nowMs: number): boolean {
  return state === 'Ongoing' && startedMs + timeoutMs < nowMs
}

/** @param expirationMs transactional.id.expiration.ms: an id without a transaction for so long goes */
export function isExpired(transaction: Transaction, nowMs: number, expirationMs: number): boolean {
  const { state, updatedMs } = transaction
  return state !== 'Ongoing' && !isEnding(transaction) && updatedMs + expirationMs <= nowMs
}
