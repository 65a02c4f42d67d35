// Versions   0
// Behaviour  Deletes committed offsets, answered once that is durable. Topics that a member subscribes
//            to are refused with 86, partitions that do not exist with 3; a group whose members speak
//            another protocol than the consumers' with 68.
// Differs    In nothing that is known.
// from Kafka

import { offsetDelete } from '../../protocol/47-offset-delete.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler } from '../handler.ts'

export const handler = defineHandler(offsetDelete, async (request, { broker }) => {
  const topics = request.topics.map(({ name, partitions }) => {
    const count = broker.catalog.topic(name)?.partitions ?? 0
    const exists = (partition: number) => partition >= 0 && partition < count
    return { name, partitions: partitions.map(({ partitionIndex }) => partitionIndex), exists }
  })
  const known = topics.flatMap(({ name, partitions, exists }) =>
    partitions.filter(exists).map((partition) => ({ topic: name, partition })),
  )
  const codes = await broker.groups.deleteOffsets(request.groupId, known)
  if (typeof codes === 'number') return { throttleTimeMs: 0, errorCode: codes, topics: [] }

  let next = 0
  return {
    throttleTimeMs: 0,
    errorCode: ErrorCode.NONE,
    topics: topics.map(({ name, partitions, exists }) => ({
      name,
      partitions: partitions.map((partitionIndex) => ({
        partitionIndex,
        errorCode: exists(partitionIndex) ? codes[next++]! : ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      })),
    })),
  }
})
