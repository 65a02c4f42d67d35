import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { DefinitionError, TwoOwnersError, UnknownEventTypeError } from './errors.ts'
import { event } from './event.ts'
import { ownerOf, ownersOf } from './owners.ts'
import { topic } from './topic.ts'

const data = z.object({ orderId: z.string() })
const OrderPlaced = event('shop.OrderPlaced', data)
const OrderPaid = event('shop.OrderPaid', data)
const key = () => 'k'

describe('an event', () => {
  it('is a function that makes a plain message, with facts beside it', () => {
    const message = OrderPlaced({ orderId: '1' })

    assert.deepEqual(message, { type: 'shop.OrderPlaced', data: { orderId: '1' } })
    assert.equal(OrderPlaced.type, 'shop.OrderPlaced')
    assert.equal(OrderPlaced.name, 'shop.OrderPlaced')
    assert.equal(OrderPlaced.versions.length, 1)
  })

  it('takes no name that is empty, has spaces, or is reserved', () => {
    for (const type of ['', 'shop OrderPlaced', 'a\nb', 'unknown', 'millrace.x', 'x'.repeat(256)]) {
      assert.throws(() => event(type, data), DefinitionError, type)
    }
  })
})

describe('a topic', () => {
  it('is a plain value of what was said', () => {
    const orders = topic('orders', { events: { OrderPlaced }, key, partitions: 12 })

    assert.deepEqual(
      { ...orders },
      {
        kind: 'topic',
        name: 'orders',
        events: { OrderPlaced },
        key,
        partitions: 12,
        store: false,
        config: {},
      },
    )
  })

  it('that is a store has one partition unless told otherwise, and says so to the broker', () => {
    const store = topic('orders', { events: { OrderPlaced }, key, store: true })
    const wide = topic('orders', { events: { OrderPlaced }, key, store: true, partitions: 4 })

    assert.equal(store.partitions, 1)
    assert.equal(wide.partitions, 4)
    assert.equal(store.config['millrace.store'], 'true')
  })

  it('takes only names that Kafka takes, and none that are reserved', () => {
    const named = (name: string) => topic(name, { events: { OrderPlaced }, key })

    for (const name of ['', '.', '..', 'a b', 'a/b', 'ä', 'x'.repeat(250)]) {
      assert.throws(() => named(name), DefinitionError, name)
    }
    for (const name of ['__millrace_parked.billing', '__consumer_offsets', 'millrace.x']) {
      assert.throws(() => named(name), DefinitionError, name)
    }
    assert.equal(named('Orders.v1_2-x').name, 'Orders.v1_2-x')
  })

  it('refuses no events, one type twice, partitions that are none, and a compacted store', () => {
    const again = event('shop.OrderPlaced', data)
    const events = { OrderPlaced }

    assert.throws(() => topic('orders', { events: {}, key }), DefinitionError)
    assert.throws(
      () => topic('orders', { events: { OrderPlaced, again }, key }),
      /shop\.OrderPlaced twice, as OrderPlaced and as again/,
    )
    for (const partitions of [0, -1, 1.5, Number.NaN]) {
      assert.throws(() => topic('orders', { events, key, partitions }), DefinitionError)
    }
    assert.throws(
      () => topic('o', { events, key, store: true, config: { 'cleanup.policy': 'compact' } }),
      DefinitionError,
    )
  })
})

describe('owners', () => {
  const orders = topic('orders', { events: { OrderPlaced }, key })
  const payments = topic('payments', { events: { OrderPaid }, key })

  it('say for each event type which topic it goes to', () => {
    const owners = ownersOf([orders, payments, orders])

    assert.equal(ownerOf(owners, OrderPaid({ orderId: '1' })).topic, payments)
    assert.equal(ownerOf(owners, OrderPlaced({ orderId: '1' })).event, OrderPlaced)
  })

  it('two of one event type are refused, by name', () => {
    const other = topic('archive', { events: { Placed: OrderPlaced }, key })

    assert.throws(
      () => ownersOf([orders, other]),
      (error) =>
        error instanceof TwoOwnersError &&
        error.code === 'two-owners' &&
        error.eventType === 'shop.OrderPlaced' &&
        error.topics.join() === 'orders,archive',
    )
  })

  it('a topic that is declared twice is refused: which of the two would hold?', () => {
    assert.throws(
      () => ownersOf([orders, topic('orders', { events: { OrderPaid }, key })]),
      DefinitionError,
    )
  })

  it('a foreign topic owns nothing', () => {
    const foreign = topic('crm', {
      events: { OrderPlaced },
      typeOf: () => 'shop.OrderPlaced',
      decode: ({ json }) => json,
    })

    const owners = ownersOf([foreign, orders])

    assert.equal(owners.get('shop.OrderPlaced')?.topic, orders)
    assert.throws(
      () => ownerOf(owners, OrderPaid({ orderId: '1' })),
      (error) => error instanceof UnknownEventTypeError && error.eventType === 'shop.OrderPaid',
    )
  })
})
