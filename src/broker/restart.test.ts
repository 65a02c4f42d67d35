// What clients see of a stop and a start, clean or not.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { appendFile, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it, type TestContext } from 'node:test'
import type { KafkaClient } from '../../test/support/kafka-client.ts'
import {
  batchOf,
  fetchFrom,
  fetchRequest,
  makeTopic,
  produceTo,
  startTestBroker,
  until,
  valuesIn,
} from '../../test/support/test-broker.ts'
import { TransactionalProducer } from '../../test/support/transactional-producer.ts'
import { fetch } from './protocol/01-fetch.ts'
import { offsetFetch } from './protocol/09-offset-fetch.ts'
import { initProducerId } from './protocol/22-init-producer-id.ts'
import { offsetForLeaderEpoch } from './protocol/23-offset-for-leader-epoch.ts'
import { writeTxnMarkers } from './protocol/27-write-txn-markers.ts'
import { ErrorCode } from './wire/error-codes.ts'

const temporary = mkdtempSync(join(tmpdir(), 'millrace-restart-'))
after(() => rmSync(temporary, { recursive: true, force: true }))

/** A broker that ran and has stopped, its folder as a stop or a crash leaves it. */
async function ranBefore(
  t: TestContext,
  use: (client: KafkaClient) => Promise<void>,
  { isClean = true } = {},
) {
  const folder = mkdtempSync(join(temporary, 'data-'))
  const first = await startTestBroker(t, { folder })
  await use(await first.connect())
  await first.broker.close()
  if (!isClean) await rm(join(folder, 'clean-stop'))
  return startTestBroker(t, { folder })
}

async function fetchKnowing(
  client: KafkaClient,
  known: { currentLeaderEpoch?: number; lastFetchedEpoch?: number },
  offset = 0,
) {
  const request = fetchRequest('orders', { offset })
  const [topic] = request.topics
  const partitions = [{ ...topic!.partitions[0]!, ...known }]
  const body = { ...request, topics: [{ ...topic!, partitions }] }
  const { responses } = await client.send(fetch, 12, body)
  return responses[0]!.partitions[0]!
}

const twoRecords = async (client: KafkaClient) => {
  await makeTopic(client, 'orders')
  await produceTo(client, 'orders', batchOf(['a', 'b']))
}

describe('after a clean stop', () => {
  it('clients go on with the leader epoch they know', async (t) => {
    const { connect } = await ranBefore(t, twoRecords)
    const client = await connect()

    const { errorCode, records } = await fetchKnowing(client, {
      currentLeaderEpoch: 0,
      lastFetchedEpoch: 0,
    })

    assert.equal(errorCode, ErrorCode.NONE)
    assert.deepEqual(valuesIn(records), ['a', 'b'])
  })

  // A small log is read again for what its producers did, a larger one has a snapshot of it.
  for (const bytes of [10, 100_000]) {
    it(`a resent batch of ${bytes} bytes is answered with the offset it was first given`, async (t) => {
      const settings = { transactionalId: null, transactionTimeoutMs: 0 }
      let id = { producerId: -1, producerEpoch: -1 }
      const batch = (baseSequence: number) => batchOf(['x'.repeat(bytes)], { ...id, baseSequence })
      const { connect } = await ranBefore(t, async (client) => {
        const { producerId, producerEpoch } = await client.send(initProducerId, 4, settings)
        id = { producerId, producerEpoch }
        await makeTopic(client, 'orders')
        for (const sequence of [0, 1]) await produceTo(client, 'orders', batch(sequence))
      })
      const client = await connect()

      const resent = await produceTo(client, 'orders', batch(1))
      const next = await produceTo(client, 'orders', batch(2))

      assert.deepEqual([resent.errorCode, resent.baseOffset], [ErrorCode.NONE, 1])
      assert.deepEqual([next.errorCode, next.baseOffset], [ErrorCode.NONE, 2])
    })
  }
})

describe('after a stop that was not clean', () => {
  it('the leader epoch is a new one: older knowledge is fenced with 74', async (t) => {
    const { connect } = await ranBefore(t, twoRecords, { isClean: false })
    const client = await connect()

    const known = await fetchKnowing(client, { currentLeaderEpoch: 0 })
    const fresh = await fetchKnowing(client, { currentLeaderEpoch: 1 })

    assert.equal(known.errorCode, ErrorCode.FENCED_LEADER_EPOCH)
    assert.equal(fresh.errorCode, ErrorCode.NONE)
    assert.deepEqual(valuesIn(fresh.records), ['a', 'b'])
  })

  it('a reader that saw what was lost is told where its epoch ends', async (t) => {
    const { connect } = await ranBefore(t, twoRecords, { isClean: false })
    const client = await connect()
    await produceTo(client, 'orders', batchOf(['c']))

    // Three records of epoch 0 it has read; two are left.
    const { errorCode, divergingEpoch, records } = await fetchKnowing(
      client,
      { lastFetchedEpoch: 0 },
      3,
    )
    const { topics } = await client.send(offsetForLeaderEpoch, 4, {
      replicaId: -1,
      topics: [
        { topic: 'orders', partitions: [{ partition: 0, currentLeaderEpoch: 1, leaderEpoch: 0 }] },
      ],
    })

    assert.equal(errorCode, ErrorCode.NONE)
    assert.deepEqual(divergingEpoch, { epoch: 0, endOffset: 2 })
    assert.deepEqual(records, Buffer.alloc(0))
    assert.equal(topics[0]!.partitions[0]!.endOffset, 2)
  })
})

describe('after either stop', () => {
  for (const isClean of [true, false]) {
    const kind = isClean ? 'clean' : 'unclean'

    it(`no producer id is given again (${kind})`, async (t) => {
      const idempotent = { transactionalId: null, transactionTimeoutMs: 0 }
      const ids: number[] = []
      const take = async (client: KafkaClient) => {
        ids.push((await client.send(initProducerId, 4, idempotent)).producerId)
      }

      const { connect } = await ranBefore(t, take, { isClean })
      await take(await connect())

      assert.equal(new Set(ids).size, 2)
    })

    it(`a batch that is resent is answered with its first offset (${kind})`, async (t) => {
      const sent = () => batchOf(['a'], { producerId: 4000, producerEpoch: 0, baseSequence: 0 })
      const produceOnce = async (client: KafkaClient) => {
        await makeTopic(client, 'orders')
        await produceTo(client, 'orders', batchOf(['before']))
        assert.equal((await produceTo(client, 'orders', sent())).baseOffset, 1)
      }

      const { connect } = await ranBefore(t, produceOnce, { isClean })
      const client = await connect()
      const again = await produceTo(client, 'orders', sent())

      assert.deepEqual([again.errorCode, again.baseOffset], [ErrorCode.NONE, 1])
      assert.deepEqual(valuesIn((await fetchFrom(client, 'orders')).records), ['before', 'a'])
    })

    it(`a marker in the coordinator's own log harms nobody (${kind})`, async (t) => {
      const useMarkers = async (client: KafkaClient) => {
        await new TransactionalProducer(client).init()
        for (const transactionResult of [true, false]) {
          const { markers } = await client.send(writeTxnMarkers, 1, {
            markers: [
              {
                producerId: 7,
                producerEpoch: 0,
                transactionResult,
                coordinatorEpoch: 0,
                topics: [{ name: '__transaction_state', partitionIndexes: [0, 1, 2, 3] }],
              },
            ],
          })
          const [topic] = markers[0]!.topics
          assert.ok(topic!.partitions.every(({ errorCode }) => errorCode === ErrorCode.NONE))
        }
      }

      const { connect } = await ranBefore(t, useMarkers, { isClean })
      const producer = new TransactionalProducer(await connect())

      assert.equal(await producer.init(), ErrorCode.NONE)
      assert.equal(producer.producerEpoch, 1)
    })

    it(`a transaction is where it was, and its end is known (${kind})`, async (t) => {
      const ends: Awaited<ReturnType<TransactionalProducer['endOnce']>>[] = []
      const sent: TransactionalProducer[] = []
      const useTransactions = async (client: KafkaClient) => {
        await makeTopic(client, 'orders')
        for (const transactionalId of ['ended', 'open']) {
          const producer = new TransactionalProducer(client, { transactionalId })
          await producer.init()
          await producer.produce('orders', [transactionalId])
          await producer.commitOffset('readers', 'orders', 1)
          sent.push(producer)
        }
        ends.push(await sent[0]!.endOnce(true))
      }

      const { connect } = await ranBefore(t, useTransactions, { isClean })
      const client = await connect()
      const again = (producer: TransactionalProducer) => {
        return Object.assign(new TransactionalProducer(client, producer), {
          producerId: producer.producerId,
          producerEpoch: producer.producerEpoch,
        })
      }
      const [ended, open] = sent.map(again)

      // The answer may have been lost with the broker. While it loads, it says so (14, then 51).
      let repeated: (typeof ends)[number] | undefined
      await until(async () => {
        repeated = await ended!.endOnce(true)
        return repeated.errorCode !== 14 && repeated.errorCode !== 51
      })
      assert.deepEqual(repeated, ends[0])
      assert.equal((await ended!.endOnce(false)).errorCode, ErrorCode.INVALID_TXN_STATE)
      // A zombie of the epoch that ended.
      assert.equal(await ended!.produce('orders', ['late']), ErrorCode.INVALID_PRODUCER_EPOCH)
      const committed = await fetchFrom(client, 'orders', { isolationLevel: 1 })
      assert.equal(committed.lastStableOffset, 1)
      assert.equal(await open!.end(true), ErrorCode.NONE)
      const all = await fetchFrom(client, 'orders', { isolationLevel: 1 })
      assert.equal(all.lastStableOffset, all.highWatermark)
    })
  }

  it('a coordinator serves by what is whole when the end of its log is torn', async (t) => {
    const folder = mkdtempSync(join(temporary, 'data-'))
    const first = await startTestBroker(t, { folder })
    const producer = new TransactionalProducer(await first.connect())
    await makeTopic(await first.connect(), 'orders')
    await producer.init()
    await producer.produce('orders', ['a'])
    await producer.commitOffset('readers', 'orders', 7)
    await first.broker.close()
    const torn = await tearInternalTopics(folder)
    assert.deepEqual(torn, ['__consumer_offsets', '__transaction_state'])

    const second = await startTestBroker(t, { folder })
    const client = await second.connect()
    const { transactionalId, producerId, producerEpoch } = producer
    const again = new TransactionalProducer(client, { transactionalId })
    Object.assign(again, { producerId, producerEpoch })
    await until(async () => (await again.end(true)) === ErrorCode.NONE)

    const answer = await client.send(offsetFetch, 7, {
      groups: [],
      groupId: 'readers',
      topics: [{ name: 'orders', partitionIndexes: [0] }],
      requireStable: true,
    })
    assert.equal(answer.topics[0]!.partitions[0]!.committedOffset, 7)
    const { records } = await fetchFrom(client, 'orders', { isolationLevel: 1 })
    assert.deepEqual(valuesIn(records).slice(0, 1), ['a'])
  })
})

/**
 * As a crash in the middle of a write leaves them: half of a batch behind the last whole one.
 * @returns the topics that have records
 */
async function tearInternalTopics(folder: string): Promise<string[]> {
  await rm(join(folder, 'clean-stop'))
  const torn = new Set<string>()
  const topics = join(folder, 'topics')
  for (const name of await readdir(topics)) {
    if (!name.startsWith('__')) continue
    const log = join(topics, name, '00000000000000000000.log')
    const bytes = await readFile(log)
    if (bytes.length === 0) continue
    const last = bytes.subarray(bytes.length - lastBatchSize(bytes))
    await appendFile(log, last.subarray(0, last.length - 5))
    torn.add(name.slice(0, name.lastIndexOf('-')))
  }
  return [...torn].sort()
}

function lastBatchSize(bytes: Buffer): number {
  let at = 0
  for (;;) {
    const size = 12 + bytes.readInt32BE(at + 8)
    if (at + size >= bytes.length) return size
    at += size
  }
}
