// What tests of consumers stand on: an engine in memory, time that waits, a topic of orders, a lot that
// can be told to fail, and as many applications as a test wants. Only tests import it.

import { EventEncoder } from '../events/encode.ts'
import { event, type Message } from '../events/event.ts'
import { EventIds } from '../events/ids.ts'
import { ownersOf } from '../events/owners.ts'
import type { IncomingRecord, OutgoingRecord } from '../events/record.ts'
import type { Schema } from '../events/schema.ts'
import { topic } from '../events/topic.ts'
import type { Tracing } from '../events/tracing.ts'
import type { Consumer } from '../messaging/consumer.ts'
import type { ConsumerLimits } from '../messaging/limits.ts'
import type { ConsumerNotification } from '../messaging/notifications.ts'
import { Outgoing } from '../messaging/outgoing.ts'
import type { ParkEntry, ParkingLot, ParkOutcome, Redriving } from '../messaging/parking-lot.ts'
import { Destinations } from '../messaging/publishing/destinations.ts'
import { Publisher, type PublisherLimits } from '../messaging/publishing/publisher.ts'
import { ConsumerRun } from '../messaging/running/consumer-run.ts'
import { SendError } from '../transport/errors.ts'
import type { TopicPartition } from '../transport/group-member.ts'
import type { Transport } from '../transport/transport.ts'
import type { FaultOptions } from './faults.ts'
import { type KillableTransport, type MemoryEngine, memory } from './memory/memory.ts'
import { SeededRandom } from './seeded-random.ts'
import { VirtualTime } from './virtual-time.ts'

interface OrderData {
  readonly orderId: string
  readonly n: number
}

/** Any object with these two fields; what else it has goes along. */
const orderSchema: Schema<OrderData> & {
  '~standard': { jsonSchema: { input(): object; output(): object } }
} = {
  '~standard': {
    version: 1,
    vendor: 'trial',
    jsonSchema: { input: () => ({ type: 'object' }), output: () => ({ type: 'object' }) },
    validate: (value) => {
      const { orderId, n } = value as OrderData
      return typeof orderId === 'string' && typeof n === 'number'
        ? { value: value as OrderData }
        : { issues: [{ message: 'not an order' }] }
    },
  },
}

export const OrderPlaced = event('shop.OrderPlaced', orderSchema)
export const OrderPaid = event('shop.OrderPaid', orderSchema)
export const OrderShipped = event('shop.OrderShipped', orderSchema)
export const orders = topic('orders', {
  events: { OrderPlaced, OrderPaid },
  key: (message) => message.data.orderId,
})
export const shipments = topic('shipments', {
  events: { OrderShipped },
  key: (message) => message.data.orderId,
})

export class TrialLot implements ParkingLot {
  readonly entries: ParkEntry[] = []
  readonly redriving = new Map<number, Redriving>()
  /** By topic and key: offset of the first event that is parked of it. */
  readonly #heads = new Map<string, number>()
  failsToPark = false
  isFull = false
  failsToOpen = false

  async open({ topic: name, partition }: TopicPartition, redriving: Redriving) {
    if (this.failsToOpen) throw new Error('the parked topic cannot be read')
    this.redriving.set(partition, redriving)
    const headOf = (key: Uint8Array) => `${name} ${Buffer.from(key)}`
    return {
      holds: (key: Uint8Array, offset = Number.POSITIVE_INFINITY) => {
        const head = this.#heads.get(headOf(key))
        return head !== undefined && head <= offset
      },
      park: async (entry: ParkEntry): Promise<ParkOutcome> => {
        if (this.failsToPark) throw new Error('the parked topic cannot be written')
        if (this.isFull) return { kind: 'full', limit: '1000 events' }
        if (!this.entries.some(({ record }) => isSame(record, entry.record))) {
          this.entries.push(entry)
        }
        const key = headOf(entry.record.key ?? new Uint8Array())
        if (entry.holdsKey && !this.#heads.has(key)) this.#heads.set(key, entry.record.offset)
        return { kind: 'parked' }
      },
      close: async () => undefined,
    }
  }

  /** What is parked, as `reason n`. */
  get parked(): readonly string[] {
    return this.entries.map(({ reason, record }) => `${reason} ${textOf(record).n ?? '?'}`)
  }
}

function isSame(one: IncomingRecord, other: IncomingRecord): boolean {
  const isSamePartition = one.topic === other.topic && one.partition === other.partition
  return isSamePartition && one.offset === other.offset
}

export function textOf(record: IncomingRecord): Partial<OrderData> {
  try {
    return JSON.parse(Buffer.from(record.value ?? []).toString()) as Partial<OrderData>
  } catch {
    return {} // a record that a test made undecodable on purpose
  }
}

export interface App {
  readonly run: ConsumerRun
  readonly told: ConsumerNotification[]
  readonly transport: KillableTransport
}

export class Stage {
  readonly time = new VirtualTime()
  readonly lot = new TrialLot()
  readonly random: SeededRandom
  readonly engine: MemoryEngine
  /** Of applications and publishers that are made from now on. */
  tracing: Tracing | undefined
  /** The application that was started last, as soon as its handlers may run. */
  newest: App | undefined
  #transport: Promise<Transport> | undefined

  constructor(options: { seed?: number; faults?: FaultOptions } = {}) {
    this.random = new SeededRandom(options.seed ?? 1)
    const world = { clock: this.time, timers: this.time, random: this.random }
    const { faults } = options
    this.engine = memory(faults === undefined ? { world } : { world, faults })
  }

  async prepare(partitions = 1): Promise<Transport> {
    this.#transport ??= this.engine.open({ service: 'trial', onWarning: () => undefined })
    const transport = await this.#transport
    const names = [orders.name, shipments.name]
    await transport.administration.ensureTopics(names.map((name) => ({ name, partitions })))
    return transport
  }

  /** Lets time pass until it is done. */
  async drive<Result>(work: Promise<Result>): Promise<Result> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    work.then(done, done)
    await this.time.until(() => isDone)
    return work
  }

  /** As a handler that waits for something does. */
  pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.time.after(delayMs, resolve)
    })
  }

  /** Numbers `n` of a key become events `OrderPlaced`. */
  async place(orderId: string, ...numbers: readonly number[]): Promise<void> {
    for (const n of numbers) await this.publish(OrderPlaced({ orderId, n }))
  }

  async publish(message: Message, id?: string) {
    const transport = await this.prepare()
    const { encoder, owners, destinations } = this.#parts(transport)
    const encoded = encoder.encode(owners.get(message.type)!, message, { id })
    await this.#send(transport, destinations, encoded.topic.name, encoded.record)
  }

  /** A record as somebody else may write it. */
  async write(key: string | null, value: string, type?: string, to = orders.name): Promise<void> {
    const transport = await this.prepare()
    const { destinations } = this.#parts(transport)
    await this.#send(transport, destinations, to, {
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from(value),
      headers: type === undefined ? [] : [['ce_type', Buffer.from(type)]],
    })
  }

  async start(consumer: Consumer, limits: Partial<ConsumerLimits> = {}): Promise<App> {
    await this.prepare()
    const transport = await this.engine.open({ service: 'trial', onWarning: () => undefined })
    const { encoder, owners, destinations } = this.#parts(transport)
    const told: ConsumerNotification[] = []
    const run = new ConsumerRun({
      consumer,
      service: 'trial',
      transport,
      outgoing: new Outgoing(encoder, owners, this.tracing),
      destinations,
      lot: this.lot,
      limits,
      notify: (notification) => told.push(notification),
    })
    const app = { run, told, transport }
    this.newest = app
    await run.start()
    await this.time.settle()
    return app
  }

  async publisher(limits: Partial<PublisherLimits> = {}) {
    const transport = await this.engine.open({ service: 'trial', onWarning: () => undefined })
    const { encoder, owners, destinations } = this.#parts(transport)
    const outgoing = new Outgoing(encoder, owners, this.tracing)
    return { publisher: new Publisher({ transport, destinations, outgoing, limits }), transport }
  }

  /** Closes while time goes on. */
  close(app: App, drainMs?: number): Promise<void> {
    return this.drive(app.run.close(drainMs === undefined ? {} : { drainMs }))
  }

  async committed(group: string, topic = orders.name): Promise<number | undefined> {
    const { administration } = await this.prepare()
    const [commit] = await administration.committed(group, [{ topic, partition: 0 }])
    return commit?.offset
  }

  /** What readers of committed records see in a topic. */
  async eventsIn(name: string, partitions = 1): Promise<Partial<OrderData>[]> {
    const { reader } = await this.prepare()
    const events: Partial<OrderData>[] = []
    for (let partition = 0; partition < partitions; partition++) {
      const place = { topic: name, partition }
      const { records } = await reader.read({ ...place, fromOffset: 0, maxBytes: 10_000_000 })
      events.push(...records.map(textOf))
    }
    return events
  }

  async numbersIn(name: string, partitions = 1): Promise<number[]> {
    return (await this.eventsIn(name, partitions)).map(({ n }) => n ?? Number.NaN)
  }

  #parts(transport: Transport) {
    const ids = new EventIds(this.time, this.random)
    const encoder = new EventEncoder({ service: 'trial', clock: this.time, ids })
    const owners = ownersOf([orders, shipments])
    return { encoder, owners, destinations: new Destinations(transport.administration) }
  }

  async #send(
    transport: Transport,
    destinations: Destinations,
    name: string,
    record: OutgoingRecord,
  ): Promise<void> {
    const producer = await transport.producer()
    for (const request of await destinations.gather([{ topic: name, record }])) {
      await producer.send(request).catch((error: unknown) => {
        // In memory a lost answer means that it was written.
        if (!(error instanceof SendError) || error.outcome !== 'unknown') throw error
      })
    }
  }
}
