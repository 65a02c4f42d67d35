// Versions   0
// Behaviour  The producers that a partition remembers, with the first offset of an open transaction: what
//            holds readers of committed data back can be found here. Unknown partitions are 3. Takes READ
//            on the topic (29).
// Differs    In nothing that is known.
// from Kafka

import { lastSequenceOf } from '../../log/producer-state.ts'
import { describeProducers } from '../../protocol/61-describe-producers.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const takes = asks('READ TOPIC')

export const handler = defineHandler(describeProducers, takes, async (request, context) => ({
  throttleTimeMs: 0,
  topics: await Promise.all(
    request.topics.map(async ({ name, partitionIndexes }) => ({
      name,
      partitions: await Promise.all(
        partitionIndexes.map((partition) => describe(name, partition, context)),
      ),
    })),
  ),
}))

async function describe(
  topic: string,
  partitionIndex: number,
  { access, broker: { partitions } }: HandlerContext,
) {
  if (!access.may(AclOperation.READ, AclResource.TOPIC, topic)) {
    const errorCode = ErrorCode.TOPIC_AUTHORIZATION_FAILED
    return { partitionIndex, errorCode, errorMessage: null, activeProducers: [] }
  }
  const log = partitions.get(topic, partitionIndex)
  if (log === undefined) {
    const errorCode = ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    return { partitionIndex, errorCode, errorMessage: null, activeProducers: [] }
  }
  const producers = await log.activeProducers()
  return {
    partitionIndex,
    errorCode: ErrorCode.NONE,
    errorMessage: null,
    activeProducers: producers.map((entry) => ({
      producerId: entry.producerId,
      producerEpoch: entry.producerEpoch,
      lastSequence: lastSequenceOf(entry),
      lastTimestamp: entry.lastTimestamp,
      coordinatorEpoch: entry.coordinatorEpoch,
      currentTxnStartOffset: entry.currentTxnFirstOffset,
    })),
  }
}
