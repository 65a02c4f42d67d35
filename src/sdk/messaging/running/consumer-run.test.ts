import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { OrderShipped, orders, Stage } from '../../testing/consumer-stage.ts'
import { consumer } from '../consumer.ts'

describe('a consumer', () => {
  it('handles what is published, in order, and commits it', async () => {
    const stage = new Stage()
    const handled: number[] = []
    await stage.place('a', 1, 2, 3)
    const billing = consumer('billing', {
      from: orders,
      startAt: 'earliest',
      otherwise: 'skip',
      on: { OrderPlaced: (e) => handled.push(e.data.n) },
    })

    await stage.start(billing)
    await stage.time.until(() => handled.length === 3)
    await stage.time.advance(200)

    assert.deepEqual(handled, [1, 2, 3])
    assert.equal(await stage.committed('billing'), 3)
  })

  it('sends what handlers publish with its progress', async () => {
    const stage = new Stage()
    await stage.place('a', 1, 2, 3)
    const shipping = consumer('shipping', {
      from: orders,
      startAt: 'earliest',
      otherwise: 'skip',
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          await ctx.publish(OrderShipped({ orderId: data.orderId, n: data.n * 10 }))
        },
      },
    })

    const app = await stage.start(shipping)
    await stage.time.advance(500)

    assert.deepEqual(await stage.numbersIn('shipments'), [10, 20, 30])
    assert.equal(await stage.committed('shipping'), 3)
    await stage.close(app)
    assert.equal(app.run.status().state, 'closed')
  })
})
