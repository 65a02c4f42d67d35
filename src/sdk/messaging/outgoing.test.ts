import assert from 'node:assert/strict'
import { it } from 'node:test'
import { EventEncoder } from '../events/encode.ts'
import { headerTextOf } from '../events/headers.ts'
import { EventIds } from '../events/ids.ts'
import { ownersOf } from '../events/owners.ts'
import { ReadEvent } from '../events/stored-event.ts'
import { OrderPlaced, orders } from '../testing/consumer-stage.ts'
import { SeededRandom } from '../testing/seeded-random.ts'
import { VirtualTime } from '../testing/virtual-time.ts'
import { Outgoing } from './outgoing.ts'

it('what a handler publishes with a correlation of its own still knows its cause, wherever it is called from', () => {
  const clock = new VirtualTime()
  const ids = new EventIds(clock, new SeededRandom(1))
  const encoder = new EventEncoder({ service: 'shop', clock, ids })
  const outgoing = new Outgoing(encoder, ownersOf([orders]))
  const record = { topic: 'orders', partition: 0, offset: 7, key: null, value: null, headers: [] }
  const cause = new ReadEvent({ ...record, timestampMs: 0 }, 'shop.OrderPlaced', {})

  const { record: sent } = outgoing.encode(
    OrderPlaced({ orderId: 'a', n: 1 }),
    { correlationId: 'case 12' },
    cause,
  )

  assert.equal(headerTextOf(sent.headers, 'ce_correlationid'), 'case 12')
  assert.equal(headerTextOf(sent.headers, 'ce_causationid'), 'orders/0/7')
})
