// Versions   1-11
// Behaviour  -1 latest (the last stable offset for read_committed), -2 earliest, -3 the record with
//            the greatest timestamp (v7), -4 earliest on this node (v8), -5 latest in tiered storage
//            (v9), -6 earliest not yet uploaded (v11); a time finds the first record at or after it,
//            and its leader epoch. Nothing found is offset -1 without an error. A hidden topic is 29.
// Differs    There is no tiered storage: -4 is the log start, -5 and -6 find nothing.
// from Kafka

import type { PartitionLog } from '../../log/partition-log.ts'
import { type ListOffsetsRequest, listOffsets } from '../../protocol/02-list-offsets.ts'
import { AclOperation, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { defineHandler, type HandlerContext } from '../handler.ts'
import { asks } from '../security/access-rule.ts'

type Partition = ListOffsetsRequest['topics'][number]['partitions'][number]
interface Found {
  readonly offset: number
  readonly timestamp: number
  readonly leaderEpoch: number
}

const READ_COMMITTED = 1
const NO_EPOCH = -1
const LATEST = -1
const EARLIEST = -2
const MAX_TIMESTAMP = -3
const EARLIEST_LOCAL = -4
const LATEST_TIERED = -5
const EARLIEST_PENDING_UPLOAD = -6
/** The first version that may ask for each special timestamp. */
const FIRST_VERSION = new Map([
  [LATEST, 1],
  [EARLIEST, 1],
  [MAX_TIMESTAMP, 7],
  [EARLIEST_LOCAL, 8],
  [LATEST_TIERED, 9],
  [EARLIEST_PENDING_UPLOAD, 11],
])
const NOTHING: Found = { offset: -1, timestamp: -1, leaderEpoch: NO_EPOCH }

const takes = asks('DESCRIBE TOPIC')

export const handler = defineHandler(listOffsets, takes, async (request, context) => {
  const isCommittedOnly = request.isolationLevel === READ_COMMITTED
  const topics = []
  for (const { name, partitions } of request.topics) {
    const isHidden = !context.access.may(AclOperation.DESCRIBE, AclResource.TOPIC, name)
    const repeated = repeatedIndexes(partitions)
    const answers = []
    for (const asked of partitions) {
      const { partitionIndex } = asked
      const outcome = isHidden
        ? ErrorCode.TOPIC_AUTHORIZATION_FAILED
        : repeated.has(partitionIndex)
          ? ErrorCode.INVALID_REQUEST
          : await find(name, asked, isCommittedOnly, context)
      answers.push(
        typeof outcome === 'number'
          ? { partitionIndex, errorCode: outcome, ...NOTHING }
          : { partitionIndex, errorCode: ErrorCode.NONE, ...outcome },
      )
    }
    topics.push({ name, partitions: answers })
  }
  return { throttleTimeMs: 0, topics }
})

async function find(
  topic: string,
  asked: Partition,
  isCommittedOnly: boolean,
  { apiVersion, broker }: HandlerContext,
): Promise<Found | ErrorCode> {
  const { timestamp, currentLeaderEpoch } = asked
  if (timestamp < 0 && apiVersion < (FIRST_VERSION.get(timestamp) ?? Number.POSITIVE_INFINITY)) {
    return ErrorCode.UNSUPPORTED_VERSION
  }
  const log = broker.partitions.get(topic, asked.partitionIndex)
  if (log === undefined) return ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
  if (log.state === 'offline') return ErrorCode.KAFKA_STORAGE_ERROR
  if (currentLeaderEpoch !== NO_EPOCH && currentLeaderEpoch !== log.leaderEpoch) {
    const isOld = currentLeaderEpoch < log.leaderEpoch
    return isOld ? ErrorCode.FENCED_LEADER_EPOCH : ErrorCode.UNKNOWN_LEADER_EPOCH
  }
  return findIn(log, timestamp, () => (isCommittedOnly ? log.lastStableOffset : log.highWatermark))
}

/** @param endOffset what this reader may see now, exclusive: it has grown when a search has ended */
async function findIn(
  log: PartitionLog,
  timestamp: number,
  endOffset: () => number,
): Promise<Found | ErrorCode> {
  switch (timestamp) {
    case LATEST:
      return { offset: endOffset(), timestamp: -1, leaderEpoch: log.leaderEpoch }
    case EARLIEST:
    case EARLIEST_LOCAL:
      return earliest(log)
    case LATEST_TIERED:
    case EARLIEST_PENDING_UPLOAD:
      return NOTHING
    case MAX_TIMESTAMP:
      return readable(await log.maxTimestamp(), endOffset())
    default:
      return readable(await log.offsetForTimestamp(timestamp), endOffset())
  }
}

function earliest(log: PartitionLog): Found {
  const offset = log.logStartOffset
  return { offset, timestamp: -1, leaderEpoch: log.epochOf(offset) ?? log.leaderEpoch }
}

/** A record that this reader may not see yet is not found. */
function readable(found: Found | 'offline' | undefined, endOffset: number): Found | ErrorCode {
  if (found === 'offline') return ErrorCode.KAFKA_STORAGE_ERROR
  return found === undefined || found.offset >= endOffset ? NOTHING : found
}

function repeatedIndexes(partitions: readonly Partition[]): Set<number> {
  const seen = new Set<number>()
  const repeated = new Set<number>()
  for (const { partitionIndex } of partitions) {
    if (seen.has(partitionIndex)) repeated.add(partitionIndex)
    seen.add(partitionIndex)
  }
  return repeated
}
