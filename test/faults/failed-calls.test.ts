// Opening, cutting, renaming and replacing fail as well: each costs its partition, its request or, where
// the catalogue and the files would tell different things, the broker; never what was acknowledged.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { listOffsets } from '../../src/broker/protocol/02-list-offsets.ts'
import { deleteRecords } from '../../src/broker/protocol/21-delete-records.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import type { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, fetchFrom, makeTopic, produceTo, valuesIn } from '../support/test-broker.ts'
import { until } from '../support/until.ts'
import { startFaultyBroker } from './faulty-broker.ts'
import { deleteTopic } from './requests.ts'

const SEGMENT = /^topics\/orders-0\/.*\.log$/
const MIB = 1024 * 1024

describe('an open that fails', () => {
  it('for a first segment takes the partition offline; others serve, and a start tries again', async (t) => {
    const { client, disk, restart } = await startSettled(t)
    await makeTopic(client, 'new')
    disk.inject({ on: 'open', path: /^topics\/new-0\/.*\.log$/, fails: 'io' })

    const { errorCode } = await produceTo(client, 'new', batchOf(['refused']))
    const other = await produceTo(client, 'orders', batchOf(['taken']))

    assert.equal(errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(other.errorCode, ErrorCode.NONE)
    const connection = await (await restart()).connect()
    assert.equal((await produceTo(connection, 'new', batchOf(['first']))).baseOffset, 0)
  })
})

describe('a cut that fails', () => {
  it('after a write without space takes the partition offline; the next start cuts', async (t) => {
    const { client, disk, restart } = await startSettled(t)
    disk.inject({ on: 'write', path: SEGMENT, fails: 'no-space', afterBytes: 40 })
    const cut = disk.inject({ on: 'truncate', path: SEGMENT, fails: 'io' })

    const first = await produceTo(client, 'orders', batchOf(['refused']))
    await until(() => cut.hits > 0)
    const second = await produceTo(client, 'orders', batchOf(['refused']))

    assert.equal(first.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(second.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    const connection = await (await restart()).connect()
    assert.deepEqual(await read(connection, 0), ['settled 0', 'settled 1'])
    assert.equal((await produceTo(connection, 'orders', batchOf(['goes on']))).baseOffset, 2)
  })
})

describe('a rename that fails', () => {
  it('under a deleted topic ends the broker, and the next start ends the deletion', async (t) => {
    const { client, disk, broker, restart } = await startSettled(t)
    disk.inject({ on: 'rename', path: /^topics\/orders-0$/, fails: 'io' })

    await deleteTopic(client, 'orders').catch(() => undefined)
    await broker.failed

    const again = await restart()
    assert.ok(!again.broker.inspect.topicNames.includes('orders'))
    await until(async () => (await disk.list('topics')).length === 0)
    const connection = await again.connect()
    await makeTopic(connection, 'orders')
    assert.equal((await produceTo(connection, 'orders', batchOf(['anew']))).baseOffset, 0)
  })

  it('under an old segment is logged, and what is left is read and written as before', async (t) => {
    const config = { 'log.retention.check.interval.ms': '20' }
    const { client, disk, entries, restart } = await startSettled(t, config)
    const configs = { 'segment.bytes': String(MIB), 'retention.bytes': String(MIB) }
    await makeTopic(client, 'many', { configs })
    disk.inject({ on: 'rename', path: /^topics\/many-0\/.*\.log$/, fails: 'io' })
    const large = 'x'.repeat(MIB / 2)
    for (let count = 0; count < 6; count++) {
      const { errorCode } = await produceTo(client, 'many', batchOf([large]))
      assert.equal(errorCode, ErrorCode.NONE)
    }

    await until(() => entries.some(({ event }) => event === 'housekeeping-failed'))

    const { errorCode, baseOffset } = await produceTo(client, 'many', batchOf(['last']))
    assert.equal(errorCode, ErrorCode.NONE)
    const connection = await (await restart({ isClean: false })).connect()
    const last = await fetchFrom(connection, 'many', { offset: baseOffset })
    assert.deepEqual(valuesIn(last.records), ['last'])
  })
})

describe('a checkpoint that cannot be replaced', () => {
  it('refuses to delete records with 56, and the next try does what it says', async (t) => {
    const { client, disk, restart } = await startSettled(t)
    const broken = disk.inject({ on: 'replace', path: /checkpoint/, fails: 'io' })

    const refused = await deleteBefore(client, 1)
    // A crash would bring it back: nobody is told that it is gone.
    const kept = await fetchFrom(client, 'orders', { offset: 0 })
    broken.heal()
    const done = await deleteBefore(client, 1)

    assert.equal(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(kept.errorCode, ErrorCode.NONE)
    assert.equal(done.errorCode, ErrorCode.NONE)
    assert.equal(done.lowWatermark, 1)
    const connection = await (await restart({ isClean: false })).connect()
    const gone = await fetchFrom(connection, 'orders', { offset: 0 })
    assert.equal(gone.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
    assert.deepEqual(await read(connection, 1), ['settled 1'])
  })
})

describe('a read that fails under a search by time', () => {
  it('is answered with 56, and others are served', async (t) => {
    const { disk, restart } = await startSettled(t)
    const again = await restart()
    disk.inject({ on: 'read', path: SEGMENT, fails: 'io' })
    const client = await again.connect()

    const { topics } = await client.send(listOffsets, 7, {
      replicaId: -1,
      isolationLevel: 0,
      timeoutMs: 10_000,
      topics: [
        {
          name: 'orders',
          partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp: 1 }],
        },
      ],
    })

    assert.equal(topics[0]!.partitions[0]!.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.ok(!again.entries.some(({ event }) => event === 'bug'))
    await makeTopic(client, 'payments')
    assert.equal((await produceTo(client, 'payments', batchOf(['x']))).errorCode, ErrorCode.NONE)
  })
})

async function startSettled(t: TestContext, config: Record<string, string> = {}) {
  const started = await startFaultyBroker(t, { config })
  const client = await started.connect()
  await makeTopic(client, 'orders')
  for (const value of ['settled 0', 'settled 1']) {
    assert.equal((await produceTo(client, 'orders', batchOf([value]))).errorCode, ErrorCode.NONE)
  }
  return { ...started, client }
}

async function deleteBefore(client: KafkaClient, offset: number) {
  const { topics } = await client.send(deleteRecords, 2, {
    topics: [{ name: 'orders', partitions: [{ partitionIndex: 0, offset }] }],
    timeoutMs: 10_000,
  })
  return topics[0]!.partitions[0]!
}

async function read(client: KafkaClient, offset: number): Promise<string[]> {
  const values: string[] = []
  for (;;) {
    const answer = await fetchFrom(client, 'orders', { offset: offset + values.length })
    assert.equal(answer.errorCode, ErrorCode.NONE)
    const more = valuesIn(answer.records)
    if (more.length === 0) return values
    values.push(...more)
  }
}
