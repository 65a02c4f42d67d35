// Versions   0-2.
// Behaviour  Moves the start of a partition's log to the offset, -1 meaning the high watermark; the
//            new start is durable before it is answered. Beyond the high watermark: 1. A topic that
//            is compacted and nothing else: 44. An internal topic: 17. A start that the disk would
//            not take: 56. Records that may not be deleted: 29.
// Differs    The timeout is not looked at: there is no replica to wait for.

import { DiskError } from '../../../host/disk.ts'
import { logConfigOf } from '../../catalog/topic-settings.ts'
import { deleteRecords } from '../../protocol/21-delete-records.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { describeError } from '../json-log.ts'
import { asks } from '../security/access-rule.ts'

const TO_HIGH_WATERMARK = -1
const UNKNOWN_LOW_WATERMARK = -1

const takes = asks('DELETE TOPIC')

export const handler = defineHandler(deleteRecords, takes, async (request, context) => {
  const topics = []
  for (const { name, partitions: wanted } of request.topics) {
    const isAllowed = context.access.may(AclOperation.DELETE, AclResource.TOPIC, name)
    const partitions = []
    for (const { partitionIndex, offset } of wanted) {
      const outcome = isAllowed
        ? await deleteBefore(name, partitionIndex, offset, context)
        : refused(ErrorCode.TOPIC_AUTHORIZATION_FAILED)
      partitions.push({ partitionIndex, ...outcome })
    }
    topics.push({ name, partitions })
  }
  return { topics }
})

async function deleteBefore(
  name: string,
  partition: number,
  offset: number,
  { broker }: HandlerContext,
): Promise<{ errorCode: ErrorCode; lowWatermark: number }> {
  const topic = broker.catalog.topic(name)
  const log = broker.partitions.get(name, partition)
  if (topic === undefined || log === undefined) {
    return refused(ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  }
  if (topic.isInternal) return refused(ErrorCode.INVALID_TOPIC_EXCEPTION)
  if (log.state === 'offline') return refused(ErrorCode.KAFKA_STORAGE_ERROR)
  const { cleanupPolicy } = logConfigOf(topic.configs, broker.catalog.settings)
  if (!cleanupPolicy.includes('delete')) return refused(ErrorCode.POLICY_VIOLATION)
  const before = offset === TO_HIGH_WATERMARK ? log.highWatermark : offset
  if (before < 0 || before > log.highWatermark) return refused(ErrorCode.OFFSET_OUT_OF_RANGE)
  try {
    await log.deleteRecordsBefore(before)
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    broker.log.error('records-not-deleted', { topic: name, partition, error: describeError(error) })
    return refused(ErrorCode.KAFKA_STORAGE_ERROR)
  }
  return { errorCode: ErrorCode.NONE, lowWatermark: log.logStartOffset }
}

function refused(errorCode: ErrorCode) {
  return { errorCode, lowWatermark: UNKNOWN_LOW_WATERMARK }
}
