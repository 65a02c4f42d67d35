// The requests that are sent, each in one version: new enough for what is promised here, old enough
// for Apache Kafka 2.8. Produce and Fetch have codecs of their own, so that batches stay bytes.

import {
  type API,
  addOffsetsToTxnV3,
  addPartitionsToTxnV3,
  apiVersionsV3,
  consumerGroupHeartbeatV1,
  createAPI,
  createTopicsV5,
  endTxnV3,
  fetchV12,
  findCoordinatorV3,
  heartbeatV4,
  initProducerIdV4,
  joinGroupV7,
  leaveGroupV4,
  listGroupsV4,
  listOffsetsV5,
  metadataV10,
  type metadataV12,
  offsetCommitV8,
  offsetCommitV9,
  offsetFetchV7,
  produceV9,
  type Reader,
  syncGroupV5,
  txnOffsetCommitV3,
  Writer,
} from '@platformatic/kafka'

export interface ProducePartition {
  readonly topic: string
  readonly partition: number
  readonly batch: Buffer
}

export interface FetchedBytes
  extends Pick<
    fetchV12.FetchResponsePartition,
    'errorCode' | 'lastStableOffset' | 'logStartOffset' | 'abortedTransactions'
  > {
  readonly topic: string
  readonly partition: number
  readonly bytes: Buffer
}

const ALL_REPLICAS = -1

const produce = createAPI<
  [transactionalId: string | null, timeoutMs: number, partitions: readonly ProducePartition[]],
  produceV9.ProduceResponse
>(0, 9, writeProduce, produceV9.parseResponse)

const fetch = createAPI<Parameters<typeof fetchV12.createRequest>, readonly FetchedBytes[]>(
  1,
  12,
  fetchV12.createRequest,
  (_correlationId, _apiKey, _apiVersion, reader) => readFetch(reader),
)

/** The library's types are as wide as all versions together. */
const metadata: Pick<
  API<[topics: string[], isCreating: boolean], metadataV12.MetadataResponse>,
  'async' | 'key' | 'version'
> = metadataV10.api

export const apis = {
  produce,
  fetch,
  listOffsets: listOffsetsV5.api,
  metadata,
  offsetCommit: offsetCommitV8.api,
  offsetFetch: offsetFetchV7.api,
  findCoordinator: findCoordinatorV3.api,
  joinGroup: joinGroupV7.api,
  heartbeat: heartbeatV4.api,
  leaveGroup: leaveGroupV4.api,
  syncGroup: syncGroupV5.api,
  listGroups: listGroupsV4.api,
  apiVersions: apiVersionsV3.api,
  createTopics: createTopicsV5.api,
  initProducerId: initProducerIdV4.api,
  addPartitionsToTxn: addPartitionsToTxnV3.api,
  addOffsetsToTxn: addOffsetsToTxnV3.api,
  endTxn: endTxnV3.api,
  txnOffsetCommit: txnOffsetCommitV3.api,
} as const

/** What a cluster needs besides for groups of the new protocol (KIP-848). */
export const newGroupApis = {
  consumerGroupHeartbeat: consumerGroupHeartbeatV1.api,
  offsetCommit: offsetCommitV9.api,
} as const

function writeProduce(
  transactionalId: string | null,
  timeoutMs: number,
  partitions: readonly ProducePartition[],
): Writer {
  const topics = Map.groupBy(partitions, ({ topic }) => topic)
  return Writer.create()
    .appendString(transactionalId)
    .appendInt16(ALL_REPLICAS)
    .appendInt32(timeoutMs)
    .appendArray([...topics], (writer, [topic, ofTopic]) => {
      writer.appendString(topic).appendArray(ofTopic, (each, { partition, batch }) => {
        each
          .appendInt32(partition)
          .appendUnsignedVarInt(batch.length + 1)
          .append(batch)
      })
    })
    .appendTaggedFields()
}

/**
 * Fetch answer of version 12. Its records stay bytes, and an error stays with its partition.
 */
function readFetch(reader: Reader): readonly FetchedBytes[] {
  const fetched: FetchedBytes[] = []
  reader.readInt32() // throttle time
  const errorCode = reader.readInt16()
  reader.readInt32() // session id
  reader.readArray((ofTopic) => {
    const topic = ofTopic.readString()
    ofTopic.readArray((each) => {
      fetched.push(readPartition(topic, each, errorCode))
    })
  })
  return fetched
}

function readPartition(topic: string, reader: Reader, ofRequest: number): FetchedBytes {
  const partition = reader.readInt32()
  const errorCode = reader.readInt16()
  reader.readInt64() // high watermark
  const lastStableOffset = reader.readInt64()
  const logStartOffset = reader.readInt64()
  const abortedTransactions = reader.readNullableArray((each) => ({
    producerId: each.readInt64(),
    firstOffset: each.readInt64(),
  }))
  reader.readInt32() // preferred read replica
  const length = Math.max(0, reader.readUnsignedVarInt() - 1)
  const bytes = reader.buffer.slice(reader.position, reader.position + length)
  reader.skip(length)
  return {
    topic,
    partition,
    errorCode: ofRequest === 0 ? errorCode : ofRequest,
    lastStableOffset,
    logStartOffset,
    abortedTransactions,
    bytes,
  }
}
