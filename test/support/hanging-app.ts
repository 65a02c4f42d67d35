// An application whose handler hangs, in a process of its own, to be sent signals: prints `hangs` once
// the handler runs, and `closing` once the application does.

import { z } from 'zod'
import { connect, consumer, event, topic } from '../../src/public/millrace.ts'
import { memory } from '../../src/public/testing.ts'

const Placed = event('shop.Placed', z.object({ orderId: z.string() }))
const orders = topic('orders', { events: { Placed }, key: (e) => e.data.orderId })
const billing = consumer('billing', {
  from: orders,
  startAt: 'earliest',
  otherwise: 'skip',
  maxProcessingTime: '1h',
  on: {
    Placed: () => {
      console.log('hangs')
      return new Promise(() => undefined)
    },
  },
})
const app = await connect({
  service: 'shop',
  broker: memory(),
  run: [billing],
  signals: { drain: '10m' },
})
await app.publish(Placed({ orderId: 'a' }))
const watch = setInterval(() => {
  if (app.status().state !== 'closing') return
  clearInterval(watch)
  console.log('closing')
}, 5)
