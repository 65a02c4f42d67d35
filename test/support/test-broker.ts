// A broker for one test: in memory, on a free port of loopback, closed when the test ends.

import type { TestContext } from 'node:test'
import { buildBatch, type NewBatch, type NewRecord } from '../../src/broker/batch/builder.ts'
import { readRecords } from '../../src/broker/batch/records.ts'
import { type Broker, type BrokerOptions, startBroker } from '../../src/broker/broker.ts'
import { ZERO_UUID } from '../../src/broker/bytes/uuid.ts'
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { fetch } from '../../src/broker/protocol/01-fetch.ts'
import { createTopics } from '../../src/broker/protocol/19-create-topics.ts'
import { KafkaClient } from './kafka-client.ts'

export interface TestBroker {
  readonly broker: Broker
  /** Entries of the broker's log. */
  readonly entries: Record<string, unknown>[]
  connect(): Promise<KafkaClient>
}

export async function startTestBroker(
  t: TestContext,
  options: Partial<BrokerOptions> = {},
): Promise<TestBroker> {
  const entries: Record<string, unknown>[] = []
  const place = options.folder !== undefined || options.host !== undefined ? {} : MEMORY
  const broker = await startBroker({
    ...place,
    listen: '127.0.0.1:0',
    onLog: (line) => entries.push(JSON.parse(line)),
    ...options,
  })
  t.after(() => broker.close())
  const connect = async () => {
    const client = await KafkaClient.connect(broker.addresses[0]!)
    t.after(() => client[Symbol.asyncDispose]())
    return client
  }
  return { broker, entries, connect }
}

const MEMORY = { memory: { maxBytes: 64 * 1024 * 1024 } } as const

/** Makes a topic and returns its id. */
export async function makeTopic(
  client: KafkaClient,
  name: string,
  { partitions = 1, configs = {} }: { partitions?: number; configs?: Record<string, string> } = {},
): Promise<string> {
  const { topics } = await client.send(createTopics, 7, {
    topics: [
      {
        name,
        numPartitions: partitions,
        replicationFactor: 1,
        assignments: [],
        configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
      },
    ],
    timeoutMs: 10_000,
  })
  const topic = topics[0]!
  if (topic.errorCode !== 0) throw new Error(`${name}: ${topic.errorCode} ${topic.errorMessage}`)
  return topic.topicId
}

/** A batch of one record for each text. */
export function batchOf(texts: readonly string[], rest: Partial<NewBatch> = {}): Buffer {
  return buildBatch({ records: texts.map((text) => recordOf(text)), ...rest })
}

export function recordOf(text: string, timestamp = Date.now()): NewRecord {
  return { timestamp, key: null, value: Buffer.from(text) }
}

/** A produce request for one partition, topics by name (v3 to v12). */
export function produceRequest(
  topic: string,
  records: Buffer | null,
  { partition = 0, acks = -1, timeoutMs = 10_000 } = {},
) {
  return {
    acks,
    timeoutMs,
    topicData: [
      { name: topic, topicId: ZERO_UUID, partitionData: [{ index: partition, records }] },
    ],
  }
}

/** Produces to one partition and returns what became of it. */
export async function produceTo(
  client: KafkaClient,
  topic: string,
  records: Buffer | null,
  { version = 12, ...rest }: { version?: number; partition?: number; acks?: number } = {},
) {
  const { responses } = await client.send(produce, version, produceRequest(topic, records, rest))
  return responses[0]!.partitionResponses[0]!
}

interface FetchSettings {
  readonly partition?: number
  readonly offset?: number
  readonly maxWaitMs?: number
  readonly minBytes?: number
  readonly maxBytes?: number
  readonly partitionMaxBytes?: number
  readonly isolationLevel?: number
}

/** A fetch of one partition without a session, topics by name (v4 to v12). */
export function fetchRequest(topic: string, settings: FetchSettings = {}) {
  const { partition = 0, offset = 0, partitionMaxBytes = 1_000_000, ...rest } = settings
  return {
    maxWaitMs: 0,
    minBytes: 1,
    ...rest,
    topics: [
      {
        topic,
        topicId: ZERO_UUID,
        partitions: [{ partition, fetchOffset: offset, partitionMaxBytes }],
      },
    ],
    forgottenTopicsData: [],
  }
}

/** Fetches one partition without a session. */
export async function fetchFrom(
  client: KafkaClient,
  topic: string,
  { version = 12, ...settings }: FetchSettings & { version?: number } = {},
) {
  const { responses } = await client.send(fetch, version, fetchRequest(topic, settings))
  return responses[0]!.partitions[0]!
}

/** Values of all records in the batches, as text. */
export function valuesIn(batches: Buffer | null): string[] {
  const values: string[] = []
  for (let at = 0; batches !== null && at < batches.length; ) {
    const size = 12 + batches.readInt32BE(at + 8)
    for (const { value } of readRecords(batches.subarray(at, at + size))) {
      values.push(value?.toString() ?? '')
    }
    at += size
  }
  return values
}

/** Resolves when the condition holds, looked at once per turn of the event loop. @throws after 10 s */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 10_000
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never came true: ${condition}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
