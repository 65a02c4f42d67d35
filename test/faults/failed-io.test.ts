// A disk that fails: what was acknowledged stays true, nothing more is promised. One partition's
// file takes that partition offline; the journal or the catalogue ends the broker. A failed sync is
// final: asking again may be answered by a disk that has dropped the pages (fsyncgate).
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { produce } from '../../src/broker/protocol/00-produce.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import type { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, fetchFrom, makeTopic, produceRequest, produceTo } from '../support/test-broker.ts'
import { startFaultyBroker } from './faulty-broker.ts'
import { readAll } from './requests.ts'

const SEGMENT = /^topics\/orders-0\/.*\.log$/
const JOURNAL = /^journal\//
const CATALOGUE = /^meta\/.*\.log$/

describe('a sync that fails under a partition', () => {
  it('is answered with 56, never repeated, and takes the partition offline', async (t) => {
    const { client, disk, broker, entries } = await startSettled(t)
    const broken = disk.inject({ on: 'sync', path: SEGMENT, fails: 'io' })
    const syncsBefore = disk.count('sync', SEGMENT)

    const first = await produceTo(client, 'orders', batchOf(['not durable']))
    broken.heal() // from now on a sync would succeed, and mean nothing
    const second = await produceTo(client, 'orders', batchOf(['refused']))
    const read = await fetchFrom(client, 'orders')

    assert.equal(first.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(second.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(read.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(disk.count('sync', SEGMENT), syncsBefore + 1)
    assert.equal(broker.inspect.partitions('orders')?.[0]?.state, 'offline')
    const entry = entries.find(({ event }) => event === 'partition-offline')
    assert.equal(entry?.['topic'], 'orders')
    assert.match(String(entry?.['reason']), /orders-0/)
  })

  it('is not repeated by the stop either, and the next start knows what was acknowledged', async (t) => {
    const { client, disk, broker, restart } = await startSettled(t)
    const broken = disk.inject({ on: 'sync', path: SEGMENT, fails: 'io' })
    await produceTo(client, 'orders', batchOf(['not durable']))
    const syncsBefore = disk.count('sync', SEGMENT)
    broken.heal()

    await broker.close()
    const syncsAfter = disk.count('sync', SEGMENT)
    const again = await restart()
    const values = await readAll(await again.connect())

    assert.equal(syncsAfter, syncsBefore)
    assert.deepEqual(values.slice(0, 2), ['settled 0', 'settled 1'])
  })

  it('does not take back what was acknowledged since an earlier clean stop', async (t) => {
    const { disk, restart } = await startSettled(t)
    const second = await restart()
    const client = await second.connect()
    const { errorCode } = await produceTo(client, 'orders', batchOf(['since then']))
    disk.inject({ on: 'sync', path: SEGMENT, fails: 'io' })
    await produceTo(client, 'orders', batchOf(['not durable']))

    await second.broker.close()
    const third = await restart()
    const values = await readAll(await third.connect())

    assert.equal(errorCode, ErrorCode.NONE)
    assert.deepEqual(values.slice(0, 3), ['settled 0', 'settled 1', 'since then'])
  })

  it('leaves other partitions online, also those of the same request', async (t) => {
    const { client, disk } = await startSettled(t)
    await makeTopic(client, 'payments')
    await settle(client, 'payments')
    disk.inject({ on: 'sync', path: SEGMENT, fails: 'io' })

    const { responses } = await client.send(produce, 12, {
      acks: -1,
      timeoutMs: 10_000,
      topicData: ['orders', 'payments'].flatMap((topic) => {
        return produceRequest(topic, batchOf(['x'])).topicData
      }),
    })

    const codes = responses.map(({ partitionResponses }) => partitionResponses[0]!.errorCode)
    assert.deepEqual(codes, [ErrorCode.KAFKA_STORAGE_ERROR, ErrorCode.NONE])
    const later = await produceTo(client, 'payments', batchOf(['y']))
    assert.equal(later.errorCode, ErrorCode.NONE)
  })

  it('lets go whoever waits for data there', async (t) => {
    const { client, disk, connect } = await startSettled(t)
    const waiter = await connect()
    const waiting = fetchFrom(waiter, 'orders', { offset: 2, maxWaitMs: 60_000 })
    disk.inject({ on: 'sync', path: SEGMENT, fails: 'io' })

    await produceTo(client, 'orders', batchOf(['not durable']))

    const { errorCode } = await waiting
    assert.equal(errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
  })
})

describe('a write that fails under a partition', () => {
  for (const afterBytes of [0, 40]) {
    it(`takes it offline after ${afterBytes} bytes; the next start finds what was acknowledged`, async (t) => {
      const { client, disk, restart } = await startSettled(t)
      disk.inject({ on: 'write', path: SEGMENT, fails: 'io', afterBytes })

      const { errorCode } = await produceTo(client, 'orders', batchOf(['broken', 'off']))

      assert.equal(errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
      const again = await restart()
      const connection = await again.connect()
      assert.deepEqual(await readAll(connection), ['settled 0', 'settled 1'])
      const { baseOffset } = await produceTo(connection, 'orders', batchOf(['goes on']))
      assert.equal(baseOffset, 2)
    })
  }
})

describe('a read that fails', () => {
  it('is answered with 56, and the broker lives', async (t) => {
    const { disk, restart } = await startSettled(t)
    const again = await restart() // what was just written is served from memory
    const broken = disk.inject({ on: 'read', path: SEGMENT, fails: 'io' })
    const connection = await again.connect()

    const { errorCode } = await fetchFrom(connection, 'orders')

    assert.ok(broken.hits > 0)
    assert.equal(errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    await makeTopic(connection, 'payments')
    assert.equal(await settle(connection, 'payments'), ErrorCode.NONE)
  })
})

describe('a journal that fails', () => {
  for (const on of ['write', 'sync'] as const) {
    it(`at a ${on} ends the broker: nothing is acknowledged, the stop is not clean`, async (t) => {
      const { client, disk, broker, entries, restart } = await startSettled(t)
      for (const topic of ['a', 'b', 'c', 'd']) await makeTopic(client, topic)
      disk.inject({ on, path: JOURNAL, fails: 'io' })

      const answers: unknown[] = []
      const sent = ['a', 'b', 'c', 'd'].map(async (topic) => {
        const { errorCode } = await produceTo(client, topic, batchOf(['not durable']))
        answers.push(errorCode)
      })
      await Promise.allSettled(sent)
      const reason = await broker.failed

      assert.match(String(reason), /journal/)
      assert.ok(answers.every((errorCode) => errorCode !== ErrorCode.NONE))
      assert.ok(entries.some(({ event }) => event === 'fatal'))
      await client.closed()
      assert.equal(await disk.stat('clean-stop'), undefined)
      const again = await restart()
      const connection = await again.connect()
      assert.deepEqual(await readAll(connection), ['settled 0', 'settled 1'])
      assert.equal((await produceTo(connection, 'a', batchOf(['goes on']))).errorCode, 0)
    })
  }
})

describe('a catalogue that fails', () => {
  for (const on of ['write', 'sync'] as const) {
    it(`at a ${on} ends the broker, and the next start has every topic that was answered`, async (t) => {
      const { client, disk, broker, restart } = await startSettled(t)
      const names = ['a', 'b', 'c', 'd', 'e']
      disk.inject({ on, path: CATALOGUE, fails: 'io' })

      const made: string[] = []
      for (const name of names) {
        try {
          await makeTopic(client, name)
          made.push(name)
        } catch {
          break // refused, or the connection is gone
        }
      }
      // A sync that the journal stands in for may never be asked of the catalogue's own file.
      if (made.length < names.length) await broker.failed

      const again = await restart()
      const present = again.broker.inspect.topicNames
      assert.deepEqual(
        made.filter((name) => !present.includes(name)),
        [],
      )
    })
  }
})

async function startSettled(t: TestContext) {
  const started = await startFaultyBroker(t)
  const client = await started.connect()
  await makeTopic(client, 'orders')
  await settle(client, 'orders')
  return { ...started, client }
}

/** Two appends, so that the partition's file has a durable name and is synced directly. */
async function settle(client: KafkaClient, topic: string): Promise<number> {
  for (const value of ['settled 0', 'settled 1']) {
    const { errorCode } = await produceTo(client, topic, batchOf([value]))
    if (errorCode !== ErrorCode.NONE) return errorCode
  }
  return ErrorCode.NONE
}
