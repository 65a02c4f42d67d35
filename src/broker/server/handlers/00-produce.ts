// Versions   3-13 (0-2 are advertised, as Kafka does for old librdkafka, and refused; KAFKA-18659)
// Behaviour  Each partition's batch goes to its log as it came and is judged there, and compressed anew
//            where the topic's compression.type wants that; an error concerns its partition only.
//            acks=-1 answers when the batch is synced, 1 when it is written, 0 never: an error then
//            closes the connection. Topics are named by id from v13 on. A transactional batch must be
//            part of an open transaction: before v12 its partition was added to it (or else 48, in
//            v11 120), from v12 on the produce itself adds it (KIP-890). The broker's own topics are
//            refused with 17. A topic that may not be written is 29, whether it exists or not; a
//            transactional id that may not be used is 53 for every partition.
// Differs    Data written with acks=1 is readable only after its sync. A transactional batch in a request
// from Kafka without a transactional id is 48, not 53.
//
// Journey 1 of docs/tour.md: connection -> dispatch -> here -> partitions -> partition-log.

import {
  BATCH_OVERHEAD_BYTES,
  COMPRESSION_MASK,
  CURRENT_MAGIC,
  codecByCode,
  readAttributes,
  readMagic,
} from '../../batch/header.ts'
import { isInternalTopic } from '../../catalog/topic-name.ts'
import type { AppendOutcome, AppendRequest } from '../../log/partition-log.ts'
import { type ProduceRequest, produce } from '../../protocol/00-produce.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode, errorName } from '../../wire/error-codes.ts'
import { defineHandler, disconnect, type HandlerContext, NO_ANSWER } from '../handler.ts'
import { appendProduced, type BegunTransaction } from '../produced-batch.ts'
import { asks } from '../security/access-rule.ts'
import { isTransactional, TransactionalProduce } from '../transactional-produce.ts'

type TopicData = ProduceRequest['topicData'][number]
type PartitionData = TopicData['partitionData'][number]
type Acks = AppendRequest['acks']
type Refusal = Extract<AppendOutcome, { kind: 'refused' }>

const FIRST_VERSION_WITH_TOPIC_IDS = 13
const FIRST_VERSION_WITH_ZSTD = 7

const takes = asks('WRITE TOPIC', 'WRITE TRANSACTIONAL_ID')

export const handler = defineHandler(produce, takes, handle, { mayOverlap: true })

async function handle(request: ProduceRequest, context: HandlerContext) {
  const { transactionalId } = request
  const isForeignTransaction =
    transactionalId !== null && !mayTransact(transactionalId, request, context)
  const transaction =
    transactionalId === null || isForeignTransaction ? undefined : await begin(request, context)
  const produced = { request, transaction }
  const responses = await Promise.all(
    request.topicData.map((topic) => {
      const forbidden = isForeignTransaction
        ? FOREIGN_TRANSACTION
        : explainForbidden(topic, context)
      return forbidden === undefined
        ? produceTo(topic, produced, context)
        : refuseAll(topic, forbidden)
    }),
  )
  const failure = firstFailure(responses)
  // A refused batch may still be on its way to the disk, when its sync outlasts the timeout.
  if (failure === undefined) context.releaseFrame()
  if (request.acks !== 0) return { responses, throttleTimeMs: 0 }
  if (failure === undefined) return NO_ANSWER
  return disconnect(`produce with acks=0 failed: ${errorName(failure)}`)
}

/** Every batch is handed to its log before the first one is waited for. */
async function produceTo(topic: TopicData, produced: Produced, context: HandlerContext) {
  const { name, topicId, partitionData } = topic
  const outcomes = await Promise.all(
    partitionData.map((data) => append(topic, data, produced, context)),
  )
  countAppended(topic, outcomes, context)
  const partitionResponses = partitionData.map(({ index }, at) => toResponse(index, outcomes[at]!))
  return { name, topicId, partitionResponses }
}

function refuseAll({ name, topicId, partitionData }: TopicData, refusal: Refusal) {
  return {
    name,
    topicId,
    partitionResponses: partitionData.map(({ index }) => toResponse(index, refusal)),
  }
}

const FOREIGN_TRANSACTION = refuse(ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
const FORBIDDEN_TOPIC = refuse(ErrorCode.TOPIC_AUTHORIZATION_FAILED)

/** Only transactional batches need the transactional id that the request names. */
function mayTransact(
  transactionalId: string,
  { topicData }: ProduceRequest,
  { access }: HandlerContext,
): boolean {
  const hasAny = topicData.some(({ partitionData }) =>
    partitionData.some(({ records }) => records !== null && isTransactional(records)),
  )
  if (!hasAny) return true
  return access.may(AclOperation.WRITE, AclResource.TRANSACTIONAL_ID, transactionalId)
}

/** An id that nobody knows is told as such: there is no name to ask about. */
function explainForbidden(topic: TopicData, context: HandlerContext): Refusal | undefined {
  const name = nameOf(topic, context)
  if (name === undefined) return undefined
  const isAllowed = context.access.may(AclOperation.WRITE, AclResource.TOPIC, name)
  return isAllowed ? undefined : FORBIDDEN_TOPIC
}

interface Produced {
  readonly request: ProduceRequest
  readonly transaction: BegunTransaction | undefined
}

async function begin(request: ProduceRequest, context: HandlerContext): Promise<BegunTransaction> {
  const { apiVersion, broker } = context
  const transactionalId = request.transactionalId ?? ''
  const produce = new TransactionalProduce(broker.transactions, { transactionalId, apiVersion })
  const allowed = request.topicData.filter((topic) => !explainForbidden(topic, context))
  const batches = allowed.flatMap((topic) =>
    topic.partitionData.flatMap(({ index: partition, records }) => {
      const log = findLog(topic, partition, context)
      const isRefused = log === undefined || isInternalTopic(log.topic)
      return isRefused || records === null ? [] : [{ topic: log.topic, partition, records }]
    }),
  )
  return { produce, errorCode: await produce.begin(batches) }
}

function firstFailure(
  responses: readonly { partitionResponses: readonly { errorCode: ErrorCode }[] }[],
): ErrorCode | undefined {
  for (const { partitionResponses } of responses) {
    for (const { errorCode } of partitionResponses) {
      if (errorCode !== ErrorCode.NONE) return errorCode
    }
  }
  return undefined
}

function append(
  topic: TopicData,
  { index, records }: PartitionData,
  { request: { acks, timeoutMs }, transaction }: Produced,
  context: HandlerContext,
): AppendOutcome | Promise<AppendOutcome> {
  if (!isAcks(acks)) return refuse(ErrorCode.INVALID_REQUIRED_ACKS)
  const log = findLog(topic, index, context)
  if (log === undefined) return refuse(unknownPartition(context.apiVersion, topic, context))
  if (records !== null && context.apiVersion < FIRST_VERSION_WITH_ZSTD && isZstd(records)) {
    return refuse(ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
  }
  return appendProduced({ log, records, acks, timeoutMs, transaction }, context.broker)
}

function countAppended(
  topic: TopicData,
  outcomes: readonly AppendOutcome[],
  context: HandlerContext,
): void {
  const name = nameOf(topic, context)
  let bytes = 0
  for (const [at, { records }] of topic.partitionData.entries()) {
    if (outcomes[at]!.kind === 'appended') bytes += records?.length ?? 0
  }
  if (bytes > 0 && name !== undefined) context.broker.metrics.appended(name, bytes)
}

function findLog(topic: TopicData, index: number, context: HandlerContext) {
  const name = nameOf(topic, context)
  return name === undefined ? undefined : context.broker.partitions.get(name, index)
}

function nameOf(topic: TopicData, { apiVersion, broker }: HandlerContext): string | undefined {
  if (apiVersion < FIRST_VERSION_WITH_TOPIC_IDS) return topic.name
  return broker.catalog.topicById(topic.topicId)?.name
}

function unknownPartition(apiVersion: number, topic: TopicData, { broker }: HandlerContext) {
  const isById = apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS
  const isUnknownId = isById && broker.catalog.topicById(topic.topicId) === undefined
  return isUnknownId ? ErrorCode.UNKNOWN_TOPIC_ID : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
}

function toResponse(index: number, outcome: AppendOutcome) {
  if (outcome.kind === 'refused') {
    return {
      index,
      errorCode: outcome.errorCode,
      baseOffset: -1,
      logAppendTimeMs: -1,
      logStartOffset: -1,
      recordErrors: toRecordErrors(outcome),
      errorMessage: outcome.message ?? null,
    }
  }
  return {
    index,
    errorCode: ErrorCode.NONE,
    baseOffset: outcome.baseOffset,
    logAppendTimeMs: outcome.logAppendTimeMs,
    logStartOffset: outcome.logStartOffset,
    recordErrors: [],
    errorMessage: null,
  }
}

function toRecordErrors(refusal: Refusal) {
  return (refusal.recordErrors ?? []).map(({ batchIndex, message }) => ({
    batchIndex,
    batchIndexErrorMessage: message,
  }))
}

function refuse(errorCode: ErrorCode, message?: string): Refusal {
  return message === undefined
    ? { kind: 'refused', errorCode }
    : { kind: 'refused', errorCode, message }
}

function isAcks(acks: number): acks is Acks {
  return acks === -1 || acks === 0 || acks === 1
}

/** A batch that cannot be read is refused by its log. */
function isZstd(records: Buffer): boolean {
  if (records.length < BATCH_OVERHEAD_BYTES || readMagic(records, 0) !== CURRENT_MAGIC) return false
  return codecByCode[readAttributes(records, 0) & COMPRESSION_MASK] === 'zstd'
}
