// The events of the consumer suite: some 250 bytes of JSON that a schema has to look into, and a topic
// of several partitions with many keys.
import { z } from 'zod'
import { event } from '../../src/sdk/events/event.ts'
import { topic } from '../../src/sdk/events/topic.ts'
import { TOPIC_CONFIGS } from '../peers/peer.ts'

const KEYS = 1000
export const PARTITIONS = 4

export const orderSchema = z.object({
  orderId: z.string(),
  /** Of this order's events, from 0. */
  sequence: z.int(),
  customer: z.object({ id: z.string(), country: z.string().length(2) }),
  lines: z.array(z.object({ sku: z.string(), quantity: z.int().positive(), price: z.number() })),
  note: z.string(),
})
export type Order = z.infer<typeof orderSchema>

export const OrderChanged = event('bench.OrderChanged', orderSchema)

/** Read by every row, so it keeps all it has. */
export const orders = topic('bench-orders', {
  events: { OrderChanged },
  key: ({ data }) => data.orderId,
  partitions: PARTITIONS,
})

/** The same without headers, as a program without an SDK writes it: nothing but a key and JSON. */
export const plainOrders = topic('bench-plain-orders', {
  events: { OrderChanged },
  typeOf: () => OrderChanged.type,
  decode: (record) => record.json,
})

const OrderPublished = event('bench.OrderPublished', orderSchema)

/** Written only, and kept small. */
export const published = topic('bench-published', {
  events: { OrderPublished },
  key: ({ data }) => data.orderId,
  partitions: PARTITIONS,
  config: TOPIC_CONFIGS,
})

/** @param noteLength to make it larger */
export function orderAt(index: number, noteLength = 20): Order {
  return {
    orderId: `order-${index % KEYS}`,
    sequence: Math.floor(index / KEYS),
    customer: { id: `customer-${index % 97}`, country: 'DE' },
    lines: [
      { sku: `sku-${index % 31}`, quantity: 1 + (index % 3), price: 19.5 },
      { sku: `sku-${index % 37}`, quantity: 2, price: 7.25 },
    ],
    note: 'n'.repeat(noteLength),
  }
}

/** Counts what a consumer is given; throws when the events of a key are not in their order. */
export class OrderCheck {
  readonly #next = new Map<string, number>()
  count = 0

  see({ orderId, sequence }: Order): void {
    const next = this.#next.get(orderId) ?? 0
    if (sequence !== next) throw new Error(`${orderId}: ${sequence} came when ${next} was due`)
    this.#next.set(orderId, next + 1)
    this.count++
  }
}
