// Versions   0-5
// Behaviour  Adds partitions to a transaction, and begins it with the first; answered once that is
//            durable. All or nothing: a partition that does not exist is 3, the others then 55. v4+
//            takes several transactions, each of them perhaps only to be verified: a partition that is
//            not part of it is 120, in v4 48. Who was fenced hears 90, before v2 47. Takes WRITE on the
//            transactional id (53) and on each topic (29, the others then 55).
// Differs    v4+ is taken from clients as well as from brokers: some send it (decision 9). So it takes what
// from Kafka the versions before take, where Kafka asks for CLUSTER_ACTION, which also suffices.
// from Kafka

import { CLUSTER_NAME } from '../../catalog/acl.ts'
import { partitionsOf } from '../../coordinators/transactions/partitions.ts'
import { TRANSACTIONS_V2 } from '../../coordinators/transactions/transaction.ts'
import {
  type AddPartitionsToTxnRequest,
  addPartitionsToTxn,
} from '../../protocol/24-add-partitions-to-txn.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'
import { fencedError } from '../transaction-errors.ts'

type Topics = AddPartitionsToTxnRequest['v3AndBelowTopics']
type Asked = AddPartitionsToTxnRequest['transactions'][number]

const FIRST_VERSION_WITH_PRODUCER_FENCED = 2
const FIRST_VERSION_IN_BATCHES = 4
const FIRST_VERSION_WITH_ABORTABLE = 5

const takes = asks('WRITE TRANSACTIONAL_ID', 'WRITE TOPIC', 'CLUSTER_ACTION CLUSTER')

export const handler = defineHandler(addPartitionsToTxn, takes, async (request, context) => {
  if (context.apiVersion < FIRST_VERSION_IN_BATCHES) {
    const topics = request.v3AndBelowTopics
    const codeOf = await add(
      {
        transactionalId: request.v3AndBelowTransactionalId,
        producerId: request.v3AndBelowProducerId,
        producerEpoch: request.v3AndBelowProducerEpoch,
        verifyOnly: false,
        topics,
      },
      { ...context, isBroker: false },
    )
    const resultsByTopicV3AndBelow = results(topics, codeOf)
    return {
      throttleTimeMs: 0,
      errorCode: ErrorCode.NONE,
      resultsByTransaction: [],
      resultsByTopicV3AndBelow,
    }
  }
  const { CLUSTER_ACTION } = AclOperation
  const isBroker = context.access.mayQuietly(CLUSTER_ACTION, AclResource.CLUSTER, CLUSTER_NAME)
  const caller = { ...context, isBroker }
  const resultsByTransaction = await Promise.all(
    request.transactions.map(async (asked) => ({
      transactionalId: asked.transactionalId,
      topicResults: results(asked.topics, await (asked.verifyOnly ? verify : add)(asked, caller)),
    })),
  )
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    resultsByTransaction,
    resultsByTopicV3AndBelow: [],
  }
})

type CodeOf = (topic: string, partition: number) => ErrorCode

/** Brokers act for producers that were asked already. */
type CallerContext = HandlerContext & { readonly isBroker: boolean }

function mayTransact(transactionalId: string, { access, isBroker }: CallerContext): boolean {
  if (isBroker) return true
  return access.may(AclOperation.WRITE, AclResource.TRANSACTIONAL_ID, transactionalId)
}

const forbiddenTransaction: CodeOf = () => ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED

async function add(asked: Asked, context: CallerContext): Promise<CodeOf> {
  const { access, apiVersion, broker, isBroker } = context
  const { topics, transactionalId, producerId, producerEpoch } = asked
  if (!mayTransact(transactionalId, context)) return forbiddenTransaction
  const mayWrite = (topic: string) =>
    isBroker || access.may(AclOperation.WRITE, AclResource.TOPIC, topic)
  const forbidden = new Set(topics.map(({ name }) => name).filter((name) => !mayWrite(name)))
  const exists = (topic: string, partition: number) =>
    broker.partitions.get(topic, partition) !== undefined
  const isMissing = topics.some(({ name, partitions }) =>
    partitions.some((partition) => !exists(name, partition)),
  )
  if (isMissing || forbidden.size > 0) {
    const { UNKNOWN_TOPIC_OR_PARTITION, OPERATION_NOT_ATTEMPTED } = ErrorCode
    return (topic, partition) => {
      if (forbidden.has(topic)) return ErrorCode.TOPIC_AUTHORIZATION_FAILED
      return exists(topic, partition) ? OPERATION_NOT_ATTEMPTED : UNKNOWN_TOPIC_OR_PARTITION
    }
  }
  const { errorCode } = await broker.transactions.add({
    transactionalId,
    producerId,
    producerEpoch,
    partitions: partitionsOf(topics.map(({ name: topic, partitions }) => ({ topic, partitions }))),
    clientVersion: apiVersion < FIRST_VERSION_IN_BATCHES ? 0 : TRANSACTIONS_V2,
  })
  const code = fencedError(errorCode, apiVersion, FIRST_VERSION_WITH_PRODUCER_FENCED)
  return () => code
}

async function verify(asked: Asked, context: CallerContext): Promise<CodeOf> {
  const { apiVersion, broker } = context
  const { transactionalId, producerId, producerEpoch } = asked
  if (!mayTransact(transactionalId, context)) return forbiddenTransaction
  await broker.transactions.settled(transactionalId)
  return (topic, partition) => {
    const claim = { transactionalId, producerId, producerEpoch, topic, partition }
    const errorCode = broker.transactions.verify(claim)
    const isAbortable = errorCode === ErrorCode.TRANSACTION_ABORTABLE
    const isUnknown = isAbortable && apiVersion < FIRST_VERSION_WITH_ABORTABLE
    return isUnknown ? ErrorCode.INVALID_TXN_STATE : errorCode
  }
}

function results(topics: Topics, codeOf: CodeOf) {
  return topics.map(({ name, partitions }) => ({
    name,
    resultsByPartition: partitions.map((partitionIndex) => ({
      partitionIndex,
      partitionErrorCode: codeOf(name, partitionIndex),
    })),
  }))
}
