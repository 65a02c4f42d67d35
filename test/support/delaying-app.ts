// Applications that delay events and deliver them, on an engine in memory.

import { EventEncoder } from '../../src/sdk/events/encode.ts'
import type { Message } from '../../src/sdk/events/event.ts'
import { headerTextOf } from '../../src/sdk/events/headers.ts'
import { EventIds } from '../../src/sdk/events/ids.ts'
import { ownersOf } from '../../src/sdk/events/owners.ts'
import type { IncomingRecord } from '../../src/sdk/events/record.ts'
import type { PublishOptions } from '../../src/sdk/messaging/context.ts'
import {
  DelayedDelivery,
  type DelayNotice,
} from '../../src/sdk/messaging/delaying/delayed-delivery.ts'
import { TIMERS_SPEC, TIMERS_TOPIC } from '../../src/sdk/messaging/delaying/timer-record.ts'
import type { ConsumerNotification } from '../../src/sdk/messaging/notifications.ts'
import { Outgoing } from '../../src/sdk/messaging/outgoing.ts'
import { Destinations } from '../../src/sdk/messaging/publishing/destinations.ts'
import { type Published, Publisher } from '../../src/sdk/messaging/publishing/publisher.ts'
import { orders, shipments } from '../../src/sdk/testing/consumer-stage.ts'
import type { KillableTransport, MemoryEngine } from '../../src/sdk/testing/memory/memory.ts'
import type { Transport } from '../../src/sdk/transport/transport.ts'

export interface DelayingApp {
  readonly transport: KillableTransport
  readonly outgoing: Outgoing
  readonly destinations: Destinations
  readonly delivery: DelayedDelivery
  readonly told: (ConsumerNotification | DelayNotice)[]
  readonly warnings: string[]
  publish(message: Message, options?: PublishOptions): Promise<Published>
  readonly publisher: Publisher
}

export async function startDelaying(
  engine: MemoryEngine,
  { service = 'trial', takesPart = true } = {},
): Promise<DelayingApp> {
  const transport = await engine.open({ service, onWarning: () => undefined })
  const { clock, random } = transport.world
  const encoder = new EventEncoder({ service, clock, ids: new EventIds(clock, random) })
  const outgoing = new Outgoing(encoder, ownersOf([orders, shipments]))
  const destinations = new Destinations(transport.administration)
  const publisher = new Publisher({ transport, destinations, outgoing })
  const told: DelayingApp['told'] = []
  const warnings: string[] = []
  const delivery = new DelayedDelivery({
    transport,
    outgoing,
    destinations,
    takesPart,
    notify: (notification) => told.push(notification),
    onWarning: (message, cause) => warnings.push(`${message} ${cause ?? ''}`),
  })
  await delivery.start()
  const publish = (message: Message, options?: PublishOptions) =>
    publisher.publish(message, options)
  const parts = { transport, outgoing, destinations, publisher, delivery }
  return { ...parts, told, warnings, publish }
}

/** What readers of committed records see, in the order of the partitions. */
export async function recordsIn(
  { reader, administration }: Transport,
  topic: string,
): Promise<IncomingRecord[]> {
  const [description] = await administration.describeTopics([topic])
  const all: IncomingRecord[] = []
  for (let partition = 0; partition < (description?.partitions ?? 0); partition++) {
    const place = { topic, partition, fromOffset: 0, maxBytes: 100_000_000 }
    all.push(...(await reader.read(place)).records)
  }
  return all
}

export function dueMsIn({ headers }: IncomingRecord): number {
  return Date.parse(headerTextOf(headers, 'ce_time') ?? '')
}

/** Whether the group has finished all that stands in the topic of timers. */
export async function hasTakenInAll({ administration, reader }: Transport): Promise<boolean> {
  const places = Array.from({ length: TIMERS_SPEC.partitions! }, (_, partition) => {
    return { topic: TIMERS_TOPIC, partition }
  })
  const bounds = await reader.bounds(places)
  const committed = await administration.committed(TIMERS_TOPIC, places)
  return bounds.every(({ partition, endOffset }) => {
    const at = committed.find((one) => one.partition === partition)?.offset ?? 0
    return at >= endOffset
  })
}
