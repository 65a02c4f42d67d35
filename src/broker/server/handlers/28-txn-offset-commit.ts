// Versions   0-5
// Behaviour  Stages offsets that count from the commit of the producer's transaction on. The group's
//            partition must be part of it (AddOffsetsToTxn), or else 120, before v4 48; v5 adds it by
//            itself (KIP-890). From v3 on the member is checked against the group (KIP-447): 22, 25, 82.
//            An epoch that is over is 47. Partitions that do not exist are 3, metadata too long is 12. Takes
//            WRITE on the transactional id (53), READ on the group (30) and on each topic (29).
// Differs    In nothing that is known.
// from Kafka

import { ZERO_UUID } from '../../bytes/uuid.ts'
import {
  type TxnOffsetCommitRequest,
  txnOffsetCommit,
} from '../../protocol/28-txn-offset-commit.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'
import { stageOffsets } from '../staged-offsets.ts'
import { offsetCommitError } from '../transaction-errors.ts'

const FIRST_VERSION_THAT_ADDS = 5

const takes = asks('WRITE TRANSACTIONAL_ID', 'READ GROUP', 'READ TOPIC')

export const handler = defineHandler(txnOffsetCommit, takes, async (request, context) => {
  const { access, apiVersion, broker } = context
  const forbidden = explainForbidden(request, context)
  const mayRead = (topic: string) => access.may(AclOperation.READ, AclResource.TOPIC, topic)
  const refusals = new Map(
    request.topics.map(({ name }) => [
      name,
      forbidden ?? (mayRead(name) ? undefined : ErrorCode.TOPIC_AUTHORIZATION_FAILED),
    ]),
  )
  const places = request.topics.flatMap(({ name, partitions }) =>
    partitions.map((partition) => ({
      name,
      id: broker.catalog.topic(name)?.id ?? ZERO_UUID,
      partition,
      refusal: refusals.get(name) ?? explainMissing(name, partition.partitionIndex, context),
    })),
  )
  const offsets = places
    .filter(({ refusal }) => refusal === undefined)
    .map(({ name, id, partition }) => ({
      topic: name,
      topicId: id,
      partition: partition.partitionIndex,
      offset: partition.committedOffset,
      leaderEpoch: partition.committedLeaderEpoch,
      metadata: partition.committedMetadata,
    }))
  const isAdding = apiVersion >= FIRST_VERSION_THAT_ADDS
  const codes =
    offsets.length === 0 ? [] : await stageOffsets({ ...request, offsets, isAdding }, broker)

  let next = 0
  const errorCodes = places.map(
    ({ refusal }) => refusal ?? offsetCommitError(codes[next++]!, apiVersion),
  )
  let at = 0
  return {
    throttleTimeMs: 0,
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({
        partitionIndex,
        errorCode: errorCodes[at++]!,
      })),
    })),
  }
})

function explainForbidden(
  { transactionalId, groupId }: TxnOffsetCommitRequest,
  { access }: HandlerContext,
): ErrorCode | undefined {
  if (!access.may(AclOperation.WRITE, AclResource.TRANSACTIONAL_ID, transactionalId)) {
    return ErrorCode.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
  }
  const isAllowed = access.may(AclOperation.READ, AclResource.GROUP, groupId)
  return isAllowed ? undefined : ErrorCode.GROUP_AUTHORIZATION_FAILED
}

function explainMissing(
  topic: string,
  partition: number,
  { broker }: HandlerContext,
): ErrorCode | undefined {
  const exists = broker.partitions.get(topic, partition) !== undefined
  return exists ? undefined : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
}
