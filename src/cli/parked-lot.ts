// The parking lot of a group as the command sees it: the records of its topic, read once, and the
// requests that are written for the owners of the partitions. Works on any broker.

import { ErrorCode } from '../broker/wire/error-codes.ts'
import { nodeRandom } from '../host/node-host.ts'
import type { LotEntry } from '../sdk/messaging/parking/lot-entry.ts'
import type { LotRequest } from '../sdk/messaging/parking/lot-request.ts'
import { LotState } from '../sdk/messaging/parking/lot-state.ts'
import {
  type ParkedEvent,
  parkedTopic,
  readLotRecord,
  requestRecord,
} from '../sdk/messaging/parking/parked-record.ts'
import { positionKey } from '../sdk/messaging/parking/position-key.ts'
import { ClientError } from './client/client-error.ts'
import type { Cluster, TopicPartition } from './client/cluster.ts'
import { describeGroup } from './client/describe-group.ts'
import { fetchRecords } from './client/fetch.ts'
import { Producer } from './client/producer.ts'
import { choosePartitions } from './partition-choice.ts'
import { resolvePositions } from './resolve-position.ts'

export interface ParkedLot {
  readonly group: string
  readonly topic: string
  /** By source partition, ordered by topic and partition. */
  readonly sources: readonly ParkedSource[]
  /** Events of partition p lie in partition p mod so many. */
  readonly partitions: number
}

export interface ParkedSource {
  readonly source: TopicPartition
  readonly state: LotState
  event(entry: LotEntry): ParkedEvent
}

/**
 * @param keepsValue of events whose values are wanted: a lot may be large
 * @returns a lot without sources when the group never parked anything
 */
export async function readLot(
  cluster: Cluster,
  group: string,
  keepsValue: (position: string) => boolean = () => false,
): Promise<ParkedLot> {
  const topic = parkedTopic(group)
  const ranges = await wholeTopic(cluster, topic)
  const sources = new Map<string, { source: TopicPartition; state: LotState }>()
  const events = new Map<string, ParkedEvent>()
  let partitions = 1
  for await (const fetched of fetchRecords(cluster, ranges, { isolation: 'read_committed' })) {
    for (const { offset, timestamp, key, value, headers } of fetched.records) {
      const place = { topic, partition: fetched.partition, offset, timestampMs: timestamp }
      const read = readLotRecord({ ...place, key, value, headers })
      if (read.kind === 'layout') partitions = read.partitions
      if (read.kind === 'layout' || read.kind === 'foreign') continue
      const { topic: name, partition } = read.kind === 'parked' ? read.event.record : read.source
      const known = sources.get(`${name}/${partition}`)
      const state = known?.state ?? new LotState()
      if (known === undefined) {
        sources.set(`${name}/${partition}`, { source: { topic: name, partition }, state })
      }
      state.apply(read, offset)
      if (read.kind === 'parked') {
        const position = positionKey(read.event.record)
        events.set(position, keepsValue(position) ? read.event : withoutValue(read.event))
      }
    }
  }
  const sorted = [...sources.values()].sort((a, b) => comparePlaces(a.source, b.source))
  const event = (entry: LotEntry) => events.get(positionKey(entry.source))!
  return { group, topic, partitions, sources: sorted.map((found) => ({ ...found, event })) }
}

/** Asks the owners of these source partitions. Resolves once the requests are durable. */
export async function askOwners(
  cluster: Cluster,
  lot: ParkedLot,
  asked: { sources: readonly TopicPartition[]; request: LotRequest },
): Promise<void> {
  const producer = await Producer.open(cluster, { isIdempotent: true })
  const id = nodeRandom.uuid()
  const written = asked.sources.map((source) => {
    const { key, value } = requestRecord(source, id, asked.request)
    const partition = source.partition % lot.partitions
    return producer.send({ topic: lot.topic, partition, key: buffer(key), value: buffer(value) })
  })
  await Promise.all(written)
}

/** Whether somebody is there to act on a request. */
export async function hasMembers(cluster: Cluster, group: string): Promise<boolean> {
  return (await describeGroup(cluster, group)).members.length > 0
}

async function wholeTopic(cluster: Cluster, topic: string) {
  try {
    const partitions = await choosePartitions(cluster, [topic], undefined)
    const isolation = 'read_committed'
    const resolved = await resolvePositions(cluster, partitions, {
      position: { kind: 'start' },
      isolation,
    })
    return resolved.map(({ partition, offset, endOffset }) => {
      return { topic, partition, fromOffset: offset, endOffset }
    })
  } catch (error) {
    const isMissing =
      error instanceof ClientError && error.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION
    if (isMissing) return []
    throw error
  }
}

function withoutValue(event: ParkedEvent): ParkedEvent {
  return { ...event, record: { ...event.record, value: null } }
}

function comparePlaces(a: TopicPartition, b: TopicPartition): number {
  if (a.topic !== b.topic) return a.topic < b.topic ? -1 : 1
  return a.partition - b.partition
}

function buffer(bytes: Uint8Array | null): Buffer | null {
  return bytes === null ? null : Buffer.from(bytes)
}
