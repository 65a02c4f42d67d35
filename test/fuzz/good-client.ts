// The good client beside the fuzzer: produces, reads back, is a member of a group and commits. Every
// request of its has to be answered in time and as if it were alone.
import assert from 'node:assert/strict'
import { buildBatch } from '../../src/broker/batch/builder.ts'
import { readBatchSize } from '../../src/broker/batch/header.ts'
import { readRecords } from '../../src/broker/batch/records.ts'
import { ZERO_UUID } from '../../src/broker/bytes/uuid.ts'
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { fetch } from '../../src/broker/protocol/01-fetch.ts'
import { offsetCommit } from '../../src/broker/protocol/08-offset-commit.ts'
import { offsetFetch } from '../../src/broker/protocol/09-offset-fetch.ts'
import { createTopics } from '../../src/broker/protocol/19-create-topics.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { Connection } from '../../src/cli/client/connection.ts'
import { nodeTimers } from '../../src/host/node-host.ts'
import { nodeNet } from '../../src/host/node-net.ts'

const TOPIC = 'unharmed'
const GROUP = 'unharmed-group'
const REQUEST_TIMEOUT_MS = 5000
const PAUSE_MS = 5
const RECORDS_PER_BATCH = 3

export class GoodClient {
  readonly #connection: Connection
  readonly #values: string[] = []
  readonly latenciesMs: number[] = []
  #isStopped = false
  #running: Promise<void> = Promise.resolve()

  private constructor(connection: Connection) {
    this.#connection = connection
  }

  static async start(port: number): Promise<GoodClient> {
    const client = new GoodClient(await openConnection(port, 'good'))
    await client.#makeTopic()
    client.#running = client.#run()
    client.#running.catch(() => undefined) // told by `stop`
    return client
  }

  /** Reads everything once more. @throws what was wrong at any time */
  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#running
    assert.deepEqual(await this.#readFrom(0), this.#values)
    this.#connection.close()
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      const startedAt = performance.now()
      const baseOffset = this.#values.length
      await this.#produce()
      assert.deepEqual(await this.#readFrom(baseOffset), this.#values.slice(baseOffset))
      await this.#commit()
      this.latenciesMs.push(performance.now() - startedAt)
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
    }
  }

  async #makeTopic(): Promise<void> {
    const { topics } = await this.#connection.request(createTopics, {
      topics: [
        {
          name: TOPIC,
          numPartitions: 1,
          replicationFactor: 1,
          assignments: [],
          // What anybody may set for the broker should not reach this topic.
          configs: [
            { name: 'retention.ms', value: '-1' },
            { name: 'retention.bytes', value: '-1' },
            { name: 'cleanup.policy', value: 'delete' },
            { name: 'max.message.bytes', value: '1048588' },
            { name: 'min.insync.replicas', value: '1' },
          ],
        },
      ],
      timeoutMs: REQUEST_TIMEOUT_MS,
    })
    assert.equal(topics[0]!.errorCode, ErrorCode.NONE)
  }

  async #produce(): Promise<void> {
    const baseOffset = this.#values.length
    const values = Array.from({ length: RECORDS_PER_BATCH }, (_, at) => `good ${baseOffset + at}`)
    const records = buildBatch({
      records: values.map((value) => ({
        timestamp: Date.now(),
        key: null,
        value: Buffer.from(value),
      })),
    })
    const partitionData = [{ index: 0, records }]
    const topicData = [{ name: TOPIC, topicId: ZERO_UUID, partitionData }]
    const answer = await this.#connection.request(
      produce,
      { acks: -1, timeoutMs: REQUEST_TIMEOUT_MS, topicData },
      { maxVersion: 12 },
    )
    const result = answer.responses[0]!.partitionResponses[0]!
    assert.equal(result.errorCode, ErrorCode.NONE)
    assert.equal(result.baseOffset, baseOffset)
    this.#values.push(...values)
  }

  async #readFrom(fetchOffset: number): Promise<string[]> {
    const values: string[] = []
    for (;;) {
      const partitions = [
        { partition: 0, fetchOffset: fetchOffset + values.length, partitionMaxBytes: 1_000_000 },
      ]
      const answer = await this.#connection.request(
        fetch,
        {
          maxWaitMs: 0,
          minBytes: 0,
          topics: [{ topic: TOPIC, topicId: ZERO_UUID, partitions }],
          forgottenTopicsData: [],
        },
        { maxVersion: 12 },
      )
      const result = answer.responses[0]!.partitions[0]!
      assert.equal(result.errorCode, ErrorCode.NONE)
      const bytes = result.records ?? Buffer.alloc(0)
      if (bytes.length === 0) return values
      for (let at = 0; at < bytes.length; at += readBatchSize(bytes, at)) {
        for (const { offset, value } of readRecords(
          bytes.subarray(at, at + readBatchSize(bytes, at)),
        )) {
          if (offset >= fetchOffset + values.length) values.push(value!.toString())
        }
      }
    }
  }

  async #commit(): Promise<void> {
    const committedOffset = this.#values.length
    const partitions = [{ partitionIndex: 0, committedOffset, committedMetadata: 'good' }]
    const committed = await this.#connection.request(
      offsetCommit,
      { groupId: GROUP, memberId: '', topics: [{ name: TOPIC, topicId: ZERO_UUID, partitions }] },
      { maxVersion: 9 },
    )
    const { errorCode } = committed.topics[0]!.partitions[0]!
    if (errorCode === ErrorCode.COORDINATOR_LOAD_IN_PROGRESS) return // the first commit of all
    assert.equal(errorCode, ErrorCode.NONE)
    const topics = [{ name: TOPIC, topicId: ZERO_UUID, partitionIndexes: [0] }]
    const answer = await this.#connection.request(
      offsetFetch,
      { groupId: '', topics: null, groups: [{ groupId: GROUP, topics }] },
      { maxVersion: 9 },
    )
    const stored = answer.groups[0]!.topics[0]!.partitions[0]!
    assert.equal(stored.committedOffset, committedOffset)
    assert.equal(stored.metadata, 'good')
  }
}

export function openConnection(port: number, clientId: string): Promise<Connection> {
  return Connection.open({
    address: { host: '127.0.0.1', port },
    clientId,
    net: nodeNet,
    timers: nodeTimers,
    requestTimeoutMs: REQUEST_TIMEOUT_MS,
  })
}
