import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { IncomingRecord, OutgoingRecord } from '../../events/record.ts'
import type { Failure } from '../parking-lot.ts'
import { ParkedRecordError, UnfitGroupNameError } from './errors.ts'
import { messageShape } from './fingerprint.ts'
import {
  type ParkedEvent,
  parkedRecord,
  parkedTopic,
  readLotRecord,
  requestRecord,
} from './parked-record.ts'

const failure: Failure = {
  attempts: 6,
  firstFailedMs: 1_700_000_000_000,
  lastFailedMs: 1_700_000_031_500,
  errorName: 'TypeError',
  errorMessage: "Order 42 has no line 'a-7'",
  errorCode: 'E_LINE',
  stack: 'TypeError: ...\n    at handler',
}

const event: ParkedEvent = {
  record: {
    topic: 'orders',
    partition: 3,
    offset: 1042,
    key: Buffer.from([0xff, 0x00, 0x2f]),
    value: Buffer.from([0, 1, 2, 0xff]),
    headers: [
      ['ce_type', Buffer.from('shop.OrderPlaced')],
      ['twice', Buffer.from('1')],
      ['twice', null],
    ],
    timestampMs: 1_699_999_999_999,
  },
  reason: 'failed',
  failure,
  holdsKey: true,
  group: 'billing',
  codeVersion: '1.4.2',
}

function stored(outgoing: OutgoingRecord): IncomingRecord {
  const topic = '__millrace_parked.billing'
  return { ...outgoing, topic, partition: 0, offset: 7, timestampMs: outgoing.timestampMs ?? 0 }
}

function roundTrip(parked: ParkedEvent): ParkedEvent {
  const read = readLotRecord(stored(parkedRecord(parked, 1_700_000_040_000)))
  assert.equal(read.kind, 'parked')
  return read.kind === 'parked' ? read.event : assert.fail()
}

describe('the record of a parked event', () => {
  it('gives back key, value, headers, time and failure exactly as they were', () => {
    assert.deepEqual(roundTrip(event), event)
  })

  it('gives back what is null as null, though its own value must never be', () => {
    const empty = { ...event.record, key: null, value: null, headers: [] }
    const parked = { ...event, record: empty, reason: 'follows' as const, failure: undefined }

    const outgoing = parkedRecord(parked, 0)

    assert.notEqual(outgoing.value, null, 'it would be a tombstone')
    assert.deepEqual(roundTrip(parked), parked)
  })

  it('keeps the time of a record from outside all calendars', () => {
    const record = { ...event.record, timestampMs: Number.MAX_SAFE_INTEGER }

    assert.equal(roundTrip({ ...event, record }).record.timestampMs, Number.MAX_SAFE_INTEGER)
  })

  it('rule 26: is not misled by headers of our names that the event itself brought along', () => {
    const headers: IncomingRecord['headers'] = [
      ['millrace-parked-reason', Buffer.from('unknown')],
      ['millrace-parked-original-key', Buffer.from('other')],
      ['millrace-parked-original-value', null],
      ['millrace-parked-attempts', Buffer.from('9')],
      ['millrace-parked-original-headers', Buffer.from('0')],
    ]
    const record = { ...event.record, headers }
    const parked = { ...event, record, reason: 'follows' as const, failure: undefined }

    assert.deepEqual(roundTrip(parked), parked)
  })

  it('has one fingerprint for failures that differ only in what was being handled', () => {
    const print = (errorMessage: string, errorName = 'TypeError') => {
      const parked = { ...event, failure: { ...failure, errorMessage, errorName } }
      const read = readLotRecord(stored(parkedRecord(parked, 0)))
      return read.kind === 'parked' ? read.fingerprint : assert.fail()
    }

    assert.equal(print("Order 42 has no line 'a-7'"), print("Order 9 has no line 'b'"))
    assert.notEqual(print('Order 42 has no line'), print('Order 42 has no customer'))
    assert.notEqual(print('Order 42', 'TypeError'), print('Order 42', 'RangeError'))
    assert.equal(messageShape('at 10.0.0.7:5432 after 30s "x y"'), 'at # after # #')
  })

  it('is refused by name when it cannot be read, never guessed', () => {
    const whole = stored(parkedRecord(event, 0))
    const without = (name: string) => ({
      ...whole,
      headers: whole.headers.filter(([header]) => header !== `millrace-parked-${name}`),
    })

    assert.throws(() => readLotRecord(without('reason')), ParkedRecordError)
    assert.throws(() => readLotRecord(without('original-headers')), ParkedRecordError)
    assert.throws(() => readLotRecord(without('original-time')), ParkedRecordError)
    const request = requestRecord(event.record, 'r1', null)
    const nonsense = { ...stored(request), value: Buffer.from('{"kind":"redrive"}') }
    assert.throws(() => readLotRecord(nonsense), /asks for nothing known/)
    assert.deepEqual(readLotRecord({ ...whole, key: Buffer.from('hello') }), { kind: 'foreign' })
  })

  it('stands in a topic named by its group, if the name allows it', () => {
    assert.equal(parkedTopic('billing.eu-1'), '__millrace_parked.billing.eu-1')
    assert.throws(() => parkedTopic('billing/eu'), UnfitGroupNameError)
    assert.throws(() => parkedTopic('x'.repeat(201)), UnfitGroupNameError)
  })
})
