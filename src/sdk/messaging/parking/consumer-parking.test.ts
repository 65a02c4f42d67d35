// The whole way of an event that cannot be handled: consumer, lot, operator, and back.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  askOwner,
  EVERYTHING,
  GROUP,
  startParking,
} from '../../../../test/support/parking-consumer.ts'
import { OrderPaid, OrderShipped, orders, Stage } from '../../testing/consumer-stage.ts'
import { type Consumer, consumer } from '../consumer.ts'
import type { HandlerContext } from '../context.ts'

/** Handles every number but those that fail now, and ships what it handled. */
function billing(options: { failing: Set<number>; handled: number[] }): Consumer {
  const handle = async (
    { data }: { data: { orderId: string; n: number } },
    ctx: HandlerContext,
  ) => {
    if (options.failing.has(data.n)) throw new Error(`order ${data.n} is refused`)
    await ctx.publish(OrderShipped({ orderId: data.orderId, n: data.n }))
    options.handled.push(data.n)
  }
  return consumer(GROUP, {
    from: orders,
    startAt: 'earliest',
    otherwise: 'skip',
    retry: { attempts: 2 },
    on: { OrderPlaced: handle, OrderPaid: handle },
  })
}

describe('a consumer with a parking lot', () => {
  it('parks a key that fails, lets others go on, and redrives it in order while it grows', async () => {
    const stage = new Stage()
    const failing = new Set([1])
    const handled: number[] = []
    const app = await startParking(stage, billing({ failing, handled }))
    await stage.place('a', 1, 2)
    await stage.place('b', 10)
    await stage.time.advance(60_000)
    assert.deepEqual(handled, [10])
    assert.equal(await stage.committed(GROUP), 3, 'parked events are finished')

    failing.clear()
    await askOwner(stage, EVERYTHING)
    for (const n of [3, 4, 5]) {
      await stage.place('a', n)
      await stage.time.advance(400)
    }
    await stage.time.advance(60_000)
    await stage.publish(OrderPaid({ orderId: 'a', n: 6 }))
    await stage.time.advance(1000)

    assert.deepEqual(handled, [10, 1, 2, 3, 4, 5, 6])
    assert.deepEqual(await stage.numbersIn('shipments'), [10, 1, 2, 3, 4, 5, 6])
    assert.equal(await stage.committed(GROUP), 7)
    await app.close()
  })

  it('keeps an event that fails again, and publishes nothing of it', async () => {
    const stage = new Stage()
    const handled: number[] = []
    const failing = new Set([1])
    const app = await startParking(stage, billing({ failing, handled }))
    await stage.place('a', 1, 2)
    await stage.time.advance(60_000)

    await askOwner(stage, EVERYTHING)
    await stage.time.advance(600_000)
    await app.close()

    const [notice] = app.notices
    assert.equal(notice?.kind === 'redrive-failed' && notice.attempts, 4)
    assert.equal(app.notices.length, 1)
    assert.deepEqual(handled, [])
    failing.clear()
    const next = await startParking(stage, billing({ failing, handled }))
    await stage.place('a', 3)
    await stage.time.advance(60_000)
    assert.deepEqual(handled, [])
    await askOwner(stage, EVERYTHING, { id: 'r2' })
    await stage.time.advance(60_000)
    assert.deepEqual(handled, [1, 2, 3])
    await next.close()
  })

  it('parks what it cannot read with its bytes, and redrives it once it can', async () => {
    const stage = new Stage()
    const handled: number[] = []
    const app = await startParking(stage, billing({ failing: new Set(), handled }))
    await stage.write('a', '{ no JSON', 'shop.OrderPlaced')
    await stage.place('a', 1)
    await stage.time.advance(60_000)
    assert.deepEqual(handled, [])

    await askOwner(stage, EVERYTHING)
    await stage.time.advance(60_000)
    assert.deepEqual(handled, [], 'it is as unreadable as before')
    const selection = { kind: 'event', event: 'orders/0/0' } as const
    await askOwner(stage, { kind: 'discard', selection, reason: 'not ours' }, { id: 'r2' })
    await stage.time.advance(60_000)

    assert.deepEqual(handled, [1])
    await app.close()
  })

  it('stops a partition whose lot is full, drops nothing, and goes on when there is room', async () => {
    const stage = new Stage()
    const failing = new Set([1])
    const handled: number[] = []
    const app = await startParking(stage, billing({ failing, handled }), { parking: { perKey: 2 } })
    await stage.place('a', 1, 2, 3, 4)
    await stage.time.advance(120_000)
    assert.equal(await stage.committed(GROUP), 2)
    assert.ok(app.told.some(({ kind }) => kind === 'park-failed'))

    failing.clear()
    await askOwner(stage, EVERYTHING)
    await stage.time.advance(120_000)

    assert.deepEqual(handled, [1, 2, 3, 4])
    assert.equal(await stage.committed(GROUP), 4)
    await app.close()
  })

  it('shares what its group may park among the partitions that it reads', async () => {
    const stage = new Stage()
    await stage.prepare(2)
    const keys = Array.from({ length: 8 }, (_, index) => `k${index}`)
    for (const [index, key] of keys.entries()) await stage.place(key, index)
    const failing = new Set(keys.keys())
    const app = await startParking(stage, billing({ failing, handled: [] }), {
      parking: { perGroup: 4 },
    })

    await stage.time.advance(60_000)

    const parked = app.told.flatMap((one) =>
      one.kind === 'parked' ? [one.position.partition] : [],
    )
    assert.deepEqual(parked.toSorted(), [0, 0, 1, 1])
    const refused = app.told.find(({ kind }) => kind === 'park-failed')
    assert.match(String(refused?.kind === 'park-failed' && refused.error), /2 parked events of one/)
    await app.close()
  })

  it('goes on with a redrive in the next process, in order', async () => {
    const stage = new Stage()
    const failing = new Set([1])
    const handled: number[] = []
    const first = await startParking(stage, billing({ failing, handled }))
    await stage.place('a', 1, 2, 3, 4, 5)
    await stage.time.advance(60_000)
    failing.clear()
    await askOwner(stage, { kind: 'redrive', selection: { kind: 'all' }, perSecond: 1 })
    await stage.time.until(() => handled.length === 2)
    await first.close()

    const second = await startParking(stage, billing({ failing, handled }))
    await stage.time.advance(60_000)

    assert.deepEqual(handled, [1, 2, 3, 4, 5])
    assert.deepEqual(await stage.numbersIn('shipments'), [1, 2, 3, 4, 5])
    await second.close()
  })
})
