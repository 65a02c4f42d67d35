import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EncodedEvent } from '../../events/encode.ts'
import type { IncomingRecord, OutgoingRecord } from '../../events/record.ts'
import { OrderPlaced, orders } from '../../testing/consumer-stage.ts'
import {
  delayed,
  deliveredRecord,
  openedRecord,
  placeKeyOf,
  readTimerRecord,
} from './timer-record.ts'

const event: EncodedEvent = {
  id: 'order 7',
  type: OrderPlaced.type,
  topic: orders,
  key: 'k',
  correlationId: 'order 7',
  record: {
    key: Buffer.from('k'),
    value: Buffer.from('{"n":1}'),
    headers: [
      ['ce_source', Buffer.from('shop')],
      ['ce_id', Buffer.from('order 7')],
      // As if it had been delayed before: ours are the last ones.
      ['millrace-timer-due', Buffer.from('1')],
    ],
    timestampMs: 1_000,
  },
}

function written(record: OutgoingRecord): IncomingRecord {
  return { topic: '__millrace_timers', partition: 0, offset: 0, timestampMs: 0, ...record }
}

describe('a record of the topic of timers', () => {
  it('keeps the exact bytes of an event, and says where it goes and when', () => {
    const waiting = delayed(event, 5_000)

    const read = readTimerRecord(written(waiting.record))

    const { key, value, headers } = event.record
    assert.equal(waiting.via, '__millrace_timers')
    assert.equal(`${waiting.record.key}`, 'shop order 7')
    assert.equal(waiting.record.timestampMs, undefined, 'it is written now')
    assert.deepEqual(read, {
      kind: 'timer',
      timer: {
        ...{ name: 'shop order 7', topic: 'orders', dueMs: 5_000 },
        record: { key, value, headers },
      },
    })
  })

  it('lies where the key of its event belongs', () => {
    assert.equal(`${placeKeyOf(delayed(event, 5_000).record)}`, 'k')
  })

  it('ends the waiting of an event, or marks how far a new owner reads', () => {
    assert.deepEqual(readTimerRecord(written(deliveredRecord('shop order 7'))), {
      kind: 'delivered',
      name: 'shop order 7',
    })
    assert.deepEqual(readTimerRecord(written(openedRecord())), { kind: 'opened' })
  })

  it('is left alone when somebody else wrote it, or when it is damaged', () => {
    const { record } = delayed(event, 5_000)
    const damaged = (due: string): OutgoingRecord => ({
      ...record,
      headers: [...record.headers.slice(0, -1), ['millrace-timer-due', Buffer.from(due)]],
    })
    const foreign = [
      { ...record, key: null },
      { ...record, key: Buffer.from('no-event') },
      { ...record, headers: record.headers.slice(0, -1) },
      { ...record, headers: [] },
      damaged(''),
      damaged('soon'),
    ]
    for (const one of foreign) assert.equal(readTimerRecord(written(one)).kind, 'foreign')
  })
})
