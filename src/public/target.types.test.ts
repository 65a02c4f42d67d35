// What an application may write, in one piece and through the public door: it compiles, with what the
// compiler must refuse marked in place, and it runs on the embedded engine. Other tests try each part
// of it; this one is held to their fitting together as a user reads them.

import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { z } from 'zod'
import { kafka } from './kafka.ts'
import {
  type App,
  type AppNotification,
  connect,
  consumer,
  embedded,
  event,
  exponential,
  inbox,
  mergeTokens,
  type Published,
  sqlite,
  type Tables,
  topic,
  versions,
} from './millrace.ts'

// 1 Define: an event is a function that makes a plain { type, data }.

const v1 = z.object({ orderId: z.string(), total: z.number() })
const v2 = v1.extend({ currency: z.enum(['EUR', 'USD']) })
const OrderPlaced = event(
  'shop.OrderPlaced',
  versions(v1).next(v2, (old) => ({ ...old, currency: 'EUR' as const })),
)
const OrderPaid = event('shop.OrderPaid', z.object({ orderId: z.string(), paymentId: z.string() }))
const OrderCancelled = event(
  'shop.OrderCancelled',
  z.object({ orderId: z.string(), reason: z.string() }),
)
const orderEvents = { OrderPlaced, OrderPaid, OrderCancelled }
const orders = topic('orders', { events: orderEvents, key: (e) => e.data.orderId, partitions: 12 })

// 2 Consume: ordered by key; a retry holds only its key, and then parks it.

class CardDeclined extends Error {}

interface Charge {
  readonly amount: number
  readonly idempotencyKey: string
  readonly signal: AbortSignal
}

/** Declines more than 100, and cannot be reached the first time that it would take something. */
class Cards {
  readonly charged: Charge[] = []
  #isReachable = false

  async charge(charge: Charge): Promise<{ readonly id: string }> {
    charge.signal.throwIfAborted()
    if (charge.amount > 100) throw new CardDeclined(`${charge.amount} is too much`)
    if (!this.#isReachable) {
      this.#isReachable = true
      throw new Error('no connection')
    }
    this.charged.push(charge)
    return { id: `p${this.charged.length}` }
  }
}

function billingOf(cards: Cards, tables: Tables) {
  return consumer('billing', {
    from: orders,
    startAt: 'earliest',
    otherwise: 'skip',
    order: 'key',
    concurrency: 32,
    retry: {
      attempts: 6,
      backoff: exponential('20ms', { max: '30s', jitter: 'full' }),
      mode: 'hold-key',
      retryIf: (error) => !(error instanceof CardDeclined),
    },
    whenExhausted: 'park-key',
    dedupe: inbox(tables, { keep: '7d' }),
    on: {
      OrderPlaced: async (e, ctx) => {
        const currency: 'EUR' | 'USD' = e.data.currency
        const { total: amount, orderId } = e.data
        const pay = await cards.charge({ amount, idempotencyKey: e.id, signal: ctx.signal })
        await ctx.tx.sql`insert into charges values (${orderId}, ${amount}, ${currency})`
        await ctx.publish(OrderPaid({ orderId, paymentId: pay.id }))
      },
    },
  })
}

// 8 Run, publish, close.

describe('an application', () => {
  let folder = ''
  const opened: Tables[] = []
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-target-'))
  })
  after(async () => {
    for (const tables of opened) await tables.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('publishes, bills once, tries again, parks, and drains', async () => {
    const broker = embedded({ dir: join(folder, 'data'), listen: false })
    const tables = sqlite({ file: join(folder, 'shop.sqlite') })
    opened.push(tables)
    await tables.begin(({ sql }) => sql`create table charges (orderId, amount, currency)`)
    const cards = new Cards()
    const told: AppNotification[] = []
    const paid: string[] = []
    const mails = consumer('mails', {
      from: [orders],
      startAt: 'earliest',
      otherwise: 'skip',
      on: {
        OrderPaid: (e) => {
          paid.push(`${e.data.orderId} by ${e.causationId}, of ${e.correlationId}, from ${e.key}`)
        },
      },
    })

    const app = await connect({
      service: 'shop',
      broker,
      run: [billingOf(cards, tables), mails],
      accept: ['no-replay'],
      onNotification: (notification) => told.push(notification),
      log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    })
    const small = OrderPlaced({ orderId: '42', total: 10, currency: 'USD' })
    const first = await app.publish(small, { id: 'placed-42' })
    const again = await app.publish(small, { id: 'placed-42' })
    const others = await app.publish([
      OrderPlaced({ orderId: '43', total: 1000, currency: 'EUR' }),
      OrderCancelled({ orderId: '43', reason: 'too dear' }),
    ])
    await until(() => isPast(app, [again, ...others]) && paid.length > 0, 'all of it is finished')

    assert.equal(first.id, 'placed-42')
    assert.equal(first.position.topic, 'orders')
    assert.deepEqual(new Set(paid), new Set(['42 by placed-42, of placed-42, from 42']))
    assert.deepEqual(
      cards.charged.map(({ amount, idempotencyKey }) => [amount, idempotencyKey]),
      [[10, 'placed-42']],
    )
    const rows = await tables.begin(({ sql }) => sql`select * from charges`)
    assert.deepEqual(rows, [{ orderId: '42', amount: 10, currency: 'USD' }])
    const parked = told.flatMap((one) => (one.kind === 'parked' ? [one] : []))
    assert.deepEqual(
      parked.map(
        ({ reason, failure }) => `${reason} ${failure?.attempts} ${failure?.errorMessage}`,
      ),
      ['failed 1 1000 is too much', 'follows undefined undefined'],
    )
    assert.deepEqual(await app.close({ drain: '20s' }), { unsent: [] })
  })

  it('publishes later, and says how far to read to see what it wrote', async () => {
    const paid: string[] = []
    const mails = consumer('mails', {
      ...{ from: orders, startAt: 'earliest', otherwise: 'skip' },
      on: { OrderPaid: (e) => void paid.push(e.id) },
    })
    const broker = embedded({ memory: true, listen: false })
    const app = await connect({ service: 'shop', broker, run: [mails] })
    const event = OrderPaid({ orderId: '42', paymentId: 'p1' })

    const { token } = await app.publish(event, { id: 'paid-42', delay: '50ms' })
    const now = await app.publish(event, { id: 'paid-41' })
    await until(() => paid.length === 2, 'both have come')

    assert.deepEqual(paid.toSorted(), ['paid-41', 'paid-42'])
    assert.match(mergeTokens(token, now.token), /^m1\./)
    const wrong = () => {
      // @ts-expect-error no duration
      void app.publish(event, { delay: 'soon' })
      // @ts-expect-error a moment is a Date
      void app.publish(event, { at: '2026-01-01' })
    }
    assert.equal(typeof wrong, 'function')
    await app.close()
  })

  it('is refused by the compiler where it is wrong, and at run time all the same', async () => {
    const wrong = () => {
      // @ts-expect-error currency is missing: the newest version is what is published
      OrderPlaced({ orderId: '1', total: 5 })
      // @ts-expect-error orderId is no number
      OrderPlaced({ orderId: 1, total: 5, currency: 'EUR' })
      // @ts-expect-error GBP is none of the currencies
      versions(v1).next(v2, (old) => ({ ...old, currency: 'GBP' as const }))
      // @ts-expect-error not every event has a total
      topic('orders', { events: orderEvents, key: (e) => e.data.total })
      // @ts-expect-error a key is required
      assert.ok(topic('orders', { events: orderEvents }))
      // @ts-expect-error 7 days is no duration
      inbox(opened[0]!, { keep: '7 days' })
      // @ts-expect-error there is no such jitter
      exponential('200ms', { jitter: 'some' })
      const all = { from: orders, startAt: 'earliest', otherwise: 'skip' } as const
      // @ts-expect-error unknown event name
      consumer('billing', { ...all, on: { Nope: () => undefined } })
      // @ts-expect-error startAt is missing
      consumer('billing', { from: orders, otherwise: 'skip', on: {} })
      // @ts-expect-error otherwise is missing
      consumer('billing', { from: orders, startAt: 'earliest', on: {} })
      // @ts-expect-error there is no such policy
      consumer('billing', { ...all, otherwise: 'ignore', on: {} })
      consumer('billing', {
        ...all,
        on: {
          // @ts-expect-error no such field in the data of OrderPaid
          OrderPaid: (e) => e.data.total,
          // @ts-expect-error without dedupe there is no transaction
          OrderPlaced: (_, ctx) => ctx.tx.sql`select 1`,
          // @ts-expect-error wrong payload
          OrderCancelled: (_, ctx) => ctx.publish(OrderPaid({ orderId: 1, paymentId: 'p' })),
        },
      })
      // @ts-expect-error a service has a name
      void connect({ broker: embedded({ memory: true }) })
      // @ts-expect-error there is no such thing to do without
      void connect({ service: 'shop', broker: embedded({ memory: true }), accept: ['no-log'] })
    }
    assert.equal(typeof wrong, 'function')

    const app = await connect({
      service: 'shop',
      broker: embedded({ memory: true, listen: false }),
      topics: [orders],
    })
    const untyped: { type: string; data: unknown } = {
      type: 'shop.OrderPlaced',
      data: { total: 5 },
    }
    await assert.rejects(app.publish(untyped), /shop\.OrderPlaced was not written.* orderId/)
    await app.close()
  })

  it('is the same on any Kafka: only the broker is another value', async () => {
    const elsewhere: Parameters<typeof connect>[0] = {
      service: 'shop',
      broker: kafka({ brokers: ['k1:9092', 'k2:9092'] }),
      topics: [orders],
    }

    assert.equal(elsewhere.broker.name, 'kafka')
  })
})

/** Whether billing has finished these events, whatever became of them. */
function isPast(app: App, events: readonly Published[]): boolean {
  const billing = app.status().consumers.find(({ group }) => group === 'billing')
  return events.every(({ position }) => {
    const at = billing?.partitions.find(({ partition }) => partition === position.partition)
    return at !== undefined && at.watermark > position.offset
  })
}

async function until(isSo: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!isSo()) {
    if (Date.now() > deadline) assert.fail(`not within half a minute: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
