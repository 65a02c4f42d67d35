import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KafkaClient } from '../../../../test/support/kafka-client.ts'
import {
  makeTopic,
  produceTo,
  recordOf,
  startTestBroker,
} from '../../../../test/support/test-broker.ts'
import { buildBatch } from '../../batch/builder.ts'
import { listOffsets } from '../../protocol/02-list-offsets.ts'
import { deleteRecords } from '../../protocol/21-delete-records.ts'
import { ErrorCode } from '../../wire/error-codes.ts'

async function ask(
  client: KafkaClient,
  timestamp: number,
  {
    version = 11,
    partition = 0,
    isolationLevel = 0,
    currentLeaderEpoch = -1,
    topic = 'orders',
  } = {},
) {
  const { topics } = await client.send(listOffsets, version, {
    replicaId: -1,
    isolationLevel,
    topics: [
      { name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch, timestamp }] },
    ],
    timeoutMs: 1000,
  })
  return topics[0]!.partitions[0]!
}

/** Records of these ages in seconds, one batch for each list; offsets in order. */
async function produceAges(client: KafkaClient, nowMs: number, batches: number[][]) {
  for (const ages of batches) {
    const records = ages.map((age) => recordOf(`${age}`, nowMs - age * 1000))
    await produceTo(client, 'orders', buildBatch({ records }))
  }
}

describe('ListOffsets', () => {
  it('finds the latest record of a partition that is written to without a pause', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceAges(client, Date.now(), [[0]])
    let isStopped = false
    const produce = async (producer: KafkaClient) => {
      while (!isStopped) await produceAges(producer, Date.now(), [[0]])
    }
    const producers = [await connect(), await connect(), await connect()].map(produce)

    const offsets: number[] = []
    for (let count = 0; count < 20; count++) {
      offsets.push((await ask(client, -3)).offset, (await ask(client, 0)).offset)
    }
    isStopped = true
    await Promise.all(producers)

    assert.deepEqual(
      offsets.filter((offset) => offset < 0),
      [],
    )
  })

  it('answers the latest and the earliest offset at every version', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceAges(client, Date.now(), [[3, 2], [1]])

    for (let version = 1; version <= 11; version++) {
      const latest = await ask(client, -1, { version })
      const earliest = await ask(client, -2, { version })

      assert.deepEqual([latest.errorCode, latest.offset], [ErrorCode.NONE, 3], `v${version}`)
      assert.deepEqual([earliest.errorCode, earliest.offset], [ErrorCode.NONE, 0])
      assert.equal(latest.timestamp, -1)
      if (version >= 4) assert.equal(latest.leaderEpoch, 0)
    }
  })

  it('finds the first record at or after a time, inside its batch, with its epoch', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const nowMs = Date.now()
    await produceAges(client, nowMs, [
      [50, 40, 30],
      [20, 10],
    ])

    const inside = await ask(client, nowMs - 45_000)
    const exact = await ask(client, nowMs - 30_000)
    const next = await ask(client, nowMs - 29_999)
    const all = await ask(client, 0)
    const none = await ask(client, nowMs + 1000)
    const beyond = await ask(client, Number.MAX_SAFE_INTEGER)

    assert.deepEqual([inside.offset, inside.timestamp], [1, nowMs - 40_000])
    assert.deepEqual([exact.offset, exact.timestamp], [2, nowMs - 30_000])
    assert.deepEqual([next.offset, next.timestamp, next.leaderEpoch], [3, nowMs - 20_000, 0])
    assert.equal(all.offset, 0)
    for (const nothing of [none, beyond]) {
      const { errorCode, offset, timestamp } = nothing
      assert.deepEqual([errorCode, offset, timestamp], [ErrorCode.NONE, -1, -1])
    }
  })

  it('finds the record with the greatest timestamp, which need not be the last', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const nowMs = Date.now()
    await produceAges(client, nowMs, [
      [50, 5],
      [40, 30],
    ])

    const { offset, timestamp } = await ask(client, -3)

    assert.deepEqual([offset, timestamp], [1, nowMs - 5000])
  })

  it('knows no tiered storage: -4 is the log start, -5 and -6 find nothing', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceAges(client, Date.now(), [[3, 2, 1]])
    await client.send(deleteRecords, 2, {
      topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset: 2 }] }],
      timeoutMs: 1000,
    })

    assert.equal((await ask(client, -2)).offset, 2)
    assert.equal((await ask(client, -4)).offset, 2)
    for (const timestamp of [-5, -6]) {
      const { errorCode, offset } = await ask(client, timestamp)
      assert.deepEqual([errorCode, offset], [ErrorCode.NONE, -1])
    }
  })

  it('a special timestamp that the version does not have is 35', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const unknown = [
      [-3, 6],
      [-4, 7],
      [-5, 8],
      [-6, 10],
      [-7, 11],
      [-100, 11],
    ] as const

    for (const [timestamp, version] of unknown) {
      const { errorCode } = await ask(client, timestamp, { version })
      assert.equal(errorCode, ErrorCode.UNSUPPORTED_VERSION, `${timestamp} in v${version}`)
    }
  })

  it('an unknown partition is 3, another leader epoch 74 or 75', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')

    assert.equal((await ask(client, -1, { topic: 'nothing' })).errorCode, 3)
    assert.equal((await ask(client, -1, { partition: 1 })).errorCode, 3)
    assert.equal((await ask(client, -1, { currentLeaderEpoch: 1 })).errorCode, 75)
    assert.equal((await ask(client, -1, { currentLeaderEpoch: -2 })).errorCode, 74)
    assert.equal((await ask(client, -1, { currentLeaderEpoch: 0 })).errorCode, 0)
  })

  it('a partition that is asked for twice is 42', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const partition = { partitionIndex: 0, timestamp: -1 }

    const { topics } = await client.send(listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      topics: [{ name: 'orders', partitions: [partition, partition] }],
      timeoutMs: 0,
    })

    const codes = topics[0]!.partitions.map(({ errorCode }) => errorCode)
    assert.deepEqual(codes, [ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST])
  })
})
