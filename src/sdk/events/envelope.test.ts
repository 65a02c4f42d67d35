import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import type { Clock } from '../../host/clock.ts'
import type { Random } from '../../host/random.ts'
import { EventDecoder } from './decode.ts'
import { EventEncoder, ownerOf } from './encode.ts'
import { event } from './event.ts'
import { EventIds } from './ids.ts'
import { ownersOf } from './owners.ts'
import type { IncomingRecord, OutgoingRecord } from './record.ts'
import { topic } from './topic.ts'

const OrderPaid = event('shop.OrderPaid', z.object({ orderId: z.string(), amount: z.number() }))
const ShopOpened = event('shop.ShopOpened')
const orders = topic('orders', {
  events: { OrderPaid, ShopOpened },
  key: (e) => (e.type === 'shop.OrderPaid' ? e.data.orderId : 'shop'),
})
const owners = ownersOf([orders])
const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5, 6)
const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => 0 }
const random: Random = { bytes: (length) => Buffer.alloc(length, 7), uuid: () => 'unused' }
const encoder = new EventEncoder({ service: 'shop', clock, ids: new EventIds(clock, random) })

describe('the envelope', () => {
  it('an event goes as CloudEvents in binary mode, its data as plain JSON', () => {
    const message = OrderPaid({ orderId: '42', amount: 9.5 })

    const { record, id } = encoder.encode(ownerOf(owners, message), message)

    assert.equal(String(record.key), '42')
    assert.equal(String(record.value), '{"orderId":"42","amount":9.5}')
    assert.equal(record.timestampMs, nowMs)
    assert.deepEqual(headersOf(record), {
      ce_specversion: '1.0',
      ce_id: id,
      ce_type: 'shop.OrderPaid',
      ce_source: 'shop',
      ce_time: '2026-01-02T03:04:05.006Z',
      ce_correlationid: id,
      'content-type': 'application/json',
      'millrace-schema': '1',
      traceparent: `00-${id.replaceAll('-', '')}-${id.replaceAll('-', '').slice(16)}-01`,
    })
  })

  it('what was encoded is decoded to the same event', () => {
    const message = OrderPaid({ orderId: '42', amount: 9.5 })
    const encoded = encoder.encode(ownerOf(owners, message), message)

    const decoded = new EventDecoder(orders).decode(incoming(encoded.record))

    assert.ok(decoded.kind === 'event' && decoded.name === 'OrderPaid')
    const { event } = decoded
    assert.deepEqual(event.data, { orderId: '42', amount: 9.5 })
    assert.equal(event.type, 'shop.OrderPaid')
    assert.equal(event.id, encoded.id)
    assert.equal(event.key, '42')
    assert.equal(event.source, 'shop')
    assert.equal(event.time.getTime(), nowMs)
    assert.equal(event.correlationId, encoded.id)
    assert.equal(event.causationId, undefined)
    assert.deepEqual(event.position, { topic: 'orders', partition: 3, offset: 17 })
  })
})

function headersOf(record: OutgoingRecord): Record<string, string> {
  return Object.fromEntries(record.headers.map(([name, value]) => [name, String(value)]))
}

function incoming(record: OutgoingRecord): IncomingRecord {
  return { ...record, topic: 'orders', partition: 3, offset: 17, timestampMs: nowMs }
}
