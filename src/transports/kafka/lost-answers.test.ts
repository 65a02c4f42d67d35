// Requests that were carried out and whose answers nobody heard.

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import {
  type CuttingProxy,
  freePort,
  startCuttingProxy,
} from '../../../test/support/cutting-proxy.ts'
import { openTransport, textRecord, valuesOf } from '../../../test/support/kafka-transport.ts'
import { startBroker } from '../../broker/broker.ts'
import { OutcomeUnknownError, SendError } from '../../sdk/transport/errors.ts'
import type { Transport } from '../../sdk/transport/transport.ts'

const PRODUCE = 0
const END_TXN = 26

/** A transport whose only way to the broker can be cut. */
async function setUp(
  t: TestContext,
  deliveryTimeoutMs: number,
): Promise<{
  transport: Transport
  proxy: CuttingProxy
  place: { topic: string; partition: number }
}> {
  const port = await freePort()
  const proxy = await startCuttingProxy(port)
  const broker = await startBroker({
    memory: true,
    listen: `127.0.0.1:${port}`,
    advertise: `127.0.0.1:${proxy.port}`,
  })
  const brokers = `127.0.0.1:${proxy.port}`
  const transport = await openTransport(t, { brokers, deliveryTimeoutMs })
  t.after(async () => {
    await proxy[Symbol.asyncDispose]()
    await broker.close()
  })
  await transport.administration.ensureTopics([{ name: 'orders', partitions: 1 }])
  return { transport, proxy, place: { topic: 'orders', partition: 0 } }
}

async function textsIn(transport: Transport, place: { topic: string; partition: number }) {
  const { records } = await transport.reader.read({ ...place, fromOffset: 0, maxBytes: 100_000 })
  return valuesOf(records)
}

describe('an answer that is lost', () => {
  it('to a commit is asked for again: the transaction is committed, once', async (t) => {
    const { transport, proxy, place } = await setUp(t, 60_000)
    const producer = await transport.transactionalProducer('tx')
    proxy.cutAfter(END_TXN)

    const done = producer.transaction((transaction) =>
      transaction.send({ ...place, records: [textRecord('a')] }),
    )
    await proxy.cut
    proxy.mend()
    await done

    assert.deepEqual(await textsIn(transport, place), ['a'])
  })

  it('to a commit until time is over leaves the outcome unknown, and the next one works', async (t) => {
    const { transport, proxy, place } = await setUp(t, 600)
    const producer = await transport.transactionalProducer('tx')
    proxy.cutAfter(END_TXN)

    const done = producer.transaction((transaction) =>
      transaction.send({ ...place, records: [textRecord('a')] }),
    )

    await assert.rejects(done, OutcomeUnknownError)
    proxy.mend()
    await producer.transaction((transaction) =>
      transaction.send({ ...place, records: [textRecord('b')] }),
    )
    assert.deepEqual(await textsIn(transport, place), ['a', 'b'])
  })

  it('to a send is asked for again: the records stand there once', async (t) => {
    const { transport, proxy, place } = await setUp(t, 60_000)
    const producer = await transport.producer()
    proxy.cutAfter(PRODUCE)

    const sending = producer.send({ ...place, records: [textRecord('a')] })
    await proxy.cut
    const next = producer.send({ ...place, records: [textRecord('b')] })
    proxy.mend()

    const sent = await Promise.all([sending, next])
    assert.deepEqual(
      sent.map(({ baseOffset }) => baseOffset),
      [0, 1],
    )
    assert.deepEqual(await textsIn(transport, place), ['a', 'b'])
  })

  it('to a send until time is over leaves its outcome unknown, and the next stand behind', async (t) => {
    const { transport, proxy, place } = await setUp(t, 600)
    const producer = await transport.producer()
    proxy.cutAfter(PRODUCE)

    const sending = producer.send({ ...place, records: [textRecord('a')] })

    await assert.rejects(
      sending,
      (error) => error instanceof SendError && error.outcome === 'unknown',
    )
    proxy.mend()
    await producer.send({ ...place, records: [textRecord('b')] })
    assert.deepEqual(await textsIn(transport, place), ['a', 'b'])
  })
})
