// Versions   4-18
// Behaviour  Whole batches as they are stored, the first of them holding the asked offset; at least
//            one batch whatever the limits (KIP-74); nothing beyond the high watermark, for
//            read_committed nothing beyond the last stable offset, with the aborted transactions.
//            Waits for `min_bytes`, at most `max_wait_ms`. Sessions (KIP-227). Topics by id from v13.
//            A client above its quota of bytes gets an empty answer and the time to wait.
//            A topic that may not be read is 29; whoever waits is asked again when access rules change.
// Differs    What was written with acks=0 or 1 becomes readable when it is synced. There are no
// from Kafka followers: a replica id is taken for a consumer. Quotas count the bytes of records, not
//            the answer around them; request_percentage delays a fetch, but does not empty it.
//
// Journey 2 of docs/tour.md: connection -> dispatch -> here -> delayed-fetch -> partitions ->
// partition-log; bytes leave undecoded.

import { type FetchRequest, fetch } from '../../protocol/01-fetch.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import type { FetchContext, FetchSession, FetchSessionRequest } from '../fetch-sessions.ts'
import { defineHandler, type HandlerContext, NO_ANSWER } from '../handler.ts'
import {
  type FetchPlan,
  isReady,
  type Look,
  lookAtAll,
  type PartitionAnswer,
  readAll,
  readableBytes,
  waitForMore,
} from '../partition-reads.ts'
import { quotaClientOf } from '../quotas/request-accounting.ts'
import { asks } from '../security/access-rule.ts'

const FIRST_VERSION_WITH_TOPIC_IDS = 13
const READ_COMMITTED = 1
const NO_SESSION = 0

const takes = asks('READ TOPIC')

export const handler = defineHandler(fetch, takes, handle, { afterBug: refuse })

async function handle(request: FetchRequest, context: HandlerContext) {
  const { broker } = context
  const usesTopicIds = context.apiVersion >= FIRST_VERSION_WITH_TOPIC_IDS
  const session = broker.fetchSessions.begin(toSessionRequest(request, usesTopicIds))
  if (session.kind === 'refused') return refuse(session.errorCode)
  const plan = toPlan(request, session, context)

  let looks = lookAtAll(plan, broker)
  if (!isReady(plan, looks)) {
    await waitForMore(plan, looks, { broker, connection: context.connection })
    if (context.connection.isClosed) return NO_ANSWER
    looks = lookAtAll(plan, broker)
  }
  const answers = await readWithinMemory(plan, looks, context)
  if (context.connection.isClosed) return NO_ANSWER
  if (broker.quotas.isActive && mustWait(answers, context)) return throttled(session)
  countSent(answers, usesTopicIds, context)

  return toResponse(answers, session, usesTopicIds, context)
}

/** Above the quota the answer is empty, and what was read is not counted (KIP-219). */
function mustWait(answers: readonly PartitionAnswer[], context: HandlerContext): boolean {
  const { quotas } = context.broker
  context.throttleMs = quotas.fetched(quotaClientOf(context), recordBytesOf(answers))
  return context.throttleMs > 0
}

/** No partition at all: clients know from the throttle time that a full answer may be empty. */
function throttled(context: Exclude<FetchContext, { kind: 'refused' }>) {
  const sessionId = context.kind === 'incremental' ? context.session.id : NO_SESSION
  return { throttleTimeMs: 0, errorCode: ErrorCode.NONE, sessionId, responses: [] }
}

function countSent(
  answers: readonly PartitionAnswer[],
  usesTopicIds: boolean,
  { broker: { catalog, metrics } }: HandlerContext,
): void {
  for (const { wanted, records } of answers) {
    if (records.length === 0) continue
    const topic = usesTopicIds ? catalog.topicById(wanted.topicId)?.name : wanted.topic
    if (topic !== undefined) metrics.sent(topic, records.length)
  }
}

function refuse(errorCode: ErrorCode) {
  return { throttleTimeMs: 0, errorCode, sessionId: NO_SESSION, responses: [] }
}

function toSessionRequest(request: FetchRequest, usesTopicIds: boolean): FetchSessionRequest {
  return {
    sessionId: request.sessionId,
    sessionEpoch: request.sessionEpoch,
    usesTopicIds,
    partitions: request.topics.flatMap(({ topic, topicId, partitions }) =>
      partitions.map((wanted) => ({
        topic,
        topicId,
        partition: wanted.partition,
        currentLeaderEpoch: wanted.currentLeaderEpoch,
        fetchOffset: wanted.fetchOffset,
        lastFetchedEpoch: wanted.lastFetchedEpoch,
        partitionMaxBytes: wanted.partitionMaxBytes,
      })),
    ),
    forgotten: request.forgottenTopicsData.flatMap(({ topic, topicId, partitions }) =>
      partitions.map((partition) => ({ topic, topicId, partition })),
    ),
  }
}

function toPlan(
  request: FetchRequest,
  session: Exclude<FetchContext, { kind: 'refused' }>,
  context: HandlerContext,
): FetchPlan {
  const { access, apiVersion, broker, onSent } = context
  const { quotas } = broker
  const quotaBytes = quotas.isActive ? quotas.maxFetchBytes(quotaClientOf(context)) : Infinity
  const taken: Buffer[] = []
  onSent(() => {
    for (const buffer of taken) broker.buffers.give(buffer)
  })
  return {
    partitions: session.partitions,
    upTo: request.isolationLevel === READ_COMMITTED ? 'lastStableOffset' : 'highWatermark',
    minBytes: request.minBytes,
    maxBytes: Math.min(request.maxBytes, broker.config.fetchMaxBytes, quotaBytes),
    maxWaitMs: request.maxWaitMs,
    apiVersion,
    mayRead: (topic) => access.may(AclOperation.READ, AclResource.TOPIC, topic),
    allocate: (bytes) => {
      const buffer = broker.buffers.take(bytes)
      taken.push(buffer)
      return buffer
    },
  }
}

/** What clients have not taken yet bounds what is read for the next: a batch, when there is room again. */
async function readWithinMemory(
  plan: FetchPlan,
  looks: readonly Look[],
  context: HandlerContext,
): Promise<PartitionAnswer[]> {
  const { responses } = context.broker
  const leastBytes = firstBatchBytes(plan, looks)
  const bytes = Math.max(leastBytes, Math.min(plan.maxBytes, readableBytes(looks)))
  if (bytes === 0) return readAll(plan, looks)
  const reserved = responses.reserve({ bytes, leastBytes }, context.connection)
  const grantedBytes = typeof reserved === 'number' ? reserved : await reserved
  context.heldAnswerBytes = grantedBytes
  if (context.connection.isClosed) return []
  const maxBytes = Math.min(plan.maxBytes, grantedBytes)
  const answers = await readAll({ ...plan, maxBytes }, looks)
  const readBytes = recordBytesOf(answers)
  responses.add(readBytes - grantedBytes)
  context.heldAnswerBytes = readBytes
  return answers
}

/** At most: what the first partition with data returns whatever the limits say. */
function firstBatchBytes({ upTo }: FetchPlan, looks: readonly Look[]): number {
  for (const look of looks) {
    if (look.kind !== 'readable' || look.bytes === 0) continue
    const { log, wanted } = look
    return Math.min(log.readableBytes(wanted.fetchOffset, upTo), log.config.maxMessageBytes)
  }
  return 0
}

function recordBytesOf(answers: readonly PartitionAnswer[]): number {
  let bytes = 0
  for (const { records } of answers) bytes += records.length
  return bytes
}

function toResponse(
  answers: readonly PartitionAnswer[],
  context: Exclude<FetchContext, { kind: 'refused' }>,
  usesTopicIds: boolean,
  { broker }: HandlerContext,
) {
  const session =
    context.kind === 'incremental'
      ? context.session
      : context.kind === 'new'
        ? broker.fetchSessions.create(usesTopicIds, context.partitions)
        : undefined
  const news = session === undefined ? answers : answers.filter((answer) => tell(session, answer))
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    sessionId: session?.id ?? NO_SESSION,
    // A full answer names every partition, also those without news.
    responses: byTopic(context.kind === 'incremental' ? news : answers),
  }
}

function tell(session: FetchSession, answer: PartitionAnswer): boolean {
  return session.tell(answer.wanted, {
    errorCode: answer.errorCode,
    highWatermark: answer.highWatermark,
    logStartOffset: answer.logStartOffset,
    hasRecords: answer.records.length > 0,
    isDiverging: answer.divergingEpoch !== undefined,
  })
}

/** Neighbours of one topic share an entry; the order of the partitions stays. */
function byTopic(answers: readonly PartitionAnswer[]) {
  const topics: { topic: string; topicId: string; partitions: PartitionResponse[] }[] = []
  for (const answer of answers) {
    const { topic, topicId } = answer.wanted
    let last = topics[topics.length - 1]
    if (last === undefined || last.topic !== topic || last.topicId !== topicId) {
      last = { topic, topicId, partitions: [] }
      topics.push(last)
    }
    last.partitions.push(toPartitionResponse(answer))
  }
  return topics
}

type PartitionResponse = ReturnType<typeof toPartitionResponse>

function toPartitionResponse(answer: PartitionAnswer) {
  return {
    partitionIndex: answer.wanted.partition,
    errorCode: answer.errorCode,
    highWatermark: answer.highWatermark,
    lastStableOffset: answer.lastStableOffset,
    logStartOffset: answer.logStartOffset,
    divergingEpoch: answer.divergingEpoch,
    abortedTransactions: answer.abortedTransactions,
    preferredReadReplica: -1,
    records: answer.records,
  }
}
