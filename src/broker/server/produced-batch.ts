// A batch on its way into its partition's log: what is asked of it whichever way it came, by a
// connection or by a call in this process. Where it goes, and who may send it, is settled before.

import { isInternalTopic } from '../catalog/topic-name.ts'
import type { AppendOutcome, AppendRequest, PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { describeError } from './json-log.ts'
import type { BrokerServices } from './services.ts'
import { isTransactional, type TransactionalProduce } from './transactional-produce.ts'

export interface BegunTransaction {
  readonly produce: TransactionalProduce
  /** Why no batch of it may be appended. */
  readonly errorCode: ErrorCode
}

export interface ProducedBatch {
  readonly log: PartitionLog
  /** One batch; it must stay untouched until the answer is there. */
  readonly records: Buffer | null
  readonly acks: AppendRequest['acks']
  readonly timeoutMs: number
  /** Begun for all batches that are sent together; undefined when there is none. */
  readonly transaction: BegunTransaction | undefined
}

/** The log judges it before this returns, so that batches keep the order of the calls. */
export async function appendProduced(
  { log, records, acks, timeoutMs, transaction }: ProducedBatch,
  broker: Pick<BrokerServices, 'log'>,
): Promise<AppendOutcome> {
  if (isInternalTopic(log.topic)) return refuse(ErrorCode.INVALID_TOPIC_EXCEPTION)
  // One node holds every partition: more than one replica in sync can never be had.
  if (acks === -1 && log.config.minInsyncReplicas > 1) {
    return refuse(ErrorCode.NOT_ENOUGH_REPLICAS)
  }
  if (records === null || records.length === 0) {
    return refuse(ErrorCode.INVALID_RECORD, 'A produce request must carry one batch per partition.')
  }
  try {
    const request = { acks, origin: 'client', timeoutMs } as const
    if (transaction === undefined || !isTransactional(records)) {
      return await log.append(records, request)
    }
    if (transaction.errorCode !== ErrorCode.NONE) return refuse(transaction.errorCode)
    const batch = { topic: log.topic, partition: log.partition, records }
    return await log.append(records, {
      ...request,
      isTransactionsV2: transaction.produce.hasEpochPerTransaction,
      transactionCheck: () => transaction.produce.check(batch),
    })
  } catch (error) {
    broker.log.error('bug', { where: 'append', error: describeError(error) })
    return refuse(ErrorCode.UNKNOWN_SERVER_ERROR)
  }
}

function refuse(errorCode: ErrorCode, message?: string): AppendOutcome {
  return message === undefined
    ? { kind: 'refused', errorCode }
    : { kind: 'refused', errorCode, message }
}
