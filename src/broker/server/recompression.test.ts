import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KafkaClient } from '../../../test/support/kafka-client.ts'
import {
  batchOf,
  fetchFrom,
  makeTopic,
  produceRequest,
  produceTo,
  startTestBroker,
  valuesIn,
} from '../../../test/support/test-broker.ts'
import { TransactionalProducer } from '../../../test/support/transactional-producer.ts'
import { readBatchHeader } from '../batch/header.ts'
import { produce } from '../protocol/00-produce.ts'
import { incrementalAlterConfigs } from '../protocol/44-incremental-alter-configs.ts'
import { ErrorCode } from '../wire/error-codes.ts'

const TOPIC = 2
const BROKER = 4
const SET = 0

/** The codecs of all batches in an answer, in their order. */
function codecsIn(batches: Buffer | null): string[] {
  const codecs: string[] = []
  for (let at = 0; batches !== null && at < batches.length; ) {
    const header = readBatchHeader(batches.subarray(at), 0)
    codecs.push(header.compression)
    at += header.sizeBytes
  }
  return codecs
}

async function alter(client: KafkaClient, type: number, name: string, key: string, value: string) {
  const configs = [{ name: key, value, configOperation: SET }]
  const resources = [{ resourceType: type, resourceName: name, configs }]
  const { responses } = await client.send(incrementalAlterConfigs, 1, {
    resources,
    validateOnly: false,
  })
  assert.equal(responses[0]!.errorCode, ErrorCode.NONE, responses[0]!.errorMessage ?? '')
}

describe('a topic with a compression.type of its own', () => {
  it('answers the requests of a connection in their order, large and small ones', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders', { configs: { 'compression.type': 'gzip' } })
    const noise = Array.from({ length: 40_000 }, (_, index) => (index * 7919) % 65_521).join(' ')
    const answered: number[] = []

    const all = Array.from({ length: 12 }, async (_, index) => {
      const text = index % 3 === 0 ? noise : `small ${index}`
      const batch = batchOf([text], {
        compression: index % 2 === 0 ? 'zstd' : 'gzip',
        producerId: 1000,
        producerEpoch: 0,
        baseSequence: index,
      })
      const { responses } = await client.send(produce, 12, produceRequest('orders', batch))
      answered.push(index)
      return responses[0]!.partitionResponses[0]!
    })

    const answers = await Promise.all(all)
    const order = Array.from({ length: 12 }, (_, index) => index)
    assert.deepEqual(
      answers.map(({ errorCode }) => errorCode),
      order.map(() => ErrorCode.NONE),
    )
    assert.deepEqual(
      answers.map(({ baseOffset }) => baseOffset),
      order,
    )
    assert.deepEqual(answered, order)
    const { records } = await fetchFrom(client, 'orders')
    assert.deepEqual(
      codecsIn(records),
      order.map(() => 'gzip'),
    )
    assert.deepEqual(valuesIn(records).slice(1, 3), ['small 1', 'small 2'])
  })

  it('acknowledges with acks 0 and 1 too, and keeps what it acknowledged', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders', { configs: { 'compression.type': 'lz4' } })

    client.post(produce, 12, produceRequest('orders', batchOf(['a']), { acks: 0 }))
    const one = await produceTo(client, 'orders', batchOf(['b']), { acks: 1 })
    const all = await produceTo(client, 'orders', batchOf(['c']))

    assert.deepEqual([one.baseOffset, all.baseOffset], [1, 2])
    const { records } = await fetchFrom(client, 'orders')
    assert.deepEqual(valuesIn(records), ['a', 'b', 'c'])
  })

  it('is altered while it is written, and so is the default of the broker', async (t) => {
    const { connect, broker } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const write = () => produceTo(client, 'orders', batchOf(['x'], { compression: 'snappy' }))

    await write()
    await alter(client, BROKER, '', 'compression.type', 'zstd')
    await write()
    await alter(client, TOPIC, 'orders', 'compression.type', 'uncompressed')
    await write()
    await alter(client, TOPIC, 'orders', 'compression.type', 'producer')
    await write()

    const { records } = await fetchFrom(client, 'orders')
    assert.deepEqual(codecsIn(records), ['snappy', 'zstd', 'none', 'snappy'])
    assert.equal(broker.inspect.partitions('orders')![0]!.state, 'online')
  })

  for (const isV2 of [false, true]) {
    it(`keeps what belongs to a transaction in it (transactions v${isV2 ? 2 : 1})`, async (t) => {
      const { connect } = await startTestBroker(t)
      const client = await connect()
      await makeTopic(client, 'orders', { configs: { 'compression.type': 'gzip' } })
      const tx = new TransactionalProducer(client, { isV2 })
      await tx.init()

      for (const [text, commits] of [
        ['kept', true],
        ['aborted', false],
        ['kept too', true],
      ] as const) {
        if (!isV2) assert.equal(await tx.add('orders'), ErrorCode.NONE)
        assert.equal(await tx.produce('orders', [text]), ErrorCode.NONE)
        assert.equal(await tx.end(commits), ErrorCode.NONE)
      }

      const { records, abortedTransactions } = await fetchFrom(client, 'orders', {
        isolationLevel: 1,
      })
      assert.deepEqual(codecsIn(records), ['gzip', 'none', 'gzip', 'none', 'gzip', 'none'])
      assert.deepEqual(abortedTransactions, [{ producerId: tx.producerId, firstOffset: 2 }])
    })
  }
})
