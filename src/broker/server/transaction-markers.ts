// The markers that end a transaction: one in each of its partitions, behind everything that it wrote
// there. Those of __consumer_offsets go by way of the groups, whose staged offsets they settle.
// Source: KIP-98.

import type { Clock } from '../../host/clock.ts'
import { buildControlMarker } from '../batch/control-marker.ts'
import { OFFSETS_TOPIC } from '../catalog/internal-topics.ts'
import type {
  Transaction,
  TransactionPartitions,
} from '../coordinators/transactions/transaction.ts'
import type { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode, errorName } from '../wire/error-codes.ts'
import type { CoordinatorFaults } from './coordinator-faults.ts'
import { describeError, type JsonLog } from './json-log.ts'

export interface MarkerNeeds {
  readonly clock: Clock
  readonly partitions: { get(topic: string, partition: number): PartitionLog | undefined }
  readonly groups: {
    loaded(): Promise<void>
    endTransaction(
      partition: number,
      marker: Buffer,
      outcome: { readonly producerId: number; readonly isCommit: boolean },
    ): Promise<ErrorCode>
  }
  readonly log: JsonLog
  readonly faults?: CoordinatorFaults | undefined
}

export interface Marker {
  readonly producerId: number
  readonly producerEpoch: number
  readonly coordinatorEpoch: number
  readonly isCommit: boolean
  /** KIP-1228: it must be an epoch ahead of what it ends. */
  readonly isTransactionsV2?: boolean
}

/** These will never be otherwise: the partition is gone, or has moved on. */
const FINAL: ReadonlySet<ErrorCode> = new Set([
  ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
  ErrorCode.INVALID_PRODUCER_EPOCH,
  ErrorCode.TRANSACTION_COORDINATOR_FENCED,
])

/** Never rejects. @returns the partitions that have no marker yet */
export async function writeMarkers(
  transaction: Transaction,
  partitions: TransactionPartitions,
  { coordinatorEpoch, needs }: { readonly coordinatorEpoch: number; readonly needs: MarkerNeeds },
): Promise<TransactionPartitions> {
  const { producerId, producerEpoch, state } = transaction
  const { faults } = needs
  const isCommit = state === 'PrepareCommit' || faults?.abortsCommit === true
  const marker = { producerId, producerEpoch, coordinatorEpoch, isCommit }
  const left = new Map<string, Set<number>>()
  const all = [...partitions].flatMap(([topic, numbers]) =>
    [...numbers].map((partition) => ({ topic, partition })),
  )
  const isDropped = !isCommit && faults?.abortMarkersDropped === true
  const places = isDropped ? [] : faults?.markersToFirstOnly === true ? all.slice(0, 1) : all
  await Promise.all(
    places.map(async ({ topic, partition }) => {
      const errorCode = await writeMarker({ topic, partition }, marker, needs)
      if (errorCode === ErrorCode.NONE) return
      const { transactionalId } = transaction
      const error = errorName(errorCode)
      needs.log.warn('marker-not-written', { transactionalId, topic, partition, error })
      if (!FINAL.has(errorCode)) left.set(topic, (left.get(topic) ?? new Set()).add(partition))
    }),
  )
  return left
}

/** Never rejects. @returns NONE once the marker is durable, and counts */
export async function writeMarker(
  { topic, partition }: { readonly topic: string; readonly partition: number },
  marker: Marker,
  { clock, partitions, groups, log }: MarkerNeeds,
): Promise<ErrorCode> {
  const { producerId, isCommit, isTransactionsV2 } = marker
  const batch = buildControlMarker({
    ...marker,
    kind: isCommit ? 'commit' : 'abort',
    timestamp: clock.nowMs(),
  })
  try {
    if (topic === OFFSETS_TOPIC) {
      await groups.loaded()
      return await groups.endTransaction(partition, batch, { producerId, isCommit })
    }
    const partitionLog = partitions.get(topic, partition)
    if (partitionLog === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    const request = { acks: -1, origin: 'coordinator', isTransactionsV2 } as const
    const outcome = await partitionLog.append(batch, request)
    return outcome.kind === 'refused' ? outcome.errorCode : ErrorCode.NONE
  } catch (error) {
    log.error('bug', { where: 'marker', error: describeError(error) })
    return ErrorCode.UNKNOWN_SERVER_ERROR
  }
}
