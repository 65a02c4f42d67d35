import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { KafkaClient } from '../../../test/support/kafka-client.ts'
import {
  makeTopic,
  produceRequest,
  produceTo,
  startTestBroker,
} from '../../../test/support/test-broker.ts'
import { TransactionalProducer } from '../../../test/support/transactional-producer.ts'
import { buildBatch, type NewBatch } from '../batch/builder.ts'
import { produce } from '../protocol/00-produce.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { EventStore } from './event-store.ts'

function batch(texts: readonly string[], rest: Partial<NewBatch> = {}): Buffer {
  return buildBatch({
    records: texts.map((text) => {
      const [key = '', id = ''] = text.split(':')
      const headers = [['ce_id', Buffer.from(id)]] as const
      return {
        timestamp: 1_700_000_000_000,
        key: Buffer.from(key),
        value: Buffer.from(text),
        headers,
      }
    }),
    ...rest,
  })
}

async function send(
  client: KafkaClient,
  producer: TransactionalProducer,
  texts: readonly string[],
  baseSequence = 0,
) {
  const { producerId, producerEpoch, transactionalId } = producer
  const records = batch(texts, { producerId, producerEpoch, baseSequence, isTransactional: true })
  const request = { ...produceRequest('orders', records), transactionalId }
  const { responses } = await client.send(produce, 12, request)
  return responses[0]!.partitionResponses[0]!
}

async function world(t: TestContext) {
  const { broker, connect } = await startTestBroker(t)
  const client = await connect()
  await makeTopic(client, 'orders', { configs: { 'millrace.store': 'true' } })
  const producer = new TransactionalProducer(client)
  await producer.init()
  return { client, producer, store: broker.eventStore('orders') }
}

async function streamOf(store: EventStore, stream: string): Promise<string[]> {
  const all: string[] = []
  for await (const { version, value } of store.readStream(stream)) all.push(`${version}=${value}`)
  return all
}

describe('transactions in an event store', () => {
  it('an open one keeps other writers off its streams, who may try again', async (t) => {
    const { client, producer, store } = await world(t)
    await produceTo(client, 'orders', batch(['a:1']))
    await send(client, producer, ['a:2'])

    const other = await produceTo(client, 'orders', batch(['a:3']))
    const elsewhere = await produceTo(client, 'orders', batch(['b:1']))
    const own = await send(client, producer, ['a:4'], 1)

    assert.equal(other.errorCode, ErrorCode.NOT_ENOUGH_REPLICAS)
    assert.match(other.errorMessage ?? '', /open transaction/)
    assert.equal(elsewhere.errorCode, ErrorCode.NONE)
    assert.equal(own.errorCode, ErrorCode.NONE)
    assert.deepEqual(await streamOf(store, 'a'), ['0=a:1'])
    assert.equal((await store.head('a')).headVersion, 0)
  })

  it('after a commit its events are there', async (t) => {
    const { client, producer, store } = await world(t)
    await send(client, producer, ['a:1', 'a:2'])

    await producer.end(true)
    const next = await produceTo(client, 'orders', batch(['a:3']))

    assert.equal(next.errorCode, ErrorCode.NONE)
    assert.deepEqual(await streamOf(store, 'a'), ['0=a:1', '1=a:2', '2=a:3'])
  })

  it('after an abort numbering goes on from the last committed version', async (t) => {
    const { client, producer, store } = await world(t)
    await produceTo(client, 'orders', batch(['a:1']))
    await send(client, producer, ['a:2', 'b:1'])

    await producer.end(false)
    const next = await produceTo(client, 'orders', batch(['a:2']))

    assert.equal(next.errorCode, ErrorCode.NONE)
    assert.deepEqual(await streamOf(store, 'a'), ['0=a:1', '1=a:2'])
    assert.deepEqual(await streamOf(store, 'b'), [])
    const all: string[] = []
    for await (const { value } of store.readAll()) all.push(`${value}`)
    assert.deepEqual(all, ['a:1', 'a:2'])
  })

  it('cannot append again what is there already', async (t) => {
    const { client, producer } = await world(t)
    await produceTo(client, 'orders', batch(['a:1']))

    const again = await send(client, producer, ['a:1'])

    assert.equal(again.errorCode, ErrorCode.INVALID_RECORD)
  })
})
