// What a fetch finds at its partitions: first a look that costs no I/O (is it there, is the offset
// in range, how much is readable), then the reads within the limits.
// Invariant: bytes are whole batches as stored; the first partition that has data gives at least one
// batch whatever the limits say, so that a consumer never gets stuck on a large one (KIP-74).
// Source: KIP-320 for leader epochs, KIP-595 for the diverging epoch.

import type { PartitionLog } from '../log/partition-log.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { AwaitedPartition, FetchWait, ReadLimit } from './delayed-fetch.ts'
import type { FetchPartition } from './fetch-sessions.ts'
import type { BrokerServices } from './services.ts'

export interface FetchPlan {
  readonly partitions: readonly FetchPartition[]
  readonly upTo: ReadLimit
  readonly minBytes: number
  /** Soft: the first batch is returned whatever its size. */
  readonly maxBytes: number
  readonly maxWaitMs: number
  readonly apiVersion: number
  readonly mayRead: (topic: string) => boolean
  /** Gives the memory that is read into. */
  readonly allocate: (bytes: number) => Buffer
}

interface EpochEnd {
  readonly epoch: number
  readonly endOffset: number
}

/** What one partition can give now. */
export type Look =
  | { readonly kind: 'refused'; readonly wanted: FetchPartition; readonly errorCode: ErrorCode }
  | {
      readonly kind: 'diverging'
      readonly wanted: FetchPartition
      readonly log: PartitionLog
      readonly end: EpochEnd
    }
  | {
      readonly kind: 'readable'
      readonly wanted: FetchPartition
      readonly log: PartitionLog
      readonly bytes: number
    }

export interface PartitionAnswer {
  readonly wanted: FetchPartition
  readonly errorCode: ErrorCode
  readonly highWatermark: number
  readonly lastStableOffset: number
  readonly logStartOffset: number
  readonly divergingEpoch: EpochEnd | undefined
  /** null when the reader did not ask for committed data only. */
  readonly abortedTransactions: readonly { producerId: number; firstOffset: number }[] | null
  readonly records: Buffer
}

const NO_RECORDS = Buffer.alloc(0)
const NO_EPOCH = -1
const FIRST_VERSION_WITH_TOPIC_IDS = 13

export function lookAtAll(plan: FetchPlan, broker: BrokerServices): Look[] {
  return plan.partitions.map((wanted) => lookAt(wanted, plan, broker))
}

/** Answer at once: nothing to wait for, an error, a divergence, or enough bytes. */
export function isReady(plan: FetchPlan, looks: readonly Look[]): boolean {
  if (plan.maxWaitMs <= 0 || looks.length === 0) return true
  if (looks.some((look) => look.kind !== 'readable')) return true
  return readableBytes(looks) >= Math.min(plan.minBytes, plan.maxBytes)
}

/** Resolves when there is something to look at anew, or time is up. */
export async function waitForMore(
  { upTo, minBytes, maxBytes, maxWaitMs }: FetchPlan,
  looks: readonly Look[],
  { broker, connection }: { broker: BrokerServices; connection: FetchWait['connection'] },
): Promise<void> {
  const partitions: AwaitedPartition[] = []
  for (const look of looks) {
    if (look.kind !== 'readable') continue
    const { fetchOffset, partitionMaxBytes } = look.wanted
    partitions.push({ log: look.log, fromOffset: fetchOffset, maxBytes: partitionMaxBytes })
  }
  const least = Math.min(minBytes, maxBytes)
  await broker.delayedFetches.wait({ partitions, upTo, minBytes: least, maxWaitMs, connection })
}

/** Of all partitions together, each within its own limit. */
export function readableBytes(looks: readonly Look[]): number {
  let bytes = 0
  for (const look of looks) if (look.kind === 'readable') bytes += look.bytes
  return bytes
}

/** Reads the partitions in their order until `maxBytes` is used up. */
export async function readAll(plan: FetchPlan, looks: readonly Look[]): Promise<PartitionAnswer[]> {
  const answers: PartitionAnswer[] = []
  let bytesLeft = plan.maxBytes
  let isFirst = true
  for (const look of looks) {
    const answer = await read(look, plan, { maxBytes: bytesLeft, atLeastOneBatch: isFirst })
    bytesLeft = Math.max(0, bytesLeft - answer.records.length)
    if (answer.records.length > 0) isFirst = false
    // Thousands of further partitions are not read for a batch small enough for what is left.
    if (hadNoRoom(look, answer, bytesLeft)) bytesLeft = 0
    answers.push(answer)
  }
  return answers
}

/** There are records, but the answer as a whole could not take the first batch of them. */
function hadNoRoom(look: Look, answer: PartitionAnswer, bytesLeft: number): boolean {
  if (look.kind !== 'readable' || look.bytes === 0 || answer.records.length > 0) return false
  return answer.errorCode === ErrorCode.NONE && bytesLeft < look.wanted.partitionMaxBytes
}

function lookAt(wanted: FetchPartition, plan: FetchPlan, broker: BrokerServices): Look {
  const refuse = (errorCode: ErrorCode): Look => ({ kind: 'refused', wanted, errorCode })
  const isById = plan.apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS
  const topic = isById ? broker.catalog.topicById(wanted.topicId)?.name : wanted.topic
  if (topic === undefined) return refuse(ErrorCode.UNKNOWN_TOPIC_ID)
  if (!plan.mayRead(topic)) return refuse(ErrorCode.TOPIC_AUTHORIZATION_FAILED)
  const log = broker.partitions.get(topic, wanted.partition)
  if (log === undefined) return refuse(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  if (log.state === 'offline') return refuse(ErrorCode.KAFKA_STORAGE_ERROR)
  const { currentLeaderEpoch, fetchOffset, lastFetchedEpoch } = wanted
  if (currentLeaderEpoch !== NO_EPOCH && currentLeaderEpoch !== log.leaderEpoch) {
    const isOld = currentLeaderEpoch < log.leaderEpoch
    return refuse(isOld ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH)
  }
  if (lastFetchedEpoch !== NO_EPOCH) {
    const end = log.endOffsetForEpoch(lastFetchedEpoch)
    if (end === undefined) return refuse(ErrorCode.OFFSET_OUT_OF_RANGE)
    if (end.epoch < lastFetchedEpoch || end.endOffset < fetchOffset) {
      return { kind: 'diverging', wanted, log, end }
    }
  }
  if (fetchOffset < log.logStartOffset || fetchOffset > log.logEndOffset) {
    return refuse(ErrorCode.OFFSET_OUT_OF_RANGE)
  }
  const bytes = Math.min(wanted.partitionMaxBytes, log.readableBytes(fetchOffset, plan.upTo))
  return { kind: 'readable', wanted, log, bytes }
}

async function read(
  look: Look,
  plan: FetchPlan,
  limit: { maxBytes: number; atLeastOneBatch: boolean },
): Promise<PartitionAnswer> {
  const { wanted } = look
  if (look.kind === 'refused') return refused(wanted, look.errorCode)
  const { log } = look
  if (look.kind === 'diverging') return empty(look, plan, look.end)
  const maxBytes = Math.min(wanted.partitionMaxBytes, limit.maxBytes)
  if (look.bytes === 0 || (maxBytes <= 0 && !limit.atLeastOneBatch)) return empty(look, plan)

  const { atLeastOneBatch } = limit
  const { fetchOffset: fromOffset } = wanted
  const { upTo, allocate } = plan
  const pending = log.read({ fromOffset, maxBytes, upTo, atLeastOneBatch, allocate })
  const outcome = pending instanceof Promise ? await pending : pending
  if (outcome.kind === 'out-of-range') return refused(wanted, ErrorCode.OFFSET_OUT_OF_RANGE)
  if (outcome.kind === 'offline') return refused(wanted, ErrorCode.KAFKA_STORAGE_ERROR)
  return {
    ...empty(look, plan),
    abortedTransactions: plan.upTo === 'lastStableOffset' ? outcome.abortedTransactions : null,
    records: outcome.bytes,
  }
}

/** No data, no error: where the partition stands. Never null records: librdkafka cannot read that. */
function empty(
  { wanted, log }: { wanted: FetchPartition; log: PartitionLog },
  plan: FetchPlan,
  divergingEpoch?: EpochEnd,
): PartitionAnswer {
  return {
    wanted,
    errorCode: ErrorCode.NONE,
    highWatermark: log.highWatermark,
    lastStableOffset: log.lastStableOffset,
    logStartOffset: log.logStartOffset,
    divergingEpoch,
    abortedTransactions: plan.upTo === 'lastStableOffset' ? [] : null,
    records: NO_RECORDS,
  }
}

function refused(wanted: FetchPartition, errorCode: ErrorCode): PartitionAnswer {
  return {
    wanted,
    errorCode,
    highWatermark: -1,
    lastStableOffset: -1,
    logStartOffset: -1,
    divergingEpoch: undefined,
    abortedTransactions: null,
    records: NO_RECORDS,
  }
}
