// What the compiler must take, and what it must refuse. `npm run check` compiles this file; running it
// shows that the definitions of the target code are plain values.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { DefinitionError } from '../events/errors.ts'
import { event } from '../events/event.ts'
import { topic } from '../events/topic.ts'
import { versions } from '../events/versions.ts'
import type { SqlTransaction } from '../transport/tables.ts'
import { consumer } from './consumer.ts'
import type { Dedupe } from './dedupe.ts'
import { exponential } from './failing/backoff.ts'

const v1 = z.object({ orderId: z.string(), total: z.number() })
const v2 = v1.extend({ currency: z.enum(['EUR', 'USD']) })
const OrderPlaced = event(
  'shop.OrderPlaced',
  versions(v1).next(v2, (old) => ({ ...old, currency: 'EUR' as const })),
)
const OrderPaid = event('shop.OrderPaid', z.object({ orderId: z.string(), paymentId: z.string() }))
const orders = topic('orders', {
  events: { OrderPlaced, OrderPaid },
  key: (e) => e.data.orderId,
  partitions: 12,
})
const all = { from: orders, startAt: 'earliest', otherwise: 'skip' } as const
class CardDeclined extends Error {}
const claims: Dedupe = {
  prepare: async () => undefined,
  once: async (fresh, work) => {
    const transaction: SqlTransaction = { sql: async () => [] }
    return { fresh, outputs: [await work(transaction, fresh)] }
  },
}

describe('a consumer', () => {
  it('is a plain value, with the data of the newest version in its handlers', () => {
    const billing = consumer('billing', {
      from: orders,
      startAt: 'earliest',
      otherwise: 'skip',
      order: 'key',
      concurrency: 32,
      retry: {
        attempts: 6,
        backoff: exponential('200ms', { max: '30s', jitter: 'full' }),
        mode: 'hold-key',
        retryIf: (error) => !(error instanceof CardDeclined),
      },
      whenExhausted: 'park-key',
      dedupe: claims,
      on: {
        OrderPlaced: async (e, ctx) => {
          const currency: 'EUR' | 'USD' = e.data.currency
          const { total } = e.data
          await ctx.tx.sql`insert into charges values (${e.id}, ${total}, ${currency})`
          ctx.signal.throwIfAborted()
          await ctx.publish(OrderPaid({ orderId: e.data.orderId, paymentId: 'p1' }))
          // @ts-expect-error wrong payload
          if (total < 0) await ctx.publish(OrderPaid({ orderId: 1 }))
        },
        // @ts-expect-error no such field in the data of OrderPaid
        OrderPaid: (e) => e.data.total,
      },
    })

    assert.equal(billing.group, 'billing')
    assert.equal(billing.concurrency, 32)
    assert.equal(Object.isFrozen(billing), true)
  })

  it('has no transaction without dedupe', () => {
    consumer('billing', {
      ...all,
      on: {
        // @ts-expect-error possibly undefined
        OrderPlaced: (_, ctx) => ctx.tx.sql`select 1`,
      },
    })
  })

  it('is given the events of its topic in a batch, and the transaction that claims them', () => {
    consumer('billing', {
      ...all,
      dedupe: claims,
      batch: { max: 10, handle: ([{ data }], { tx }) => tx.sql`select ${data.orderId}` },
    })
    consumer('billing', {
      ...all,
      batch: {
        max: 100,
        handle: ([first, ...others]) => {
          const type: 'shop.OrderPlaced' | 'shop.OrderPaid' = first.type
          assert.ok(type !== undefined && others.length >= 0)
        },
      },
    })
  })

  it('is given the events of all its topics, each with its own data', () => {
    const StockReserved = event('stock.Reserved', z.object({ sku: z.string() }))
    const stock = topic('stock', { events: { StockReserved }, key: (e) => e.data.sku })
    // The same names and one more: the narrower type must not swallow the wider one.
    const Refunded = event('shop.Refunded', z.object({ orderId: z.string() }))
    const more = topic('more', { events: { StockReserved, Refunded }, key: () => 'one' })

    const reporting = consumer('reporting', {
      ...all,
      from: [orders, stock],
      on: {
        OrderPlaced: (e) => e.data.total.toFixed(2),
        StockReserved: (e) => e.data.sku.trim(),
        // @ts-expect-error no such field in the data of OrderPaid
        OrderPaid: (e) => e.data.sku,
      },
    })
    consumer('reporting', {
      ...all,
      from: [stock, more],
      batch: {
        max: 10,
        handle: ([{ type }]) => {
          const known: 'stock.Reserved' | 'shop.Refunded' = type
          // @ts-expect-error it may be the other one, too
          const first: 'stock.Reserved' = type
          assert.equal(known, first)
        },
      },
    })

    assert.deepEqual(
      reporting.from.map(({ name }) => name),
      ['orders', 'stock'],
    )
    const unknown = () =>
      consumer('reporting', {
        ...all,
        from: [orders, stock],
        on: {
          // @ts-expect-error unknown event name
          Nope: () => undefined,
        },
      })
    assert.throws(unknown, /handles Nope, which is no event of topic orders or stock/)
  })

  it('refuses topics that it cannot tell apart', () => {
    const Other = event('bank.OrderPaid', z.object({ iban: z.string() }))
    const bank = topic('bank', { events: { OrderPaid: Other }, key: (e) => e.data.iban })
    const decode = { typeOf: () => 'shop.OrderPaid', decode: () => undefined }
    const mirrored = topic('mirrored.orders', { events: { OrderPaid }, ...decode })

    const clashing = () => consumer('reporting', { ...all, from: [orders, bank], on: {} })
    assert.throws(
      clashing,
      /cannot tell shop\.OrderPaid of topic orders from bank\.OrderPaid of topic bank: both are called OrderPaid/,
    )
    assert.throws(() => consumer('reporting', { ...all, from: [], on: {} }), /reads from no topic/)
    assert.throws(
      () => consumer('reporting', { ...all, from: [orders, orders], on: {} }),
      /reads from topic orders twice/,
    )
    assert.throws(
      // @ts-expect-error as a module that is still being loaded has it
      () => consumer('reporting', { ...all, from: [orders, undefined], on: {} }),
      /reads from undefined: do two modules import each other/,
    )
    // One event in two topics is one event, whichever of them it comes by.
    const same = consumer('reporting', {
      ...all,
      from: [orders, mirrored],
      on: { OrderPaid: (e) => e.data.paymentId },
    })
    assert.equal(same.from.length, 2)
  })

  it('must say where it begins and what becomes of other events', () => {
    // @ts-expect-error startAt is missing
    consumer('billing', { from: orders, otherwise: 'skip', on: {} })
    // @ts-expect-error otherwise is missing
    consumer('billing', { from: orders, startAt: 'latest', on: {} })
  })

  it('refuses what cannot work, with what to do instead', () => {
    const unknown = () =>
      consumer('billing', {
        ...all,
        on: {
          // @ts-expect-error unknown event name
          Nope: () => undefined,
        },
      })

    assert.throws(unknown, /handles Nope, which is no event of topic orders/)
    assert.throws(() => consumer('', { ...all, on: {} }), DefinitionError)
    assert.throws(() => consumer('billing', { ...all }), /either `on`.*or `batch`/)
    assert.throws(() => consumer('billing', { ...all, concurrency: 0, on: {} }), /concurrency 0/)
    const parked = { perGroup: 0.5 }
    assert.throws(() => consumer('billing', { ...all, parked, on: {} }), /parked\.perGroup 0\.5/)
    const batch = { max: 10, handle: () => undefined }
    assert.throws(
      () => consumer('billing', { ...all, order: 'none', batch }),
      /cannot make batches with order: 'none'/,
    )
  })
})
