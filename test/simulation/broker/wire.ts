// What the simulated clients say to the broker, in real bytes: one function for a request, over the
// command's own small client. Names topics instead of giving ids, as every version up to these does.
import { batchCrc, readBatchHeader } from '../../../src/broker/batch/header.ts'
import { readRecords } from '../../../src/broker/batch/records.ts'
import { produce } from '../../../src/broker/protocol/00-produce.ts'
import { fetch } from '../../../src/broker/protocol/01-fetch.ts'
import { listOffsets } from '../../../src/broker/protocol/02-list-offsets.ts'
import { metadata } from '../../../src/broker/protocol/03-metadata.ts'
import { offsetCommit } from '../../../src/broker/protocol/08-offset-commit.ts'
import { offsetFetch } from '../../../src/broker/protocol/09-offset-fetch.ts'
import { initProducerId } from '../../../src/broker/protocol/22-init-producer-id.ts'
import { offsetForLeaderEpoch } from '../../../src/broker/protocol/23-offset-for-leader-epoch.ts'
import { describeConfigs } from '../../../src/broker/protocol/32-describe-configs.ts'
import { ErrorCode } from '../../../src/broker/wire/error-codes.ts'
import { assertAccepted } from '../../../src/cli/client/client-error.ts'
import type { Connection } from '../../../src/cli/client/connection.ts'
import { BreachError, type ReadRecord } from '../crash/ledger.ts'

const NAMED = { produce: 12, fetch: 12, offsetCommit: 9, offsetFetch: 9 }
const RESOURCE_TOPIC = 2
const PRODUCE_TIMEOUT_MS = 5_000

export interface Place {
  readonly topic: string
  readonly partition: number
}

export async function describeCluster(connection: Connection) {
  const answer = await connection.request(metadata, {
    topics: null,
    allowAutoTopicCreation: false,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  })
  const topics = answer.topics
    .filter(({ isInternal }) => !isInternal)
    .map(({ name, topicId, partitions }) => ({
      name: name ?? '',
      topicId,
      partitions: partitions.length,
      leaderEpochs: new Map(
        partitions.map(({ partitionIndex, leaderEpoch }) => [partitionIndex, leaderEpoch]),
      ),
    }))
  return { clusterId: answer.clusterId ?? '', topics }
}

function produceBody({ topic, partition }: Place, records: Buffer, acks: number) {
  const partitionData = [{ index: partition, records }]
  return {
    acks,
    timeoutMs: PRODUCE_TIMEOUT_MS,
    topicData: [{ name: topic, topicId: '', partitionData }],
  }
}

/** @returns the base offset. @throws ClientError refused */
export async function produceTo(
  connection: Connection,
  place: Place,
  records: Buffer,
  acks: -1 | 1 = -1,
): Promise<number> {
  const answer = await connection.request(produce, produceBody(place, records, acks), {
    maxVersion: NAMED.produce,
    timeoutMs: 2 * PRODUCE_TIMEOUT_MS,
  })
  const { errorCode, errorMessage, baseOffset } = answer.responses[0]!.partitionResponses[0]!
  assertAccepted(errorCode, 'Produce', errorMessage)
  return baseOffset
}

/** With acks=0: nobody answers. */
export function postTo(connection: Connection, place: Place, records: Buffer): void {
  connection.send(produce, produceBody(place, records, 0), { maxVersion: NAMED.produce })
}

export interface Fetched {
  readonly records: readonly (ReadRecord & { readonly leaderEpoch: number })[]
  readonly highWatermark: number
  readonly logStartOffset: number
  /** Where reading goes on. */
  readonly nextOffset: number
}

/** @throws ClientError refused, BreachError for bytes that no producer ever sent */
export async function fetchFrom(
  connection: Connection,
  { topic, partition }: Place,
  options: { fromOffset: number; maxWaitMs?: number; maxBytes?: number },
): Promise<Fetched> {
  const { fromOffset, maxWaitMs = 0, maxBytes = 100_000 } = options
  const answer = await connection.request(
    fetch,
    {
      maxWaitMs,
      minBytes: 1,
      topics: [
        {
          topic,
          topicId: '',
          partitions: [{ partition, fetchOffset: fromOffset, partitionMaxBytes: maxBytes }],
        },
      ],
      forgottenTopicsData: [],
    },
    { maxVersion: NAMED.fetch },
  )
  const result = answer.responses[0]!.partitions[0]!
  assertAccepted(result.errorCode, `Fetch of ${topic}-${partition} at ${fromOffset}`)
  const { highWatermark, logStartOffset } = result
  const all = recordsIn(result.records ?? Buffer.alloc(0), `${topic}-${partition}`)
  const records = all.filter(({ offset }) => offset >= fromOffset)
  const nextOffset = (records.at(-1)?.offset ?? fromOffset - 1) + 1
  return { records, highWatermark, logStartOffset, nextOffset }
}

function recordsIn(bytes: Buffer, where: string): Fetched['records'] {
  const records = []
  for (let at = 0; at < bytes.length; ) {
    const { sizeBytes, crc, partitionLeaderEpoch } = readBatchHeader(bytes, at)
    const batch = bytes.subarray(at, at + sizeBytes)
    if (batch.length < sizeBytes) break // comes again, whole
    if (batchCrc(batch, 0, sizeBytes) !== crc) {
      throw new BreachError('invented', `${where}: a batch with a wrong CRC`)
    }
    for (const { offset, value } of readRecords(batch)) {
      records.push({ offset, value: String(value), leaderEpoch: partitionLeaderEpoch })
    }
    at += sizeBytes
  }
  return records
}

export async function earliestOffset(connection: Connection, place: Place): Promise<number> {
  const { topic, partition } = place
  const answer = await connection.request(listOffsets, {
    replicaId: -1,
    isolationLevel: 0,
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: -2 }] }],
    timeoutMs: PRODUCE_TIMEOUT_MS,
  })
  const { errorCode, offset } = answer.topics[0]!.partitions[0]!
  assertAccepted(errorCode, `Offsets of ${topic}-${partition}`)
  return offset
}

export async function endOfEpoch(connection: Connection, place: Place, leaderEpoch: number) {
  const { topic, partition } = place
  const answer = await connection.request(offsetForLeaderEpoch, {
    topics: [{ topic, partitions: [{ partition, leaderEpoch }] }],
  })
  const result = answer.topics[0]!.partitions[0]!
  assertAccepted(result.errorCode, `Epochs of ${topic}-${partition}`)
  return { leaderEpoch: result.leaderEpoch, endOffset: result.endOffset }
}

export async function retentionOf(connection: Connection, topic: string): Promise<string> {
  const { results } = await connection.request(describeConfigs, {
    resources: [
      {
        resourceType: RESOURCE_TOPIC,
        resourceName: topic,
        configurationKeys: ['retention.ms'],
      },
    ],
  })
  assertAccepted(results[0]!.errorCode, `Configs of ${topic}`)
  return results[0]!.configs[0]!.value ?? ''
}

/** @throws ClientError refused */
export async function takeProducerId(connection: Connection): Promise<number> {
  const answer = await connection.request(initProducerId, {
    transactionalId: null,
    transactionTimeoutMs: 60_000,
  })
  assertAccepted(answer.errorCode, 'Producer id')
  return answer.producerId
}

export interface Membership {
  readonly memberId: string
  readonly generationId: number
}

/** @throws ClientError refused */
export async function commitOffset(
  connection: Connection,
  group: string,
  { topic, partition, offset }: Place & { readonly offset: number },
  { memberId, generationId }: Membership = { memberId: '', generationId: -1 },
): Promise<void> {
  const partitions = [
    { partitionIndex: partition, committedOffset: offset, committedMetadata: null },
  ]
  const answer = await connection.request(
    offsetCommit,
    {
      groupId: group,
      generationIdOrMemberEpoch: generationId,
      memberId,
      topics: [{ name: topic, topicId: '', partitions }],
    },
    { maxVersion: NAMED.offsetCommit },
  )
  assertAccepted(answer.topics[0]!.partitions[0]!.errorCode, `Commit of ${group}`)
}

/** Of each partition, -1 where nothing is committed. @throws ClientError refused */
export async function committedOffsets(
  connection: Connection,
  group: string,
  topic: string,
  partitionIndexes: readonly number[],
): Promise<Map<number, number>> {
  const answer = await connection.request(
    offsetFetch,
    {
      groupId: '',
      topics: null,
      groups: [
        {
          groupId: group,
          topics: [{ name: topic, topicId: '', partitionIndexes: [...partitionIndexes] }],
        },
      ],
      requireStable: false,
    },
    { maxVersion: NAMED.offsetFetch },
  )
  const found = answer.groups[0]!
  assertAccepted(found.errorCode, `Offsets of ${group}`)
  const { partitions } = found.topics[0]!
  return new Map(
    partitions.map(({ partitionIndex, committedOffset }) => [partitionIndex, committedOffset]),
  )
}

/** The partition moved its start past what was asked for. */
export function isOutOfRange(error: unknown): boolean {
  return hasCode(error, ErrorCode.OFFSET_OUT_OF_RANGE)
}

export function hasCode(error: unknown, ...codes: readonly number[]): boolean {
  return error instanceof Error && 'errorCode' in error && codes.includes(Number(error.errorCode))
}
