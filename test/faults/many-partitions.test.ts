// Ten thousand partitions in one process that may have 1,024 files and sockets open: all of them are
// written and read beside hundreds of connections, and they are all there after a kill and after a
// stop. What they cost is counted, not timed: how long a disk takes is its own affair.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { ZERO_UUID } from '../../src/broker/bytes/uuid.ts'
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { fetch } from '../../src/broker/protocol/01-fetch.ts'
import { listOffsets } from '../../src/broker/protocol/02-list-offsets.ts'
import { metadata } from '../../src/broker/protocol/03-metadata.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { BrokerProcess } from '../crash/broker-process.ts'
import { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, makeTopic, valuesIn } from '../support/test-broker.ts'
import { startFaultyBroker } from './faulty-broker.ts'

const OPEN_FILES = 1024
const IDLE_CONNECTIONS = 400
const TOPICS = Array.from({ length: 10 }, (_, index) => `topic-${index}`)
const PARTITIONS = Array.from({ length: 1000 }, (_, index) => index)
const EVERYWHERE = TOPICS.length * PARTITIONS.length
const LATEST = -1

describe('ten thousand partitions', () => {
  it(`are served by a process of ${OPEN_FILES} open files, killed and stopped in between`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-many-'))
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    const first = await startServed(t, folder)
    for (const topic of TOPICS) {
      await makeTopic(first.client, topic, { partitions: PARTITIONS.length })
    }
    assert.equal(await countOnline(first.client), EVERYWHERE)
    await produceEverywhere(first.client, 'before the kill')
    assert.deepEqual(await readEverywhere(first.client), ['before the kill'])

    await first.broker.kill()
    const second = await startServed(t, folder)
    const afterKill = await readEverywhere(second.client)
    await produceEverywhere(second.client, 'after the kill')
    await second.broker.stop()
    const third = await startServed(t, folder)
    const endOffsets = await listEndOffsets(third.client)
    const afterStop = await readEverywhere(third.client)

    assert.deepEqual(afterKill, ['before the kill'])
    assert.deepEqual(endOffsets, [2])
    assert.deepEqual(afterStop, ['before the kill,after the kill'])
    for (const { broker } of [first, second, third]) {
      assert.match(broker.output, /"open files":1024/)
      assert.doesNotMatch(broker.output, /EMFILE|too-many-files|partition-offline/)
    }
    const ms = [second, third].map(({ broker }) => Math.round(broker.readyMs))
    t.diagnostic(`ready ${ms[0]} ms after the kill, ${ms[1]} ms after the stop`)
  })

  it('take a few syncs to be made, however many they are, and no folder until they are used', async (t) => {
    const syncs = []
    for (const partitions of [1, 5000]) {
      const { connect, disk } = await startFaultyBroker(t)
      const client = await connect()
      await makeTopic(client, 'before')
      const before = countSyncs(disk)

      await makeTopic(client, 'many', { partitions })

      syncs.push(countSyncs(disk) - before)
      assert.deepEqual(await disk.list('topics'), [])
    }
    assert.equal(syncs[0], syncs[1])
  })

  it('are taken at their word after a clean stop: none of their files is opened', async (t) => {
    const started = await startFaultyBroker(t)
    const client = await started.connect()
    await makeTopic(client, TOPICS[0]!, { partitions: PARTITIONS.length })
    await produceEverywhere(client, 'x', [TOPICS[0]!])
    const { disk } = started
    const ofPartitions = /^topics\/topic-/
    const opens = () => disk.count('open', ofPartitions) + disk.count('read', ofPartitions)
    await started.broker.close()
    const files = await disk.list(`topics/${TOPICS[0]}-0`)
    const before = opens()

    const again = await started.restart()

    assert.equal(opens(), before)
    // What helps to read a log is not worth its files while one read covers all of it.
    assert.deepEqual(files.toSorted(), [
      '00000000000000000000.log',
      'leader-epoch-checkpoint',
      'partition.metadata',
    ])
    assert.deepEqual(await readEverywhere(await again.connect(), [TOPICS[0]!]), ['x'])
  })
})

async function startServed(t: TestContext, folder: string) {
  const broker = await BrokerProcess.start({ folder, port: 0, openFiles: OPEN_FILES })
  t.after(() => broker.kill())
  const address = { host: '127.0.0.1', port: broker.port }
  const connect = async () => {
    const client = await KafkaClient.connect(address)
    t.after(() => client[Symbol.asyncDispose]())
    return client
  }
  for (let count = 0; count < IDLE_CONNECTIONS; count++) await connect()
  return { broker, client: await connect() }
}

async function countOnline(client: KafkaClient): Promise<number> {
  const { topics } = await client.send(metadata, 12, {
    topics: null,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
  })
  const partitions = topics.flatMap((topic) => topic.partitions)
  return partitions.filter(({ errorCode }) => errorCode === ErrorCode.NONE).length
}

async function produceEverywhere(client: KafkaClient, value: string, topics = TOPICS) {
  const { responses } = await client.send(produce, 12, {
    acks: -1,
    timeoutMs: 120_000,
    topicData: topics.map((name) => ({
      name,
      topicId: ZERO_UUID,
      partitionData: PARTITIONS.map((index) => ({ index, records: batchOf([value]) })),
    })),
  })
  const codes = responses.flatMap(({ partitionResponses }) =>
    partitionResponses.map(({ errorCode }) => errorCode),
  )
  assert.equal(codes.length, topics.length * PARTITIONS.length)
  assert.deepEqual(differentOnes(codes), [ErrorCode.NONE])
}

/** What stands in the partitions, each different content once. */
async function readEverywhere(client: KafkaClient, topics = TOPICS): Promise<string[]> {
  const { responses } = await client.send(fetch, 12, {
    maxWaitMs: 0,
    minBytes: 1,
    topics: topics.map((topic) => ({
      topic,
      topicId: ZERO_UUID,
      partitions: PARTITIONS.map((partition) => {
        return { partition, fetchOffset: 0, partitionMaxBytes: 1000 }
      }),
    })),
    forgottenTopicsData: [],
  })
  const partitions = responses.flatMap((topic) => topic.partitions)
  assert.equal(partitions.length, topics.length * PARTITIONS.length)
  const codes = partitions.map(({ errorCode }) => errorCode)
  assert.deepEqual(differentOnes(codes), [ErrorCode.NONE])
  return differentOnes(partitions.map(({ records }) => valuesIn(records).join()))
}

async function listEndOffsets(client: KafkaClient): Promise<number[]> {
  const { topics } = await client.send(listOffsets, 7, {
    replicaId: -1,
    timeoutMs: 10_000,
    isolationLevel: 0,
    topics: TOPICS.map((name) => ({
      name,
      partitions: PARTITIONS.map((partitionIndex) => ({ partitionIndex, timestamp: LATEST })),
    })),
  })
  return differentOnes(topics.flatMap(({ partitions }) => partitions.map(({ offset }) => offset)))
}

function countSyncs(disk: { count(on: 'sync' | 'sync-folder', path: RegExp): number }): number {
  return disk.count('sync', /./) + disk.count('sync-folder', /./)
}

function differentOnes<Value>(values: readonly Value[]): Value[] {
  return [...new Set(values)]
}
