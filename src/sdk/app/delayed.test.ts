import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { z } from 'zod'
import { until } from '../../../test/support/until.ts'
import { event } from '../events/event.ts'
import { topic } from '../events/topic.ts'
import { consumer } from '../messaging/consumer.ts'
import { memory } from '../testing/memory/memory.ts'
import type { Engine } from '../transport/transport.ts'
import { type ConnectOptions, connect } from './connect.ts'

const OrderPlaced = event('shop.OrderPlaced', z.object({ orderId: z.string() }))
const PaymentMissed = event('shop.PaymentMissed', z.object({ orderId: z.string() }))
const orders = topic('orders', {
  events: { OrderPlaced, PaymentMissed },
  key: (message) => message.data.orderId,
})
const silent = { info: () => undefined, warn: () => undefined, error: () => undefined }

async function open(t: TestContext, options: Partial<ConnectOptions> & { broker: Engine }) {
  const app = await connect({ ...{ service: 'shop', topics: [orders], log: silent }, ...options })
  t.after(() => app.close({ drain: '0ms' }))
  return app
}

describe('an application that delays events', () => {
  it('publishes them later, from handlers too, and says what waits', async (t) => {
    const seen: string[] = []
    const billing = consumer('billing', {
      ...{ from: orders, startAt: 'earliest', otherwise: 'skip' },
      on: {
        OrderPlaced: async ({ data }, ctx) => {
          seen.push('placed')
          await ctx.publish(PaymentMissed(data), { delay: '50ms' })
          await ctx.publish(PaymentMissed(data), { delay: '30d' })
        },
        PaymentMissed: ({ causationId }) => void seen.push(`missed ${causationId}`),
      },
    })
    const app = await open(t, { broker: memory(), run: [billing] })
    assert.equal(app.status().delayed.state, 'idle')

    await app.publish(OrderPlaced({ orderId: '1' }), { id: 'o1', delay: '20ms' })
    await until(() => seen.length === 2)

    assert.deepEqual(seen, ['placed', 'missed o1'])
    await until(() => app.status().delayed.waiting === 1)
    const { state, nextDue, refused } = app.status().delayed
    assert.equal(state, 'running')
    assert.ok(nextDue !== undefined && nextDue.getTime() > Date.now() + 29 * 86_400_000)
    assert.deepEqual(refused, [])
    await app.close()
    assert.equal(app.status().delayed.state, 'closed')
  })

  it('is told in a sentence when its engine cannot hold them', async (t) => {
    const whole = memory()
    const capabilities = { ...whole.capabilities, compaction: false }
    const broker: Engine = {
      ...{ name: 'queue', capabilities },
      open: async (options) =>
        Object.assign(await whole.open(options), { name: 'queue', capabilities }),
    }
    const app = await open(t, { broker })

    await assert.rejects(app.publish(OrderPlaced({ orderId: '1' }), { delay: '1s' }), {
      code: 'capability-missing',
      message:
        'Events cannot be delayed on queue: old records of a key are kept beside the newest.',
    })
    assert.equal(app.status().delayed.state, 'off')
  })
})
