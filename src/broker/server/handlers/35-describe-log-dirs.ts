// Versions   1-5.
// Behaviour  The one data folder, with the size of every partition asked for (null: all). Takes DESCRIBE on
//            the cluster (31, before v3 an empty list).
// Differs    The space of the disk below is not told (-1), and there is never a future replica.

import { describeLogDirs } from '../../protocol/35-describe-log-dirs.ts'
import { AclOperation } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

const takes = asks('DESCRIBE CLUSTER')

export const handler = defineHandler(describeLogDirs, takes, (request, context) => {
  const { config } = context.broker
  if (!context.access.mayOnCluster(AclOperation.DESCRIBE)) {
    return { errorCode: ErrorCode.CLUSTER_AUTHORIZATION_FAILED, results: [] }
  }
  const [logDir = ''] = config.logDirs ?? config.logDir
  return {
    errorCode: ErrorCode.NONE,
    results: [{ errorCode: ErrorCode.NONE, logDir, topics: sizes(request.topics, context) }],
  }
})

function sizes(
  wanted: readonly { topic: string; partitions: readonly number[] }[] | null,
  { broker }: HandlerContext,
) {
  const all =
    wanted ??
    [...broker.catalog.topics()].map(({ name, partitions }) => ({
      topic: name,
      partitions: Array.from({ length: partitions }, (_, partition) => partition),
    }))
  const topics = all.map(({ topic, partitions }) => ({
    name: topic,
    partitions: partitions.flatMap((partition) => {
      const log = broker.partitions.get(topic, partition)
      if (log === undefined) return []
      const partitionSize = log.sizeBytes
      return [{ partitionIndex: partition, partitionSize, offsetLag: 0, isFutureKey: false }]
    }),
  }))
  return topics.filter(({ partitions }) => partitions.length > 0)
}
