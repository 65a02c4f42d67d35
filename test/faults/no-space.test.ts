// A disk without space: what cannot be stored is refused as a whole, everything else goes on, and
// when there is space again nobody has to do anything.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { initProducerId } from '../../src/broker/protocol/22-init-producer-id.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import type { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, fetchFrom, makeTopic, produceTo, valuesIn } from '../support/test-broker.ts'
import { until } from '../support/until.ts'
import { startFaultyBroker } from './faulty-broker.ts'
import { produceEach } from './requests.ts'

const SEGMENTS = /^topics\/orders-0\/.*\.log$/

describe('when there is no space in the middle of a batch', () => {
  for (const afterBytes of [0, 1, 30, 61, 80]) {
    it(`nothing is left of it after ${afterBytes} bytes, and the next batch takes its place`, async (t) => {
      const { client, disk, restart } = await startWithTopic(t)
      await settle(client)
      const full = disk.inject({ on: 'write', path: SEGMENTS, fails: 'no-space', afterBytes })

      const refused = await produceTo(client, 'orders', batchOf(['refused', 'as a whole']))
      const readable = await readAll(client)
      full.heal()
      const taken = await produceTo(client, 'orders', batchOf(['taken']))

      assert.equal(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
      assert.deepEqual(readable, ['settled 0', 'settled 1'])
      assert.equal(taken.errorCode, ErrorCode.NONE)
      assert.equal(taken.baseOffset, 2)
      const expected = ['settled 0', 'settled 1', 'taken']
      assert.deepEqual(await readAll(client), expected)
      const again = await restart()
      assert.deepEqual(await readAll(await again.connect()), expected)
    })
  }

  it('and what was written of it cannot be cut off either, that is done before the next batch', async (t) => {
    const { client, disk } = await startWithTopic(t)
    await settle(client)
    const full = disk.inject({ on: 'write', path: SEGMENTS, fails: 'no-space', afterBytes: 30 })
    const stuck = disk.inject({ on: 'truncate', path: SEGMENTS, fails: 'no-space' })

    const refused = await produceTo(client, 'orders', batchOf(['refused']))
    full.heal()
    const refusedToo = await produceTo(
      client,
      'orders',
      batchOf(['refused', 'because of the rest']),
    )
    const readable = await readAll(client)
    stuck.heal()
    const taken = await produceTo(client, 'orders', batchOf(['taken']))

    assert.equal(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(refusedToo.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.deepEqual(readable, ['settled 0', 'settled 1'])
    assert.equal(taken.errorCode, ErrorCode.NONE)
    assert.deepEqual(await readAll(client), ['settled 0', 'settled 1', 'taken'])
  })

  it('the cut is durable before anything else is written: a power cut brings nothing back', async (t) => {
    const { client, disk } = await startWithTopic(t)
    await settle(client)
    const full = disk.inject({ on: 'write', path: SEGMENTS, fails: 'no-space', afterBytes: 30 })
    const syncs = disk.count('sync', SEGMENTS)

    const refused = await produceTo(client, 'orders', batchOf(['refused']))
    full.heal()
    const syncsOfCut = disk.count('sync', SEGMENTS) - syncs
    const taken = await produceTo(client, 'orders', batchOf(['taken']))

    assert.equal(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(syncsOfCut, 1)
    assert.equal(taken.errorCode, ErrorCode.NONE)
  })

  it('and the broker stops before it could be cut off, the next start cuts it', async (t) => {
    const { client, disk, restart } = await startWithTopic(t)
    await settle(client)
    disk.inject({ on: 'write', path: SEGMENTS, fails: 'no-space', afterBytes: 30 })
    disk.inject({ on: 'truncate', path: SEGMENTS, fails: 'no-space' })
    await produceTo(client, 'orders', batchOf(['refused']))

    const again = await (await restart()).connect()
    const taken = await produceTo(again, 'orders', batchOf(['taken']))

    assert.equal(taken.baseOffset, 2)
    assert.deepEqual(await readAll(again), ['settled 0', 'settled 1', 'taken'])
  })

  it('an idempotent producer resends it, and it is appended once', async (t) => {
    const { client, disk } = await startWithTopic(t)
    await settle(client)
    const producer = await client.send(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    })
    const { producerId, producerEpoch } = producer
    const batch = (value: string, baseSequence: number) =>
      batchOf([value], { producerId, producerEpoch, baseSequence })
    await produceTo(client, 'orders', batch('first', 0))
    const full = disk.inject({ on: 'write', path: SEGMENTS, fails: 'no-space' })

    const refused = await produceTo(client, 'orders', batch('second', 1))
    full.heal()
    const taken = await produceTo(client, 'orders', batch('second', 1))
    const resent = await produceTo(client, 'orders', batch('second', 1))

    assert.equal(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(taken.errorCode, ErrorCode.NONE)
    assert.equal(resent.baseOffset, taken.baseOffset)
    assert.deepEqual(await readAll(client), ['settled 0', 'settled 1', 'first', 'second'])
  })

  it('other partitions are not touched', async (t) => {
    const { client, disk } = await startWithTopic(t)
    await makeTopic(client, 'payments')
    disk.inject({ on: 'write', path: SEGMENTS, fails: 'no-space' })

    await produceTo(client, 'orders', batchOf(['refused']))
    const payment = await produceTo(client, 'payments', batchOf(['taken']))

    assert.equal(payment.errorCode, ErrorCode.NONE)
  })
})

describe('when a batch is in the journal already and its own file has no space', () => {
  it('it is answered once there is space again, without anybody asking', async (t) => {
    const { client, disk, connect, restart } = await startWithTopic(t)
    // The first appends of a partition go through the journal, because its file has no durable name.
    const full = disk.inject({ on: 'write', path: SEGMENTS, fails: 'no-space', afterBytes: 10 })

    const waiting = produceTo(client, 'orders', batchOf(['journaled']))
    await until(() => full.hits > 0)
    const other = await connect()
    await produceTo(other, 'orders', batchOf(['refused or later'])).catch(() => undefined)
    full.heal()
    const { errorCode } = await waiting

    if (errorCode === ErrorCode.NONE) assert.equal((await readAll(other))[0], 'journaled')
    else assert.equal(errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    const before = await readAll(other)
    const again = await restart()
    assert.deepEqual(await readAll(await again.connect()), before)
  })
})

describe('when what is journaled finds no space in its own file', () => {
  for (const bytes of [10, 700_000]) {
    it(`the partition takes appends again once there is space, though nobody else writes (${bytes} bytes)`, async (t) => {
      const { client, disk } = await startWithTopic(t)
      const topics = ['orders', 'payments', 'refunds']
      for (const topic of topics.slice(1)) await makeTopic(client, topic)
      const full = disk.inject({ on: 'write', path: /^topics\/.*\.log$/, fails: 'no-space' })
      await produceEach(client, topics, 'x'.repeat(bytes))
      // Tried again and again, though nobody appends any more.
      await until(() => full.hits >= 5 * topics.length)
      full.heal()

      for (const topic of topics) {
        await until(async () => {
          const { errorCode } = await produceTo(client, topic, batchOf(['again']))
          return errorCode === ErrorCode.NONE
        })
      }
    })
  }
})

describe('when the journal has no space in what it has reserved, as where writing copies', () => {
  for (const afterBytes of [0, 100, 300]) {
    it(`the files are synced instead, and nothing of it counts after ${afterBytes} bytes`, async (t) => {
      const { client, disk, restart } = await startWithTopic(t)
      const topics = ['orders', 'payments', 'refunds']
      for (const topic of topics.slice(1)) await makeTopic(client, topic)
      const all = async (value: string) => {
        for (const { errorCode } of (await produceEach(client, topics, value)).values()) {
          assert.equal(errorCode, ErrorCode.NONE)
        }
      }
      await all('journaled')
      const full = disk.inject({ on: 'write', path: /^journal\//, fails: 'no-space', afterBytes })

      await all('synced in the files')
      full.heal()
      await all('journaled again')

      assert.ok(full.hits > 0)
      const connection = await (await restart({ isClean: false })).connect()
      for (const topic of topics) {
        const expected = ['journaled', 'synced in the files', 'journaled again']
        assert.deepEqual(await readAll(connection, topic), expected)
      }
    })
  }
})

async function startWithTopic(t: TestContext) {
  const started = await startFaultyBroker(t)
  const client = await started.connect()
  await makeTopic(client, 'orders')
  return { ...started, client }
}

/** Two appends, so that the partition's file has a durable name and is synced directly. */
async function settle(client: KafkaClient): Promise<void> {
  for (const value of ['settled 0', 'settled 1']) {
    assert.equal((await produceTo(client, 'orders', batchOf([value]))).errorCode, ErrorCode.NONE)
  }
}

async function readAll(client: KafkaClient, topic = 'orders'): Promise<string[]> {
  const values: string[] = []
  for (;;) {
    const offset = values.length
    const { errorCode, records } = await fetchFrom(client, topic, { offset })
    assert.equal(errorCode, ErrorCode.NONE)
    const more = valuesIn(records)
    if (more.length === 0) return values
    values.push(...more)
  }
}
