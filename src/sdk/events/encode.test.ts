import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { currentContext, runCausedBy, withContext } from './context.ts'
import { EventDecoder } from './decode.ts'
import { type EncodedEvent, type EncodeOptions, EventEncoder } from './encode.ts'
import { DefinitionError, InvalidEventError, InvalidKeyError } from './errors.ts'
import { event, type Message } from './event.ts'
import { EventIds } from './ids.ts'
import { ownerOf, ownersOf } from './owners.ts'
import type { IncomingRecord, OutgoingRecord } from './record.ts'
import { topic } from './topic.ts'

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5, 6)
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const instant = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
})

const OrderPaid = event('shop.OrderPaid', z.object({ orderId: z.string(), amount: z.number() }))
const OrderShipped = event('shop.OrderShipped', z.object({ orderId: z.string(), at: instant }))
const NoteTaken = event('shop.NoteTaken', z.object({ orderId: z.string(), note: z.unknown() }))
const ShopOpened = event('shop.ShopOpened')
const orders = topic('orders', {
  events: { OrderPaid, OrderShipped, NoteTaken, ShopOpened },
  key: (e) => (e.type === 'shop.ShopOpened' ? 'shop' : e.data.orderId),
})
const owners = ownersOf([orders])

describe('writing an event', () => {
  it('it goes as CloudEvents in binary mode, its data as plain JSON', () => {
    const { record, id } = encode(OrderPaid({ orderId: '42', amount: 9.5 }))

    assert.equal(String(record.key), '42')
    assert.equal(String(record.value), '{"orderId":"42","amount":9.5}')
    assert.equal(record.timestampMs, nowMs)
    const hex = id.replaceAll('-', '')
    assert.deepEqual(headersOf(record), {
      ce_specversion: '1.0',
      ce_id: id,
      ce_type: 'shop.OrderPaid',
      ce_source: 'shop',
      ce_time: '2026-01-02T03:04:05.006Z',
      ce_correlationid: id,
      'content-type': 'application/json',
      'millrace-schema': '1',
      traceparent: `00-${hex}-${hex.slice(16)}-01`,
    })
  })

  it('what was written is read back as the same event', () => {
    const message = OrderPaid({ orderId: '42', amount: 9.5 })
    const encoded = encode(message, { subject: 'till 3' })

    const decoded = new EventDecoder(orders).decode(incoming(encoded.record))

    assert.ok(decoded.kind === 'event' && decoded.name === 'OrderPaid')
    assert.deepEqual(decoded.event.data, message.data)
    assert.deepEqual(JSON.parse(JSON.stringify(decoded.event)), {
      id: encoded.id,
      type: 'shop.OrderPaid',
      source: 'shop',
      time: '2026-01-02T03:04:05.006Z',
      key: '42',
      subject: 'till 3',
      correlationId: encoded.id,
      traceparent: headersOf(encoded.record)['traceparent'],
      metadata: {},
      position: { topic: 'orders', partition: 3, offset: 17 },
      data: { orderId: '42', amount: 9.5 },
    })
  })

  it('rule 25: the input of the schema stands on the wire, the output reaches the handler', () => {
    const at = '2026-05-06T07:08:09Z'

    const { record } = encode(OrderShipped({ orderId: '1', at }))

    assert.equal(String(record.value), `{"orderId":"1","at":"${at}"}`)
    const decoded = new EventDecoder(orders).decode(incoming(record))
    assert.ok(decoded.kind === 'event' && decoded.name === 'OrderShipped')
    assert.deepEqual(decoded.event.data.at, new Date(at))
  })

  it('rule 28: an event without data is {}, never the empty value that would be a tombstone', () => {
    const { record } = encode(ShopOpened())

    assert.equal(String(record.value), '{}')
  })

  it('data that does not fit is refused with its type and the path of each issue', () => {
    const wrong = { type: 'shop.OrderPaid', data: { orderId: 7 } }

    const error = caught(() => encode(wrong), InvalidEventError)

    assert.equal(error.code, 'invalid-event')
    assert.equal(error.retriable, false)
    assert.equal(error.eventType, 'shop.OrderPaid')
    assert.deepEqual(
      error.issues.map(({ path }) => path),
      ['orderId', 'amount'],
    )
    assert.match(error.message, /^shop\.OrderPaid was not written.* orderId: .*; amount: /)
  })

  it('what JSON cannot carry is refused with its path, though the schema takes it', () => {
    const within: { self?: unknown } = {}
    within.self = within
    for (const [note, path] of [
      [{ when: [1, new Date(0)] }, 'note.when[1]'],
      [{ count: 10n }, 'note.count'],
      [[1, undefined], 'note[1]'],
      [{ ratio: Number.NaN }, 'note.ratio'],
      [new Map([[1, 2]]), 'note'],
      [{ f: () => 1 }, 'note.f'],
      [Buffer.from('x'), 'note'],
    ] as const) {
      const error = caught(() => encode(NoteTaken({ orderId: '1', note })), InvalidEventError)

      assert.deepEqual(error.issues[0]?.path, path)
    }
    const endless = caught(
      () => encode(NoteTaken({ orderId: '1', note: within })),
      InvalidEventError,
    )
    assert.match(endless.message, /within itself/)
  })

  it('what JSON carries comes back as it was, whatever it is', () => {
    const decoder = new EventDecoder(orders)
    const random = randomFrom(11)
    for (let round = 0; round < 300; round++) {
      const message = NoteTaken({ orderId: `o${round}`, note: anyJson(random, 4) })

      const decoded = decoder.decode(incoming(encode(message).record))

      assert.ok(decoded.kind === 'event')
      assert.deepEqual(decoded.event.data, message.data)
    }
  })

  it('a property that is undefined is left out, an instance of a class goes as its fields', () => {
    class Money {
      readonly amount = 5
    }

    const { record } = encode(NoteTaken({ orderId: '1', note: { a: undefined, b: new Money() } }))

    assert.equal(String(record.value), '{"orderId":"1","note":{"b":{"amount":5}}}')
  })

  it('data is refused for an event that was defined without', () => {
    assert.throws(
      () => encode({ type: 'shop.ShopOpened', data: { at: 'noon' } }),
      InvalidEventError,
    )
  })

  it('a key that is none is refused: it would scatter what belongs together', () => {
    const keyed = (key: () => string) =>
      ownersOf([topic('orders', { events: { OrderPaid }, key })]).get('shop.OrderPaid')!
    const message = OrderPaid({ orderId: '1', amount: 1 })
    const throwing = () => {
      throw new TypeError('no such field')
    }

    for (const key of [() => '', () => undefined as never, () => 7 as never, throwing]) {
      const error = caught(() => encoder().encode(keyed(key), message), InvalidKeyError)

      assert.equal(error.topic, 'orders')
      assert.equal(error.eventType, 'shop.OrderPaid')
    }
  })

  it('an id that is given is kept, and the same event again is the same bytes', () => {
    const message = OrderPaid({ orderId: '1', amount: 1 })

    const first = encode(message, { id: 'paid-42' })
    const again = encode(message, { id: 'paid-42' })

    assert.equal(first.id, 'paid-42')
    assert.deepEqual(again.record, first.record)
    assert.throws(() => encode(message, { id: '' }), DefinitionError)
  })
})

describe('the cause of what is written', () => {
  const message = OrderPaid({ orderId: '1', amount: 1 })

  it('beneath a handler it is the event that is handled, with its correlation, trace and metadata', () => {
    const { event: cause } = decodeEvent(
      withContext({ correlationId: 'c1', traceparent, metadata: { actor: 'u7' } }, () =>
        encode(message, { id: 'first' }),
      ),
    )

    const effect = runCausedBy(cause, encode, message)

    const headers = headersOf(effect.record)
    assert.equal(headers['ce_correlationid'], 'c1')
    assert.equal(headers['ce_causationid'], 'first')
    assert.equal(headers['ce_actor'], 'u7')
    assert.equal(effect.correlationId, 'c1')
    assert.match(
      headers['traceparent'] ?? '',
      /^00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01$/,
    )
    assert.notEqual(headers['traceparent'], cause.traceparent)
  })

  it('a context that is given outweighs the one around', () => {
    const encoded = withContext({ correlationId: 'around' }, () =>
      encode(message, { context: { correlationId: 'given', causationId: 'x' } }),
    )

    assert.equal(encoded.correlationId, 'given')
    assert.equal(headersOf(encoded.record)['ce_causationid'], 'x')
  })

  it('the span of a tracer outweighs the trace of the cause', () => {
    const trace = { traceparent, tracestate: 'a=1' }

    const encoded = withContext({ traceparent: traceparent.replace('0af', '111') }, () =>
      encode(message, { trace }),
    )

    assert.equal(headersOf(encoded.record)['traceparent'], traceparent)
    assert.equal(headersOf(encoded.record)['tracestate'], 'a=1')
  })

  it('the state of a trace that is none does not go with the new one', () => {
    const kept = withContext({ traceparent, tracestate: 'a=1' }, () => encode(message))
    const begun = withContext({ traceparent: 'none', tracestate: 'a=1' }, () => encode(message))

    assert.equal(headersOf(kept.record)['tracestate'], 'a=1')
    assert.equal(headersOf(begun.record)['tracestate'], undefined)
  })

  it('what every event of the application carries gives way to what its cause says', () => {
    const metadata = { tenant: 'none', region: 'eu', constructor: 'kept' }

    const { record } = withContext({ metadata: { tenant: 'acme' } }, () =>
      encoder({ metadata }).encode(ownerOf(owners, message), message),
    )

    const { ce_tenant, ce_region, ce_constructor } = headersOf(record)
    assert.deepEqual([ce_tenant, ce_region, ce_constructor], ['acme', 'eu', 'kept'])
  })

  it('rule 26: metadata of the application cannot be named like a header of the envelope', () => {
    assert.throws(() => encoder({ metadata: { id: 'x' } }), DefinitionError)
    assert.throws(() => encoder({ service: '' }), DefinitionError)
    assert.equal(currentContext(), undefined)
  })
})

const shared = encoder()
const texts = ['', 'a', 'ä', '\u0000"\\', '\ud83d\ude00', '\ufffd', 'ce_id', ' '.repeat(50)]

function anyJson(random: (below: number) => number, depth: number): unknown {
  switch (random(depth === 0 ? 4 : 6)) {
    case 0:
      return texts[random(texts.length)]
    case 1:
      return (random(2 ** 30) - 2 ** 29) / [1, 3, 1e9, 1e-9][random(4)]!
    case 2:
      return random(2) === 0
    case 3:
      return null
    case 4:
      return Array.from({ length: random(4) }, () => anyJson(random, depth - 1))
    default:
      return Object.fromEntries(
        Array.from({ length: random(4) }, (_, at) => [
          `${texts[random(texts.length)]}${at}`,
          anyJson(random, depth - 1),
        ]),
      )
  }
}

/** Whole numbers below what is asked for; the same from the same seed (Park and Miller). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state * 48_271) % 0x7fffffff
    return state % below
  }
}

function encode(message: Message, options?: EncodeOptions): EncodedEvent {
  return shared.encode(ownerOf(owners, message), message, options)
}

function encoder({ service = 'shop', metadata = {} } = {}): EventEncoder {
  const clock = { nowMs: () => nowMs, monotonicMs: () => 0 }
  const random = { bytes: (length: number) => Buffer.alloc(length, 7), uuid: () => 'unused' }
  return new EventEncoder({ service, clock, ids: new EventIds(clock, random), metadata })
}

function decodeEvent({ record }: EncodedEvent) {
  const decoded = new EventDecoder(orders).decode(incoming(record))
  assert.ok(decoded.kind === 'event')
  return decoded
}

function headersOf(record: OutgoingRecord): Record<string, string> {
  return Object.fromEntries(record.headers.map(([name, value]) => [name, String(value)]))
}

function incoming(record: OutgoingRecord): IncomingRecord {
  return { ...record, topic: 'orders', partition: 3, offset: 17, timestampMs: nowMs }
}

function caught<E extends Error>(work: () => unknown, kind: abstract new (...args: never) => E): E {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof kind, String(error))
    return error
  }
  assert.fail('nothing was thrown')
}
