// Keys and values of __transaction_state, as Kafka lays them out, so that its tools read our folders
// and we open folders that it wrote. A value of null is a tombstone.
//
//   key   int16 type (0), transactional id           value   int16 version, fields
//
// Source: Kafka's TransactionLogKey and TransactionLogValue.

import { array, int8, int16, int32, int64, string } from '../../wire/field.ts'
import { decodeVersioned, defineMessage, encodeVersioned, readVersion } from '../../wire/message.ts'
import { partitionsOf } from './partitions.ts'
import { NO_EPOCH, NO_ID, type Transaction, type TransactionState } from './transaction.ts'

export interface TransactionRecord {
  readonly transactionalId: string
  /** null for the tombstone. */
  readonly transaction: Transaction | null
}

const KEY_TYPE = 0
/** The first one can say nothing of the ids before and after, so Kafka 4 writes this one. */
const VALUE_VERSION = 1
const STATES: readonly TransactionState[] = [
  'Empty',
  'Ongoing',
  'PrepareCommit',
  'PrepareAbort',
  'CompleteCommit',
  'CompleteAbort',
]

const transactionKey = defineMessage({
  name: 'TransactionLogKey',
  versions: [KEY_TYPE, KEY_TYPE],
  flexibleFrom: 'never',
  fields: { transactionalId: string('0+') },
})

const transactionValue = defineMessage({
  name: 'TransactionLogValue',
  versions: [0, VALUE_VERSION],
  flexibleFrom: VALUE_VERSION,
  fields: {
    producerId: int64('0+'),
    previousProducerId: int64('1+', { tag: 0, default: NO_ID }),
    nextProducerId: int64('1+', { tag: 1, default: NO_ID }),
    producerEpoch: int16('0+'),
    nextProducerEpoch: int16('1+', { tag: 3, default: NO_EPOCH }),
    transactionTimeoutMs: int32('0+'),
    transactionStatus: int8('0+'),
    transactionPartitions: array(
      '0+',
      { nullable: '0+' },
      { topic: string('0+'), partitionIds: array('0+', 'int32') },
    ),
    transactionLastUpdateTimestampMs: int64('0+'),
    transactionStartTimestampMs: int64('0+'),
    clientTransactionVersion: int16('1+', { tag: 2, default: 0 }),
  },
})

export function encodeRecord({ transactionalId, transaction }: TransactionRecord): {
  key: Buffer
  value: Buffer | null
} {
  const key = encodeVersioned(transactionKey, KEY_TYPE, { transactionalId })
  if (transaction === null) return { key, value: null }
  const { state, partitions } = transaction
  const value = encodeVersioned(transactionValue, VALUE_VERSION, {
    producerId: transaction.producerId,
    previousProducerId: transaction.previousProducerId,
    nextProducerId: transaction.nextProducerId,
    producerEpoch: transaction.producerEpoch,
    transactionTimeoutMs: transaction.timeoutMs,
    transactionStatus: STATES.indexOf(state),
    // As Kafka: none at all where there can be none.
    transactionPartitions:
      state === 'Empty'
        ? null
        : [...partitions].map(([topic, numbers]) => ({ topic, partitionIds: [...numbers] })),
    transactionLastUpdateTimestampMs: transaction.updatedMs,
    transactionStartTimestampMs: transaction.startedMs,
    clientTransactionVersion: transaction.clientVersion,
  })
  return { key, value }
}

/**
 * @returns undefined for record types that are not ours
 * @throws ProtocolError when the bytes are not what their type says
 */
export function decodeRecord(key: Buffer, value: Buffer | null): TransactionRecord | undefined {
  if (readVersion(key) !== KEY_TYPE) return undefined
  const { transactionalId } = decodeVersioned(transactionKey, key).value
  if (value === null) return { transactionalId, transaction: null }
  const read = decodeVersioned(transactionValue, value).value
  const state = STATES[read.transactionStatus]
  // Dead is on its way to its tombstone.
  if (state === undefined) return { transactionalId, transaction: null }
  const listed = read.transactionPartitions ?? []
  const transaction: Transaction = {
    transactionalId,
    state,
    producerId: read.producerId,
    previousProducerId: read.previousProducerId,
    nextProducerId: read.nextProducerId,
    producerEpoch: read.producerEpoch,
    lastProducerEpoch: NO_EPOCH,
    timeoutMs: read.transactionTimeoutMs,
    partitions: partitionsOf(listed.map((one) => ({ ...one, partitions: one.partitionIds }))),
    startedMs: read.transactionStartTimestampMs,
    updatedMs: read.transactionLastUpdateTimestampMs,
    clientVersion: read.clientTransactionVersion,
  }
  return { transactionalId, transaction }
}
