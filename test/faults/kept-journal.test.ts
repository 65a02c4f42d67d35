// What was acknowledged by the journal alone: it stays there until it stands, synced, in the files of
// its partitions. A file that fails or has no space must not let a stop, or the next filling of the
// journal, take it away; and a clean start believes a note no further than its recovery point.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { nodeHost } from '../../src/host/node-host.ts'
import type { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, makeTopic, produceTo, startTestBroker } from '../support/test-broker.ts'
import { until } from '../support/until.ts'
import { type FaultyBroker, startFaultyBroker } from './faulty-broker.ts'
import { produceEach, readAll } from './requests.ts'

const TOPICS = ['orders', 'payments', 'refunds'] as const
const SEGMENT = /^topics\/orders-0\/.*\.log$/
const FILE = 'topics/orders-0/00000000000000000000.log'

describe('what only the journal has', () => {
  it('is there after a stop on a full disk', async (t) => {
    const { client, disk, restart } = await startSettled(t)
    const full = disk.inject({ on: 'write', path: SEGMENT, fails: 'no-space' })
    await produceToAll(client, 'journaled')
    await until(() => full.hits > 0)

    const again = await restart() // the disk is full until the stop has ended

    const values = await readAll(await again.connect())
    assert.deepEqual(values, ['settled 0', 'settled 1', 'journaled'])
  })

  it('is there after a write to the file has failed, and a clean stop', async (t) => {
    const { client, disk, broker, restart } = await startSettled(t)
    disk.inject({ on: 'write', path: SEGMENT, fails: 'io', afterBytes: 7 })
    await produceToAll(client, 'journaled')
    await until(() => isOffline(broker))

    const again = await restart()

    const connection = await again.connect()
    assert.deepEqual(await readAll(connection), ['settled 0', 'settled 1', 'journaled'])
    assert.equal((await produceTo(connection, 'orders', batchOf(['goes on']))).baseOffset, 3)
  })

  it('is there after the sync of the file has failed and lost its pages, and a clean stop', async (t) => {
    const { client, disk, restart } = await startSettled(t)
    const syncedBytes = await sizeOf(disk, FILE)
    await produceToAll(client, 'journaled')
    await until(async () => (await sizeOf(disk, FILE)) > syncedBytes)
    disk.inject({ on: 'sync', path: SEGMENT, fails: 'io' })
    const { errorCode } = await produceTo(client, 'orders', batchOf(['not durable']))
    await losePages(disk, syncedBytes)

    const again = await restart()

    assert.equal(errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    const values = await readAll(await again.connect())
    assert.deepEqual(values, ['settled 0', 'settled 1', 'journaled'])
  })

  it('is there after a start that could not sync the file, which then lost its pages', async (t) => {
    const { client, disk, broker } = await startSettled(t)
    const syncedBytes = await sizeOf(disk, FILE)
    disk.inject({ on: 'write', path: SEGMENT, fails: 'no-space' })
    await produceToAll(client, 'journaled')
    await broker.close()
    disk.healAll()

    const failed = disk.inject({ on: 'sync', path: SEGMENT, fails: 'io' })
    const second = await startOn(t, disk)
    assert.equal(failed.hits, 1)
    assert.ok(isOffline(second.broker))
    await second.broker.close()
    await losePages(disk, syncedBytes)
    disk.healAll()
    const third = await startOn(t, disk)

    const values = await readAll(await third.connect())
    assert.deepEqual(values, ['settled 0', 'settled 1', 'journaled'])
  })

  it('outlives as many fillings of the journal as there come', async (t) => {
    const { client, disk, broker, restart } = await startSettled(t)
    disk.inject({ on: 'write', path: SEGMENT, fails: 'io' })
    await produceToAll(client, 'journaled')
    await until(() => isOffline(broker))
    const others = ['a', 'b', 'c']
    for (const topic of others) await makeTopic(client, topic)

    // Each file of the journal takes 32 MiB: more than both together.
    const large = 'x'.repeat(900_000)
    for (let round = 0; round < 28; round++) {
      await produceToEach(client, others, large)
    }
    const again = await restart()

    const values = await readAll(await again.connect())
    assert.deepEqual(values, ['settled 0', 'settled 1', 'journaled'])
  })
})

describe('a clean start after a failed sync', () => {
  it('looks for itself behind the recovery point, where pages may be lost', async (t) => {
    const { client, disk, restart } = await startSettled(t)
    const syncedBytes = await sizeOf(disk, FILE)
    disk.inject({ on: 'sync', path: SEGMENT, fails: 'io' })
    await produceTo(client, 'orders', batchOf(['not durable']))
    await losePages(disk, syncedBytes)

    const again = await restart()

    const connection = await again.connect()
    assert.deepEqual(await readAll(connection), ['settled 0', 'settled 1'])
    assert.equal((await produceTo(connection, 'orders', batchOf(['goes on']))).baseOffset, 2)
    assert.deepEqual(await readAll(connection), ['settled 0', 'settled 1', 'goes on'])
  })
})

async function startSettled(t: TestContext) {
  const started = await startFaultyBroker(t)
  const client = await started.connect()
  for (const topic of TOPICS) await makeTopic(client, topic)
  // Twice, so that the file has a durable name and is synced directly.
  for (const value of ['settled 0', 'settled 1']) {
    assert.equal((await produceTo(client, 'orders', batchOf([value]))).errorCode, ErrorCode.NONE)
  }
  return { ...started, client }
}

function startOn(t: TestContext, disk: FaultyBroker['disk']) {
  return startTestBroker(t, { host: nodeHost({ disk }) })
}

/** To more partitions than are synced directly: the journal makes them durable. */
async function produceToAll(client: KafkaClient, value: string): Promise<void> {
  await produceToEach(client, TOPICS, value)
}

async function produceToEach(client: KafkaClient, topics: readonly string[], value: string) {
  for (const { errorCode } of (await produceEach(client, topics, value)).values()) {
    assert.equal(errorCode, ErrorCode.NONE)
  }
}

function isOffline(broker: FaultyBroker['broker']): boolean {
  return broker.inspect.partitions('orders')?.[0]?.state === 'offline'
}

async function sizeOf(disk: FaultyBroker['disk'], path: string): Promise<number> {
  return (await disk.stat(path))?.size ?? 0
}

/** What an operating system may do after a failed sync: the pages come back as zeros. */
async function losePages(disk: FaultyBroker['disk'], fromByte: number): Promise<void> {
  const size = await sizeOf(disk, FILE)
  assert.ok(size > fromByte)
  const file = await disk.open(FILE)
  await file.write([Buffer.alloc(size - fromByte)], fromByte)
  await file.close()
}
