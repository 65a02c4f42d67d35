// One life of an application with an embedded broker: `node delayed-process.ts FOLDER LIFE`. The first
// life delays events and is killed by the third that comes; the second closes in good order while some
// still wait; the third prints what stands in the topic, one a line, once all of them have come.

import { z } from 'zod'
import { connect } from '../../src/sdk/app/connect.ts'
import { event } from '../../src/sdk/events/event.ts'
import { topic } from '../../src/sdk/events/topic.ts'
import { consumer } from '../../src/sdk/messaging/consumer.ts'
import { embedded } from '../../src/transports/embedded/embedded.ts'
import { recordsIn } from '../support/delaying-app.ts'

const EVENTS = 12
const STEP_MS = 150

const Reminded = event('trial.Reminded', z.object({ n: z.number() }))
const reminders = topic('reminders', {
  events: { Reminded },
  key: ({ data }) => `k${data.n % 3}`,
  partitions: 1,
})

const [dir = '', life = ''] = process.argv.slice(2)
// The dead member of the last life is not waited for as long as one that may only be slow.
const config = {
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '200',
  'group.consumer.min.session.timeout.ms': '500',
  'group.consumer.session.timeout.ms': '1000',
}
const broker = embedded({ dir, listen: false, config })
const seen = new Set<number>()
const handled = Promise.withResolvers<void>()
const reading = consumer(`reading-${life}`, {
  from: reminders,
  startAt: 'earliest',
  otherwise: 'stop',
  on: {
    Reminded: ({ data }) => {
      seen.add(data.n)
      if (life === '1' && seen.size === 3) process.kill(process.pid, 'SIGKILL')
      if (life === '2' && seen.size === 6) handled.resolve()
      if (life === '3' && seen.size === EVENTS) handled.resolve()
    },
  },
})
const app = await connect({ service: 'trial', broker, run: [reading] })
if (life === '1') {
  // In one batch, so that all of them wait before the first is due.
  const at = Date.now() + 500
  const publishing = Array.from({ length: EVENTS }, (_, n) => {
    return app.publish(Reminded({ n }), { id: `r${n}`, at: new Date(at + n * STEP_MS) })
  })
  await Promise.all(publishing)
}
await handled.promise
if (life === '3') {
  const transport = await broker.open({ service: 'trial', onWarning: () => undefined })
  for (const { value } of await recordsIn(transport, 'reminders')) {
    console.log(`${Buffer.from(value!)}`)
  }
  await transport.close()
}
await app.close()
