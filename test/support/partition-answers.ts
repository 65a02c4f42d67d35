// Everything that a broker answers about partitions, asked over the protocol: for comparing two
// brokers over the same folders. Only what a reader sees; batches as bytes.

import { fetch } from '../../src/broker/protocol/01-fetch.ts'
import { listOffsets } from '../../src/broker/protocol/02-list-offsets.ts'
import { offsetFetch } from '../../src/broker/protocol/09-offset-fetch.ts'
import { KafkaClient } from './kafka-client.ts'
import { fetchRequest } from './test-broker.ts'

const READ_UNCOMMITTED = 0
const READ_COMMITTED = 1
const EARLIEST = -2
const LATEST = -1
const MAX_TIMESTAMP = -3

export interface PartitionAnswers {
  readonly logStartOffset: number
  readonly highWatermark: number
  readonly lastStableOffset: number
  /** By isolation level: the offset at the end. */
  readonly ends: readonly number[]
  /** By timestamp: offset and timestamp that were found. */
  readonly byTime: Readonly<Record<string, readonly [offset: number, timestamp: number]>>
  /** By `isolation level/offset`: what reading from there to the end gave. */
  readonly reads: Readonly<Record<string, Read>>
}

interface Read {
  /** Base64 of whole batches. */
  readonly batches: string
  /** `producer id@first offset`, as the answers named them. */
  readonly aborted: readonly string[]
}

/** Asks about partition 0 of each topic, at every offset and at times around every record. */
export async function answersOf(
  address: { host: string; port: number },
  topics: readonly string[],
): Promise<Record<string, PartitionAnswers>> {
  await using client = await KafkaClient.connect(address)
  const answers: Record<string, PartitionAnswers> = {}
  for (const topic of topics) answers[topic] = await answersOfTopic(client, topic)
  return answers
}

async function answersOfTopic(client: KafkaClient, topic: string): Promise<PartitionAnswers> {
  const [start] = await find(client, topic, EARLIEST)
  const [end] = await find(client, topic, LATEST)
  const [stable] = await find(client, topic, LATEST, READ_COMMITTED)
  const reads: Record<string, Read> = {}
  for (const isolation of [READ_UNCOMMITTED, READ_COMMITTED]) {
    for (let offset = start; offset < end; offset++) {
      reads[`${isolation}/${offset}`] = await readFrom(client, topic, offset, isolation)
    }
  }
  const whole = Buffer.from(reads[`${READ_UNCOMMITTED}/${start}`]?.batches ?? '', 'base64')
  const byTime: Record<string, readonly [number, number]> = {}
  for (const time of timesAround(whole)) {
    byTime[`${time}`] = await find(client, topic, time)
    byTime[`${time} committed`] = await find(client, topic, time, READ_COMMITTED)
  }
  const { highWatermark, lastStableOffset, logStartOffset } = await fetchOnce(
    client,
    topic,
    start,
    1,
  )
  return { logStartOffset, highWatermark, lastStableOffset, ends: [end, stable], byTime, reads }
}

function timesAround(batches: Buffer): number[] {
  // None far before the first: Kafka finds nothing there until it has removed deleted segments' files.
  const times = new Set([MAX_TIMESTAMP])
  for (let at = 0; at < batches.length; at += 12 + batches.readInt32BE(at + 8)) {
    const max = Number(batches.readBigInt64BE(at + 35))
    for (const time of [max - 2, max - 1, max, max + 1]) times.add(time)
  }
  return [...times]
}

async function readFrom(client: KafkaClient, topic: string, from: number, isolation: number) {
  const pieces: Buffer[] = []
  const aborted = new Map<number, string>()
  let offset = from
  for (;;) {
    const { records, abortedTransactions } = await fetchOnce(client, topic, offset, isolation)
    for (const { producerId, firstOffset } of abortedTransactions ?? []) {
      aborted.set(firstOffset, `${producerId}@${firstOffset}`)
    }
    if (records === null || records === undefined || records.length === 0) break
    pieces.push(records)
    for (let at = 0; at < records.length; at += 12 + records.readInt32BE(at + 8)) {
      offset = Number(records.readBigInt64BE(at)) + records.readInt32BE(at + 23) + 1
    }
  }
  // Kafka also names some that begin behind what it sends: those concern nobody yet.
  const relevant = [...aborted].filter(([firstOffset]) => firstOffset < offset)
  relevant.sort(([a], [b]) => a - b)
  const batches = Buffer.concat(pieces).toString('base64')
  return { batches, aborted: relevant.map(([, name]) => name) }
}

async function fetchOnce(client: KafkaClient, topic: string, offset: number, isolation: number) {
  const request = fetchRequest(topic, { offset, isolationLevel: isolation })
  const { responses } = await client.send(fetch, 12, request)
  const partition = responses[0]!.partitions[0]!
  if (partition.errorCode !== 0) throw new Error(`${topic} at ${offset}: ${partition.errorCode}`)
  return partition
}

async function find(
  client: KafkaClient,
  topic: string,
  timestamp: number,
  isolationLevel = READ_UNCOMMITTED,
): Promise<readonly [offset: number, timestamp: number]> {
  const partitions = [{ partitionIndex: 0, timestamp }]
  const request = {
    replicaId: -1,
    isolationLevel,
    timeoutMs: 0,
    topics: [{ name: topic, partitions }],
  }
  const { topics } = await client.send(listOffsets, 7, request)
  const found = topics[0]!.partitions[0]!
  if (found.errorCode !== 0) throw new Error(`${topic} at time ${timestamp}: ${found.errorCode}`)
  return [found.offset, found.timestamp]
}

/** What groups committed: `topic/partition`, offset and metadata. */
export async function committedOf(
  address: { host: string; port: number },
  groupIds: readonly string[],
): Promise<Record<string, readonly string[]>> {
  await using client = await KafkaClient.connect(address)
  const request = {
    groupId: '',
    topics: null,
    groups: groupIds.map((groupId) => ({ groupId, topics: null })),
    requireStable: false,
  }
  const { groups } = await client.send(offsetFetch, 8, request)
  const committed = groups.map(({ groupId, topics }) => {
    const lines = topics.flatMap(({ name, partitions }) =>
      partitions.map((p) => `${name}/${p.partitionIndex} ${p.committedOffset} ${p.metadata}`),
    )
    return [groupId, lines.sort()] as const
  })
  return Object.fromEntries(committed)
}
