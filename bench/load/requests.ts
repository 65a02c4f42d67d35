// The few requests that the load generator sends, in versions without flexible fields, which Apache
// Kafka 4 and Millrace both take, written by hand so that preparing them costs next to nothing.
import { Reader } from '../../src/broker/bytes/reader.ts'
import { Writer } from '../../src/broker/bytes/writer.ts'

/** A whole frame; the correlation id (bytes 8..11) is patched when it is sent. */
function request(apiKey: number, apiVersion: number, body: (writer: Writer) => void): Buffer {
  const writer = new Writer(1024)
  writer.int32(0)
  writer.int16(apiKey)
  writer.int16(apiVersion)
  writer.int32(0)
  string(writer, 'bench')
  body(writer)
  const frame = Buffer.concat(writer.chunks())
  frame.writeInt32BE(frame.length - 4, 0)
  return frame
}

function string(writer: Writer, text: string): void {
  const bytes = Buffer.byteLength(text)
  writer.int16(bytes)
  writer.utf8(text, bytes)
}

/** Metadata v4 with automatic creation. */
export function metadataRequest(topic: string): Buffer {
  return request(3, 4, (writer) => {
    writer.int32(1)
    string(writer, topic)
    writer.boolean(true)
  })
}

/** The error code of the topic in a Metadata v4 answer. */
export function metadataError(response: Buffer): number {
  const reader = new Reader(response, 4)
  reader.int32() // throttle time
  const brokers = reader.int32()
  for (let index = 0; index < brokers; index++) {
    reader.int32()
    reader.skip(reader.int16())
    reader.int32()
    reader.skip(Math.max(0, reader.int16()))
  }
  reader.skip(Math.max(0, reader.int16())) // cluster id
  reader.int32() // controller
  reader.int32() // topics
  return reader.int16()
}

/** CreateTopics v4. */
export function createTopicRequest(
  topic: string,
  partitions: number,
  configs: Record<string, string>,
): Buffer {
  return request(19, 4, (writer) => {
    writer.int32(1)
    string(writer, topic)
    writer.int32(partitions)
    writer.int16(1)
    writer.int32(0) // assignments
    const entries = Object.entries(configs)
    writer.int32(entries.length)
    for (const [name, value] of entries) {
      string(writer, name)
      string(writer, value)
    }
    writer.int32(30_000)
    writer.boolean(false)
  })
}

/** The error code in an answer to CreateTopics v4, or DeleteTopics v3, of one topic. */
export function topicError(response: Buffer): number {
  const reader = new Reader(response, 4)
  reader.int32() // throttle time
  reader.int32() // topics
  reader.skip(reader.int16())
  return reader.int16()
}

/** DeleteTopics v3. */
export function deleteTopicRequest(topic: string): Buffer {
  return request(20, 3, (writer) => {
    writer.int32(1)
    string(writer, topic)
    writer.int32(30_000)
  })
}

/** Produce v7: one batch for each partition. */
export function produceRequest(
  topic: string,
  acks: number,
  batches: readonly { partition: number; batch: Buffer }[],
): Buffer {
  return request(0, 7, (writer) => {
    writer.int16(-1) // no transactional id
    writer.int16(acks)
    writer.int32(30_000)
    writer.int32(1)
    string(writer, topic)
    writer.int32(batches.length)
    for (const { partition, batch } of batches) {
      writer.int32(partition)
      writer.int32(batch.length)
      writer.bytes(batch)
    }
  })
}

/** The first error code in a Produce v7 answer; 0 when all went well. */
export function produceError(response: Buffer): number {
  const reader = new Reader(response, 4)
  const topics = reader.int32()
  for (let topic = 0; topic < topics; topic++) {
    reader.skip(reader.int16())
    const partitions = reader.int32()
    for (let index = 0; index < partitions; index++) {
      reader.int32()
      const error = reader.int16()
      if (error !== 0) return error
      reader.skip(8 + 8 + 8) // base offset, log append time, log start offset
    }
  }
  return 0
}

/** Where the only batch of a Produce v7 request that went well begins. */
export function producedOffset(response: Buffer): number {
  const reader = new Reader(response, 4)
  reader.int32() // topics
  reader.skip(reader.int16())
  reader.int32() // partitions
  reader.skip(4 + 2) // partition, error
  return reader.int64()
}

/** Fetch v11 without a session. */
export function fetchRequest(
  topic: string,
  positions: readonly { partition: number; offset: number }[],
  options: { maxWaitMs: number; minBytes: number; partitionMaxBytes: number },
): Buffer {
  return request(1, 11, (writer) => {
    writer.int32(-1) // not a replica
    writer.int32(options.maxWaitMs)
    writer.int32(options.minBytes)
    writer.int32(52_428_800)
    writer.int8(0) // read uncommitted
    writer.int32(0) // no session
    writer.int32(-1)
    writer.int32(1)
    string(writer, topic)
    writer.int32(positions.length)
    for (const { partition, offset } of positions) {
      writer.int32(partition)
      writer.int32(-1) // leader epoch unknown
      writer.int64(offset)
      writer.int64(-1)
      writer.int32(options.partitionMaxBytes)
    }
    writer.int32(0) // forgotten topics
    string(writer, '') // rack
  })
}

export interface FetchedPartition {
  readonly partition: number
  readonly error: number
  readonly highWatermark: number
  readonly records: Buffer
}

export function fetchedPartitions(response: Buffer): FetchedPartition[] {
  const reader = new Reader(response, 4)
  reader.int32() // throttle time
  const error = reader.int16()
  if (error !== 0) throw new Error(`fetch was answered with error ${error}`)
  reader.int32() // session
  const partitions: FetchedPartition[] = []
  const topics = reader.int32()
  for (let topic = 0; topic < topics; topic++) {
    reader.skip(reader.int16())
    const count = reader.int32()
    for (let index = 0; index < count; index++) {
      const partition = reader.int32()
      const code = reader.int16()
      const highWatermark = reader.int64()
      reader.skip(16) // last stable offset, log start offset
      reader.skip(Math.max(0, reader.int32()) * 16) // aborted transactions
      reader.int32() // preferred replica
      const records = reader.bytes(Math.max(0, reader.int32()))
      partitions.push({ partition, error: code, highWatermark, records })
    }
  }
  return partitions
}

/** Offset after the last whole batch in fetched bytes, and how many batches there are. */
export function endOfBatches(
  records: Buffer,
  startOffset: number,
): { nextOffset: number; lastBatchAt: number } {
  let at = 0
  let nextOffset = startOffset
  let lastBatchAt = -1
  while (at + 61 <= records.length) {
    const size = 12 + records.readInt32BE(at + 8)
    if (at + size > records.length) break
    nextOffset = Number(records.readBigInt64BE(at)) + records.readInt32BE(at + 23) + 1
    lastBatchAt = at
    at += size
  }
  return { nextOffset, lastBatchAt }
}
