// What the codec of declared messages costs per request: `node bench/micro/codec.ts`.
// Best of many short rounds, so that a busy machine shows in the spread and not in the figure.

import { produce } from '../../src/broker/protocol/00-produce.ts'
import { fetch } from '../../src/broker/protocol/01-fetch.ts'
import { metadata } from '../../src/broker/protocol/03-metadata.ts'
import { heartbeat } from '../../src/broker/protocol/12-heartbeat.ts'
import {
  decodeRequest,
  decodeRequestHeader,
  encodeRequest,
  encodeResponse,
} from '../../src/broker/protocol/frames.ts'

const ROUNDS = 25
const BATCH = Buffer.alloc(16 * 1024, 1)
const TOPIC_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'
const client = { correlationId: 1, clientId: 'client-1' }

function unframe(chunks: readonly Buffer[]): Buffer {
  return Buffer.concat(chunks).subarray(4)
}

function measure(name: string, times: number, work: () => unknown): void {
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint()
    for (let time = 0; time < times; time++) work()
    rounds.push(Number(process.hrtime.bigint() - start) / times)
  }
  rounds.sort((a, b) => a - b)
  const [best, median] = [rounds[0]!, rounds[ROUNDS >> 1]!]
  console.log(`${name.padEnd(48)} best ${best.toFixed(0)} ns, median ${median.toFixed(0)} ns`)
}

function times<Value>(count: number, make: (index: number) => Value): Value[] {
  return Array.from({ length: count }, (_, index) => make(index))
}

for (const partitions of [1, 8]) {
  const produceFrame = unframe(
    encodeRequest(
      produce,
      { apiVersion: 12, ...client },
      {
        transactionalId: null,
        acks: -1,
        timeoutMs: 30_000,
        topicData: [
          {
            name: 'events',
            topicId: TOPIC_ID,
            partitionData: times(partitions, (index) => ({ index, records: BATCH })),
          },
        ],
      },
    ),
  )
  measure(`Produce v12 request, ${partitions} x 16 KB, decode`, 5000, () =>
    decodeRequest(produce, decodeRequestHeader(produceFrame), produceFrame),
  )
  const produced = times(partitions, (index) => ({
    index,
    errorCode: 0,
    baseOffset: 1_234_567,
    logStartOffset: 0,
    recordErrors: [],
  }))
  measure(`Produce v12 response, ${partitions} partitions, encode`, 5000, () =>
    encodeResponse(produce, 12, 1, {
      responses: [{ name: 'events', topicId: TOPIC_ID, partitionResponses: produced }],
    }),
  )
  const fetchFrame = unframe(
    encodeRequest(
      fetch,
      { apiVersion: 17, ...client },
      {
        maxWaitMs: 500,
        minBytes: 1,
        topics: [
          {
            topic: 'events',
            topicId: TOPIC_ID,
            partitions: times(partitions, (partition) => ({
              partition,
              fetchOffset: 1_234_567,
              partitionMaxBytes: 1 << 20,
            })),
          },
        ],
        forgottenTopicsData: [],
      },
    ),
  )
  measure(`Fetch v17 request, ${partitions} partitions, decode`, 5000, () =>
    decodeRequest(fetch, decodeRequestHeader(fetchFrame), fetchFrame),
  )
  const fetched = times(partitions, (partitionIndex) => ({
    partitionIndex,
    errorCode: 0,
    highWatermark: 1_234_567,
    abortedTransactions: null,
    records: BATCH,
  }))
  measure(`Fetch v17 response, ${partitions} x 16 KB, encode`, 5000, () =>
    encodeResponse(fetch, 17, 1, {
      errorCode: 0,
      responses: [{ topic: 'events', topicId: TOPIC_ID, partitions: fetched }],
    }),
  )
}

const beat = { groupId: 'group', generationId: 1, memberId: 'member-1', groupInstanceId: null }
const beatFrame = unframe(encodeRequest(heartbeat, { apiVersion: 4, ...client }, beat))
measure('Heartbeat v4 request, decode', 10_000, () =>
  decodeRequest(heartbeat, decodeRequestHeader(beatFrame), beatFrame),
)

const topics = times(10_000, (index) => ({
  errorCode: 0,
  name: `topic-${index}`,
  topicId: TOPIC_ID,
  partitions: times(4, (partitionIndex) => ({
    errorCode: 0,
    partitionIndex,
    leaderId: 1,
    replicaNodes: [1],
    isrNodes: [1],
    offlineReplicas: [],
  })),
}))
measure('Metadata v12 response, 10,000 topics x 4, encode', 1, () =>
  encodeResponse(metadata, 12, 1, {
    brokers: [{ nodeId: 1, host: '127.0.0.1', port: 9092 }],
    topics,
    errorCode: 0,
  }),
)
