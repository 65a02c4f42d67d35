import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { z } from 'zod'
import { type Decoded, EventDecoder, type NotAnEvent } from './decode.ts'
import { event } from './event.ts'
import type { IncomingRecord } from './record.ts'
import { topic } from './topic.ts'
import { versions } from './versions.ts'

const v1 = z.object({ orderId: z.string(), total: z.number() })
const v2 = v1.extend({ currency: z.enum(['EUR', 'USD']) })
const v3 = z.object({ id: z.string(), cents: z.int(), currency: z.enum(['EUR', 'USD']) })
const OrderPlaced = event(
  'shop.OrderPlaced',
  versions(v1)
    .next(v2, (old) => ({ ...old, currency: 'EUR' as const }))
    .next(v3, (old) => ({
      id: old.orderId,
      cents: Math.round(old.total * 100),
      currency: old.currency,
    })),
)
const ShopOpened = event('shop.ShopOpened')
const events = { OrderPlaced, ShopOpened }
const key = () => 'k'
const orders = topic('orders', { events, key })
const decoder = new EventDecoder(orders)
const placedV1 = '{"orderId":"1","total":5.25}'
const placedV3 = '{"id":"1","cents":525,"currency":"EUR"}'

describe('reading an event', () => {
  it('what an older version wrote comes up through every version since', () => {
    const fromV1 = decoder.decode(placed('1', placedV1))
    const fromV2 = decoder.decode(placed('2', '{"orderId":"1","total":5.25,"currency":"USD"}'))
    const fromV3 = decoder.decode(placed('3', placedV3))

    assert.deepEqual(dataOf(fromV1), { id: '1', cents: 525, currency: 'EUR' })
    assert.deepEqual(dataOf(fromV2), { id: '1', cents: 525, currency: 'USD' })
    assert.deepEqual(dataOf(fromV3), { id: '1', cents: 525, currency: 'EUR' })
  })

  it('old data is judged by the schema it was written under, not by a newer one', () => {
    const decoded = decoder.decode(placed('1', placedV3))

    assert.ok(decoded.kind === 'invalid')
    assert.deepEqual(
      decoded.issues.map(({ path }) => path),
      ['orderId', 'total'],
    )
  })

  it('a writer that names no version is read by the newest schema that takes its data', () => {
    const older = decoder.decode(record({ ce_type: 'shop.OrderPlaced' }, placedV1))
    const newest = decoder.decode(record({ ce_type: 'shop.OrderPlaced' }, placedV3))
    const neither = decoder.decode(record({ ce_type: 'shop.OrderPlaced' }, '{"id":1}'))

    assert.deepEqual(dataOf(older), { id: '1', cents: 525, currency: 'EUR' })
    assert.deepEqual(dataOf(newest), { id: '1', cents: 525, currency: 'EUR' })
    assert.equal(neither.kind, 'invalid')
  })

  it('a version that this code does not know yet is invalid, and says what to do', () => {
    const decoded = decoder.decode(placed('4', placedV3))

    assert.match(refusal(decoded, 'invalid').reason, /version 4, and this code knows 3/)
  })

  it('an upcast that throws, or makes what the next version does not take, is invalid', () => {
    const Broken = event(
      'shop.Broken',
      versions(v1).next(v1, (old) => {
        if (old.total === 0) throw new RangeError('no total')
        return { ...old, total: Number.NaN }
      }),
    )
    const broken = new EventDecoder(topic('orders', { events: { Broken }, key }))
    const written = (total: number) =>
      record({ ce_type: 'shop.Broken', 'millrace-schema': '1' }, `{"orderId":"1","total":${total}}`)

    const thrown = refusal(broken.decode(written(0)), 'invalid')
    const unfit = refusal(broken.decode(written(1)), 'invalid')

    assert.match(thrown.reason, /the upcast to version 2 threw no total/)
    assert.ok(thrown.cause instanceof RangeError)
    assert.match(
      unfit.reason,
      /the upcast to version 2 made what that version does not take; total/,
    )
  })

  it('a value that is no JSON, no UTF-8 or none at all is undecodable, with its reason', () => {
    const reasons = (value: Uint8Array | string | null, headers = {}) =>
      refusal(
        decoder.decode(record({ ce_type: 'shop.OrderPlaced', ...headers }, value)),
        'undecodable',
      ).reason

    assert.match(reasons('{"orderId":'), /not JSON \(content-type: none\)/)
    assert.match(
      reasons('Obj\x01', { 'content-type': 'avro/binary' }),
      /content-type: avro\/binary/,
    )
    assert.match(reasons(Buffer.from([0x22, 0xff, 0x22])), /not UTF-8/)
    assert.match(reasons(null), /no value/)
    assert.match(reasons(''), /no value/)
    assert.match(reasons(placedV3, { 'millrace-schema': 'new' }), /millrace-schema is no number/)
    assert.match(reasons(placedV3, { 'millrace-schema': '0' }), /millrace-schema is no number/)
  })

  it('the replacement character itself is text like any other', () => {
    const decoded = decoder.decode(placed('3', placedV3.replace('"1"', '"\ufffd"')))

    assert.deepEqual(dataOf(decoded), { id: '\ufffd', cents: 525, currency: 'EUR' })
  })

  it('rule 28: an event without data is read from {} and from the empty value of other CloudEvents writers', () => {
    for (const value of ['{}', '', null]) {
      assert.deepEqual(dataOf(decoder.decode(record({ ce_type: 'shop.ShopOpened' }, value))), {})
    }
  })

  it('a type that the topic does not declare is unknown, and a record without one too', () => {
    const other = refusal(decoder.decode(record({ ce_type: 'shop.Other' }, '{}')), 'unknown-type')
    const none = refusal(decoder.decode(record({}, '{}')), 'unknown-type')
    const structured = { 'content-type': 'application/cloudevents+json; charset=utf-8' }

    assert.equal(other.envelope.type, 'shop.Other')
    assert.match(other.reason, /declares no event shop\.Other/)
    assert.equal(none.envelope.type, 'unknown')
    assert.equal(none.envelope.id, 'orders/3/17')
    assert.match(
      refusal(decoder.decode(record(structured, '{}')), 'unknown-type').reason,
      /structured mode/,
    )
  })

  it("a store's own records are told apart, and only in a store", () => {
    const deletion = record({ ce_type: 'millrace.stream.deleted' }, '{}')
    const store = new EventDecoder(topic('orders', { events, key, store: true }))

    assert.equal(store.decode(deletion).kind, 'internal')
    assert.equal(decoder.decode(deletion).kind, 'unknown-type')
  })

  it('whatever the bytes are, an answer comes and nothing is thrown', () => {
    const schemas = ['1', '2', '9', '-1', '1e99', '', '\xff']
    let seed = 7
    const next = () => (seed = (seed * 48271) % 0x7fffffff)
    for (let round = 0; round < 2000; round++) {
      const value = Buffer.from(Array.from({ length: next() % 12 }, () => next() % 256))
      const type = ['shop.OrderPlaced', 'shop.ShopOpened', 'x', ''][next() % 4]!
      const headers = { ce_type: type, 'millrace-schema': schemas[next() % schemas.length]! }

      const decoded = decoder.decode(record(headers, value))

      assert.ok(decoded.kind !== undefined)
      if (decoded.kind !== 'event') assert.ok(decoded.reason !== '' && decoded.envelope.id !== '')
    }
  })
})

describe('the envelope of a record', () => {
  it('of somebody else has what can be known of it', () => {
    const { envelope } = refusal(decoder.decode(record({}, '{}')), 'unknown-type')

    assert.equal(envelope.id, 'orders/3/17')
    assert.equal(envelope.correlationId, 'orders/3/17')
    assert.equal(envelope.time.getTime(), 1_000)
    assert.equal(envelope.key, 'k')
    assert.equal(envelope.source, undefined)
    assert.equal(envelope.version, undefined)
    assert.deepEqual(envelope.metadata, {})
  })

  it('metadata are the extension attributes that the envelope does not know itself', () => {
    const { event } = eventOf(
      decoder.decode(
        record(
          {
            ce_type: 'shop.ShopOpened',
            ce_id: 'i1',
            ce_actor: 'u7',
            ce_tenant: 'acme',
            ce_partitionkey: 'k',
            ce_time: 'yesterday',
            other: 'x',
          },
          '{}',
        ),
      ),
    )

    assert.deepEqual(event.metadata, { actor: 'u7', tenant: 'acme' })
    assert.equal(event.time.getTime(), 1_000)
  })

  it('rule 26: a version is believed in event stores alone, where only the broker writes it', () => {
    const ledger = new EventDecoder(topic('ledger', { events, key, store: true }))
    const opened = record({ ce_type: 'shop.ShopOpened', 'millrace-version': '5' }, '{}')

    assert.equal(eventOf(decoder.decode(opened)).event.version, undefined)
    const stored = ledger.decode(opened)
    assert.equal(stored.kind === 'event' && stored.event.version, 5)
  })

  it('when a header repeats, the last one counts', () => {
    const twice = record({ ce_type: 'x' }, '{}')
    const headers = [...twice.headers, ['ce_type', Buffer.from('shop.ShopOpened')] as const]

    assert.equal(decoder.decode({ ...twice, headers }).kind, 'event')
  })
})

describe('a foreign topic', () => {
  const Created = event('crm.Created', z.object({ customer: z.string() }))
  const customers = topic('crm.customers', {
    events: { Created },
    typeOf: (record) => record.header('kind') ?? record.json['kind'],
    decode: (record) => record.json['payload'],
    key: ({ data }) => (data.customer === '' ? fail('no customer') : data.customer),
  })
  const foreign = new EventDecoder(customers)

  it('is read by its own typeOf and decode, and validated like any other', () => {
    const { event } = eventOf(
      foreign.decode(record({}, '{"kind":"crm.Created","payload":{"customer":"c1"}}')),
    )
    const unfit = foreign.decode(record({ kind: 'crm.Created' }, '{"payload":{"customer":1}}'))

    assert.deepEqual(event.data, { customer: 'c1' })
    assert.equal(event.key, 'c1')
    assert.equal(event.id, 'orders/3/17')
    assert.equal(refusal(unfit, 'invalid').issues[0]?.path, 'customer')
  })

  it('what typeOf, decode or key throw makes the record undecodable', () => {
    const notJson = refusal(foreign.decode(record({}, 'kind=created')), 'undecodable')
    const noValue = refusal(foreign.decode(record({ kind: 'crm.Created' }, null)), 'undecodable')
    const noKey = refusal(
      foreign.decode(record({ kind: 'crm.Created' }, '{"payload":{"customer":""}}')),
      'undecodable',
    )

    assert.match(notJson.reason, /typeOf threw/)
    assert.match(noValue.reason, /decode or key threw the record has no value/)
    assert.match(noKey.reason, /threw no customer/)
  })

  it('a type that it does not declare is unknown', () => {
    assert.equal(foreign.decode(record({ kind: 'crm.Other' }, '{}')).kind, 'unknown-type')
    assert.equal(foreign.decode(record({}, '{"kind":7}')).kind, 'unknown-type')
  })
})

function fail(message: string): never {
  throw new TypeError(message)
}

function placed(version: string, value: string): IncomingRecord {
  return record({ ce_type: 'shop.OrderPlaced', 'millrace-schema': version }, value)
}

function record(
  headers: Record<string, string>,
  value: Uint8Array | string | null,
): IncomingRecord {
  return {
    topic: 'orders',
    partition: 3,
    offset: 17,
    timestampMs: 1_000,
    key: Buffer.from('k'),
    value: typeof value === 'string' ? Buffer.from(value) : value,
    headers: Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]),
  }
}

function eventOf(decoded: Decoded) {
  assert.ok(decoded.kind === 'event', decoded.kind === 'event' ? '' : decoded.reason)
  return decoded
}

function dataOf(decoded: Decoded): unknown {
  return eventOf(decoded).event.data
}

function refusal<Kind extends NotAnEvent['kind']>(decoded: Decoded, kind: Kind) {
  assert.ok(decoded.kind !== 'event' && decoded.kind === kind, decoded.kind)
  return decoded as Extract<NotAnEvent, { kind: Kind }>
}
