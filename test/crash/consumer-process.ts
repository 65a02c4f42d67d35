// One life of an application with an embedded broker: `node consumer-process.ts FOLDER`. Its handler of
// the event 3 ends the process. Prints what it handled and parked, one a line, and `done` once all of
// its events are finished.

import { z } from 'zod'
import { keepProcessAlive } from '../../src/host/keep-alive.ts'
import { nodeClock, nodeRandom } from '../../src/host/node-host.ts'
import { EventEncoder } from '../../src/sdk/events/encode.ts'
import { event } from '../../src/sdk/events/event.ts'
import { EventIds } from '../../src/sdk/events/ids.ts'
import { ownersOf } from '../../src/sdk/events/owners.ts'
import { topic } from '../../src/sdk/events/topic.ts'
import { consumer } from '../../src/sdk/messaging/consumer.ts'
import { Outgoing } from '../../src/sdk/messaging/outgoing.ts'
import { TopicParkingLot } from '../../src/sdk/messaging/parking/topic-parking-lot.ts'
import { Destinations } from '../../src/sdk/messaging/publishing/destinations.ts'
import { Publisher } from '../../src/sdk/messaging/publishing/publisher.ts'
import { ConsumerRun } from '../../src/sdk/messaging/running/consumer-run.ts'
import { embedded } from '../../src/transports/embedded/embedded.ts'

const EVENTS = 6

const Counted = event('trial.Counted', z.object({ n: z.number() }))
const counts = topic('counts', {
  events: { Counted },
  key: ({ data }) => `k${data.n}`,
  partitions: 1,
})

const service = 'trial'
const group = 'counting'
const [dir = ''] = process.argv.slice(2)
const onWarning = (message: string) => console.error(message)
// The dead member of the last life is not waited for as long as one that may only be slow.
const config = {
  'group.consumer.min.heartbeat.interval.ms': '100',
  'group.consumer.heartbeat.interval.ms': '200',
  'group.consumer.min.session.timeout.ms': '500',
  'group.consumer.session.timeout.ms': '1000',
}
const engine = embedded({ dir, listen: false, config })
const transport = await engine.open({ service, onWarning })
await transport.administration.ensureTopics([{ name: counts.name, partitions: 1 }])
const destinations = new Destinations(transport.administration)
const ids = new EventIds(nodeClock, nodeRandom)
const encoder = new EventEncoder({ service, clock: nodeClock, ids })
const outgoing = new Outgoing(encoder, ownersOf([counts]))

const [bounds] = await transport.reader.bounds([{ topic: counts.name, partition: 0 }])
if (bounds?.endOffset === 0) {
  const publisher = new Publisher({ transport, destinations, outgoing })
  const numbers = Array.from({ length: EVENTS }, (_, i) => i + 1)
  await publisher.publish(numbers.map((n) => Counted({ n })))
}

keepProcessAlive()
const run = new ConsumerRun({
  consumer: consumer(group, {
    from: counts,
    startAt: 'earliest',
    otherwise: 'stop',
    on: {
      Counted: ({ data }) => {
        if (data.n === 3) process.exit(7)
        console.log(`handled ${data.n}`)
      },
    },
  }),
  service,
  transport,
  outgoing,
  destinations,
  lot: new TopicParkingLot({ transport, group, topics: [counts.name], onWarning }),
  notify: (told) => {
    if (told.kind === 'parked') console.log(`parked ${told.reason} at ${told.position.offset}`)
  },
})
await run.start()
while (run.status().partitions[0]?.watermark !== EVENTS) {
  await new Promise((resolve) => setTimeout(resolve, 20))
}
console.log('done')
process.exit(0)
