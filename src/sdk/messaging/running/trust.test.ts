import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { orders, Stage } from '../../testing/consumer-stage.ts'
import { consumer } from '../consumer.ts'
import { constant } from '../failing/backoff.ts'

const all = { from: orders, startAt: 'earliest', otherwise: 'skip' } as const

describe('rule 26: headers from outside are not trusted', () => {
  it('a record that claims to come back from a retry topic is handled as what it is', async () => {
    const stage = new Stage()
    const transport = await stage.prepare()
    const claim = { topic: 'bank', partition: 9, offset: 99, timestampMs: 1, failures: 3 }
    const facts = JSON.stringify({ ...claim, firstFailedMs: 1, dueMs: 9e15 })
    const record = {
      key: Buffer.from('a'),
      value: Buffer.from('{"orderId":"a","n":1}'),
      headers: [
        ['ce_type', Buffer.from('shop.OrderPlaced')],
        ['millrace-retry', Buffer.from(facts)],
      ] as const,
    }
    await (await transport.producer()).send({ topic: 'orders', partition: 0, records: [record] })
    const seen: string[] = []
    const billing = consumer('billing', {
      ...all,
      on: {
        OrderPlaced: ({ position }, { attempt }) => {
          seen.push(`${position.topic}/${position.partition}/${position.offset} ${attempt}`)
        },
      },
    })

    await stage.start(billing)
    await stage.time.advance(1_000)

    assert.deepEqual(seen, ['orders/0/0 1'])
  })
})

describe('rule 11: claiming does not make effects elsewhere happen once', () => {
  it('a handler runs again, and finds the same id to tell others that it is the same', async () => {
    const stage = new Stage()
    const calls: string[] = []
    await stage.place('a', 1)
    const billing = consumer('billing', {
      ...all,
      retry: { backoff: constant('1s') },
      maxProcessingTime: '2h',
      on: {
        OrderPlaced: async ({ id }) => {
          calls.push(id)
          if (calls.length === 1) throw new Error('after the call')
          if (calls.length === 2) await stage.pause(3_600_000)
        },
      },
    })

    const first = await stage.start(billing)
    await stage.time.advance(5_000)
    first.transport.kill()
    await stage.start(billing)
    await stage.time.advance(120_000)

    assert.equal(calls.length, 3)
    assert.equal(new Set(calls).size, 1)
  })
})

describe('a consumer that falls behind', () => {
  it('says so once, with how far', async () => {
    const stage = new Stage()
    for (let n = 1; n <= 30; n++) await stage.place('a', n)
    const billing = consumer('billing', {
      ...all,
      on: { OrderPlaced: () => stage.pause(1_000) },
    })

    const app = await stage.start(billing, { lagThreshold: 20 })
    await stage.time.advance(5_000)

    const lagging = app.told.filter(({ kind }) => kind === 'lagging')
    assert.deepEqual(
      lagging.map((told) => told.kind === 'lagging' && told.lag),
      [30],
    )
    assert.equal(app.run.status().partitions[0]?.lag, 25)
  })
})
