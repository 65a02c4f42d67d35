import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  askOwner,
  EVERYTHING,
  GROUP,
  startParking,
} from '../../../../test/support/parking-consumer.ts'
import { sqlite } from '../../../transports/sqlite/sqlite.ts'
import { topic } from '../../events/topic.ts'
import {
  OrderPaid,
  OrderPlaced,
  OrderShipped,
  orders,
  Stage,
  shipments,
} from '../../testing/consumer-stage.ts'
import { consumer } from '../consumer.ts'
import { constant } from '../failing/backoff.ts'
import { inbox } from '../inbox/inbox.ts'

const both = { from: [orders, shipments], startAt: 'earliest', otherwise: 'skip' } as const

async function committed(stage: Stage, group: string) {
  const commits = [orders, shipments].map(({ name }) => stage.committed(group, name))
  return Promise.all(commits)
}

describe('a consumer of several topics', () => {
  it('reads each as that topic has it, and commits each', async () => {
    const stage = new Stage()
    const handled: string[] = []
    await stage.place('a', 1)
    await stage.publish(OrderShipped({ orderId: 'a', n: 2 }))
    // Well formed, but no event of the topic in which it stands.
    await stage.write('a', '{"orderId":"a","n":3}', 'shop.OrderPlaced', shipments.name)
    await stage.publish(OrderPaid({ orderId: 'a', n: 4 }))
    const reporting = consumer('reporting', {
      ...both,
      unknown: 'park',
      on: {
        OrderPlaced: ({ data, type }) => handled.push(`${type} ${data.n}`),
        OrderPaid: ({ data, type }) => handled.push(`${type} ${data.n}`),
        OrderShipped: ({ data, type }) => handled.push(`${type} ${data.n}`),
      },
    })

    const app = await stage.start(reporting)
    await stage.time.advance(1_000)

    const expected = ['shop.OrderPaid 4', 'shop.OrderPlaced 1', 'shop.OrderShipped 2']
    assert.deepEqual(handled.toSorted(), expected)
    assert.deepEqual(stage.lot.parked, ['unknown 3'])
    assert.equal(stage.lot.entries[0]?.record.topic, 'shipments')
    assert.deepEqual(await committed(stage, 'reporting'), [2, 2])
    assert.deepEqual(
      app.run.status().partitions.map(({ topic: name, watermark, lag }) => [name, watermark, lag]),
      [
        ['orders', 2, 0],
        ['shipments', 2, 0],
      ],
    )
  })

  it('begins in all of them where it is told to', async () => {
    const stage = new Stage()
    const handled: number[] = []
    await stage.place('a', 1)
    await stage.publish(OrderShipped({ orderId: 'a', n: 2 }))
    const reporting = consumer('reporting', {
      ...both,
      startAt: 'latest',
      on: {
        OrderPlaced: ({ data }) => handled.push(data.n),
        OrderShipped: ({ data }) => handled.push(data.n),
      },
    })

    await stage.start(reporting)
    await stage.time.advance(1_000)
    await stage.publish(OrderShipped({ orderId: 'a', n: 3 }))
    await stage.place('a', 4)
    await stage.time.advance(1_000)

    assert.deepEqual(handled.toSorted(), [3, 4])
  })

  it('keeps the order of a key in each topic, and none between them', async () => {
    const stage = new Stage()
    const handled: string[] = []
    let failures = 0
    await stage.place('a', 1, 2)
    for (const n of [1, 2]) await stage.publish(OrderShipped({ orderId: 'a', n }))
    const reporting = consumer('reporting', {
      ...both,
      retry: { backoff: constant('10s') },
      on: {
        OrderPlaced: ({ data }) => {
          if (data.n === 1 && ++failures < 3) throw new Error('not yet')
          handled.push(`placed ${data.n}`)
        },
        OrderShipped: ({ data }) => handled.push(`shipped ${data.n}`),
      },
    })

    await stage.start(reporting)
    await stage.time.advance(60_000)

    assert.deepEqual(handled, ['shipped 1', 'shipped 2', 'placed 1', 'placed 2'])
  })

  it('parks a key in the topic in which it failed, and hands it back from there', async () => {
    const stage = new Stage()
    const handled: string[] = []
    let isFixed = false
    const billing = consumer(GROUP, {
      ...both,
      retry: { attempts: 1 },
      on: {
        OrderPlaced: ({ data }) => handled.push(`placed ${data.n}`),
        OrderShipped: ({ data, position }) => {
          if (!isFixed) throw new Error('not yet')
          handled.push(`shipped ${data.n} of ${position.topic}`)
        },
      },
    })
    const app = await startParking(stage, billing)
    for (const n of [1, 2]) {
      await stage.place('a', n)
      await stage.publish(OrderShipped({ orderId: 'a', n }))
    }
    await stage.time.advance(10_000)
    assert.deepEqual(handled, ['placed 1', 'placed 2'])
    assert.deepEqual(await committed(stage, GROUP), [2, 2])

    isFixed = true
    await askOwner(stage, EVERYTHING, { topic: shipments.name })
    await stage.time.advance(10_000)

    assert.deepEqual(handled.slice(2), ['shipped 1 of shipments', 'shipped 2 of shipments'])
    await app.close()
  })

  it('tries events again from one retry topic, each as an event of its own', async () => {
    const stage = new Stage()
    const handled: string[] = []
    await stage.place('a', 1)
    await stage.publish(OrderShipped({ orderId: 'a', n: 2 }))
    const again = (attempt: number, what: string) => {
      if (attempt === 1) throw new Error('not yet')
      handled.push(what)
    }
    const reporting = consumer('reporting', {
      ...both,
      order: 'none',
      retry: { backoff: constant('1s'), mode: 'retry-topic' },
      on: {
        OrderPlaced: ({ position }, { attempt }) => again(attempt, position.topic),
        OrderShipped: ({ position }, { attempt }) => again(attempt, position.topic),
      },
    })

    await stage.start(reporting)
    await stage.time.advance(30_000)

    assert.deepEqual(handled.toSorted(), ['orders', 'shipments'])
  })

  it('claims the events of all of them', async () => {
    const stage = new Stage()
    await using tables = sqlite({ file: ':memory:' })
    const handled: string[] = []
    await stage.place('a', 1)
    await stage.publish(OrderShipped({ orderId: 'a', n: 1 }))
    const reporting = consumer('reporting', {
      ...both,
      dedupe: inbox(tables, { keep: '7d' }),
      on: {
        OrderPlaced: ({ type }) => handled.push(type),
        OrderShipped: ({ type }) => handled.push(type),
      },
    })

    const first = await stage.start(reporting)
    await stage.time.settle()
    first.transport.kill()
    assert.equal(handled.length, 2)
    await stage.start(reporting)
    await stage.time.advance(120_000)

    assert.deepEqual(handled.toSorted(), ['shop.OrderPlaced', 'shop.OrderShipped'])
    assert.deepEqual(await committed(stage, 'reporting'), [1, 1])
  })

  it('orders events of a foreign topic by the key that the topic makes, others by their own', async () => {
    const stage = new Stage()
    const handled: string[] = []
    const foreign = topic('shipments', {
      events: { OrderShipped },
      typeOf: () => 'shop.OrderShipped',
      decode: ({ json }) => json,
      key: ({ data }) => data.orderId,
    })
    for (const n of [1, 2]) await stage.write(null, `{"orderId":"a","n":${n}}`, '', foreign.name)
    await stage.publish(OrderPlaced({ orderId: 'b', n: 3 }))
    const reporting = consumer('reporting', {
      ...both,
      from: [orders, foreign],
      on: {
        OrderPlaced: ({ key }) => handled.push(`placed ${key}`),
        OrderShipped: async ({ data, key }) => {
          if (data.n === 1) await stage.pause(5_000)
          handled.push(`shipped ${key} ${data.n}`)
        },
      },
    })

    await stage.start(reporting)
    await stage.time.advance(10_000)

    assert.deepEqual(handled, ['placed b', 'shipped a 1', 'shipped a 2'])
  })
})
