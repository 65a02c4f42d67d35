// What a benchmark asks of a broker besides load: a topic, and how soon the first record is taken.
import { buildBatch } from '../../src/broker/batch/builder.ts'
import { type Bootstrap, LoadConnection } from './connection.ts'
import {
  createTopicRequest,
  deleteTopicRequest,
  metadataError,
  metadataRequest,
  produceError,
  produceRequest,
  topicError,
} from './requests.ts'

const RETRY_MS = 5
const DEADLINE_MS = 60_000

export async function createTopic(
  bootstrap: Bootstrap,
  topic: string,
  partitions: number,
  configs: Record<string, string>,
): Promise<void> {
  const connection = await LoadConnection.open(bootstrap)
  const error = topicError(await connection.send(createTopicRequest(topic, partitions, configs)))
  if (error !== 0) throw new Error(`creating ${topic} was answered with error ${error}`)
  // Kafka answers before the topic can be written to: wait until a record is taken.
  await untilTaken(connection, topic, partitions)
  connection.close()
}

/** An event store, which takes no record without a key: nothing is written to try it. */
export async function createStore(bootstrap: Bootstrap, topic: string): Promise<void> {
  const connection = await LoadConnection.open(bootstrap)
  const request = createTopicRequest(topic, 1, { 'millrace.store': 'true' })
  const error = topicError(await connection.send(request))
  if (error !== 0) throw new Error(`creating ${topic} was answered with error ${error}`)
  connection.close()
}

/** What a row wrote must not be in the next one's way. */
export async function deleteTopic(bootstrap: Bootstrap, topic: string): Promise<void> {
  const connection = await LoadConnection.open(bootstrap)
  const error = topicError(await connection.send(deleteTopicRequest(topic)))
  if (error !== 0) throw new Error(`deleting ${topic} was answered with error ${error}`)
  connection.close()
}

/** Retries from connecting on, until a record is acknowledged with acks=all. */
export async function untilFirstRecord(bootstrap: Bootstrap, topic: string): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  while (performance.now() < deadline) {
    try {
      const connection = await LoadConnection.open(bootstrap)
      while (metadataError(await connection.send(metadataRequest(topic))) !== 0) await pause()
      await untilTaken(connection, topic, 1)
      connection.close()
      return
    } catch {
      await pause() // not listening yet, or it closed the connection while starting
    }
  }
  throw new Error('no record was acknowledged in time')
}

async function untilTaken(
  connection: LoadConnection,
  topic: string,
  partitions: number,
): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS
  const record = { key: null, value: Buffer.from('first'), timestamp: Date.now(), headers: [] }
  const batch = buildBatch({ records: [record] })
  for (let partition = 0; partition < partitions; partition++) {
    const frame = produceRequest(topic, -1, [{ partition, batch }])
    while (produceError(await connection.send(frame)) !== 0) {
      if (performance.now() > deadline) throw new Error(`${topic}-${partition} takes no record`)
      await pause()
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, RETRY_MS))
}
