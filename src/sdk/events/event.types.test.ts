// What the compiler must take and refuse, checked by `npm run check`. The bodies also run.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { toStandardJsonSchema } from '@valibot/to-json-schema'
import { type } from 'arktype'
import * as v from 'valibot'
import { z } from 'zod'
import { event, type MessageOf, type StoredEventOf } from './event.ts'
import { topic } from './topic.ts'
import { versions } from './versions.ts'

const v1 = z.object({ orderId: z.string(), total: z.number() })
const v2 = v1.extend({ currency: z.enum(['EUR', 'USD']) })
const OrderPlaced = event(
  'shop.OrderPlaced',
  versions(v1).next(v2, (old) => ({ ...old, currency: 'EUR' as const })),
)
const OrderPaid = event(
  'shop.OrderPaid',
  toStandardJsonSchema(v.object({ orderId: v.string(), paymentId: v.string() })),
)
const OrderCancelled = event('shop.OrderCancelled', type({ orderId: 'string', reason: 'string' }))
const ShopOpened = event('shop.ShopOpened')

/** True when the two are the same type, not only assignable. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
const same = <A, B>(..._: Same<A, B> extends true ? [] : [never]) => assert.ok(true)

describe('types of events', () => {
  it('a message has the literal type and the data of the schema, in zod, valibot and arktype', () => {
    same<MessageOf<typeof OrderPlaced>['type'], 'shop.OrderPlaced'>()
    same<
      MessageOf<typeof OrderPlaced>['data'],
      { orderId: string; total: number; currency: 'EUR' | 'USD' }
    >()
    same<MessageOf<typeof OrderPaid>['data'], { orderId: string; paymentId: string }>()
    same<MessageOf<typeof OrderCancelled>['data'], { orderId: string; reason: string }>()
  })

  it('a payload that does not fit is refused by the compiler', () => {
    // @ts-expect-error currency is missing: the newest version is what is published
    OrderPlaced({ orderId: '1', total: 5 })
    // @ts-expect-error total is no string
    OrderPlaced({ orderId: '1', total: '5', currency: 'EUR' })
    // @ts-expect-error no such field
    OrderPaid({ orderId: '1', paymentId: 'p', paid: true })
    // @ts-expect-error reason is missing
    OrderCancelled({ orderId: '1' })
    // @ts-expect-error it has no data
    ShopOpened({ at: 'noon' })
    // @ts-expect-error it has data
    OrderPaid()
  })

  it('a message is made of the input, a handler is given the output', () => {
    const instant = z.codec(z.iso.datetime(), z.date(), {
      decode: (text) => new Date(text),
      encode: (date) => date.toISOString(),
    })
    const Measured = event('iot.Measured', z.object({ at: instant, unit: z.string().default('C') }))

    same<MessageOf<typeof Measured>['data'], { at: string; unit?: string | undefined }>()
    same<StoredEventOf<typeof Measured>['data'], { at: Date; unit: string }>()
    // @ts-expect-error the wire form of an instant is a string
    Measured({ at: new Date(0) })
  })

  it('an upcast must take the old output and make an input of the new version', () => {
    // @ts-expect-error currency is missing
    versions(v1).next(v2, (old) => ({ ...old }))
    // @ts-expect-error GBP is none of the currencies
    versions(v1).next(v2, (old) => ({ ...old, currency: 'GBP' as const }))
    // @ts-expect-error the old version has no such field
    versions(v1).next(v2, (old) => ({ ...old, currency: old.currency }))
  })

  it('the key is a function of every event of the topic', () => {
    const events = { OrderPlaced, OrderPaid, OrderCancelled }
    topic('orders', { events, key: (e) => e.data.orderId })
    // @ts-expect-error not every event has a total
    topic('orders', { events, key: (e) => e.data.total })
    topic('orders', {
      events,
      key: (e) => (e.type === 'shop.OrderPaid' ? e.data.paymentId : e.data.orderId),
    })
    // @ts-expect-error a key is required
    assert.ok(topic('orders', { events }))
    // @ts-expect-error a key is a string
    topic('orders', { events, key: () => 7 })
  })
})
