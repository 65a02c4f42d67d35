// What members of a classic group tell each other through the coordinator, which does not read it:
// subscriptions for the leader, assignments for everybody. Source: Kafka's ConsumerProtocol, KIP-429
// (owned partitions), KIP-792 (their generation). Versions 0 to 3 are read; 2 is written.

import { Reader, Writer } from '@platformatic/kafka'
import type { TopicPartition } from '../../sdk/transport/group-member.ts'

export interface Subscription {
  readonly topics: readonly string[]
  readonly owned: readonly TopicPartition[]
  /** -1: of none. */
  readonly generation: number
}

/** The name under which Kafka's own clients share out in the same way. */
export const ASSIGNOR = 'cooperative-sticky'

const SUBSCRIPTION_VERSION = 2
const ASSIGNMENT_VERSION = 0
const NO_GENERATION = -1
const GENERATION_BYTES = 4

export function encodeSubscription({ topics, owned, generation }: Subscription): Buffer {
  const writer = Writer.create()
    .appendInt16(SUBSCRIPTION_VERSION)
    .appendArray([...topics], (each, topic) => each.appendString(topic, false), false, false)
  // Older members look for the generation in the assignor's own data.
  writer.appendInt32(GENERATION_BYTES).appendInt32(generation)
  return appendPlaces(writer, owned).appendInt32(generation).buffer
}

export function decodeSubscription(bytes: Buffer): Subscription {
  const reader = Reader.from(bytes)
  const version = reader.readInt16()
  const topics = reader.readArray((each) => each.readString(false), false, false)
  const userData = reader.readNullableBytes(false)
  const owned = version >= 1 ? readPlaces(reader) : []
  const generation =
    version >= 2
      ? reader.readInt32()
      : userData !== null && userData.length >= GENERATION_BYTES
        ? userData.readInt32BE(userData.length - GENERATION_BYTES)
        : NO_GENERATION
  return { topics, owned, generation }
}

export function encodeAssignment(places: readonly TopicPartition[]): Buffer {
  const writer = Writer.create().appendInt16(ASSIGNMENT_VERSION)
  return appendPlaces(writer, places).appendInt32(-1).buffer // no data of the assignor's own
}

/** An empty one stands for nothing: so it comes to a member that the leader did not know of. */
export function decodeAssignment(bytes: Buffer): readonly TopicPartition[] {
  if (bytes.length === 0) return []
  const reader = Reader.from(bytes)
  reader.readInt16()
  return readPlaces(reader)
}

function appendPlaces(writer: Writer, places: readonly TopicPartition[]): Writer {
  const topics = [...Map.groupBy(places, ({ topic }) => topic)]
  return writer.appendArray(
    topics,
    (each, [topic, ofTopic]) => {
      const partitions = ofTopic.map(({ partition }) => partition)
      each
        .appendString(topic, false)
        .appendArray(partitions, (inner, partition) => inner.appendInt32(partition), false, false)
    },
    false,
    false,
  )
}

function readPlaces(reader: Reader): readonly TopicPartition[] {
  return reader
    .readArray(
      (each) => {
        const topic = each.readString(false)
        return each.readArray((inner) => ({ topic, partition: inner.readInt32() }), false, false)
      },
      false,
      false,
    )
    .flat()
}
