import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Header } from '../../sdk/events/record.ts'
import { KafkaError } from './errors.ts'
import { Cursor, FetchedRecord } from './fetched-record.ts'
import { encodeRecords } from './written-records.ts'

const place = { topic: 'orders', partition: 3 }
const stamp = { offset: 17, timestampMs: 7 }

function fetched(headers: readonly Header[], value: string | null = 'value'): FetchedRecord {
  const bytes = value === null ? null : Buffer.from(value)
  return readBack(encodeRecords([{ key: Buffer.from('key'), value: bytes, headers }], [0]))
}

/** The first record of a batch's body. */
function readBack(body: Buffer): FetchedRecord {
  const cursor = new Cursor(body)
  cursor.varint() // length
  cursor.at += 1 // attributes
  cursor.varint() // time
  cursor.varint() // offset
  return new FetchedRecord(cursor, place, stamp)
}

describe('a record that was fetched', () => {
  it('finds a header by its name, the last of several, as among all of them', () => {
    const record = fetched([
      ['ce_type', Buffer.from('first')],
      ['ce_typf', Buffer.from('other')],
      ['ce_type', Buffer.from('last')],
      ['empty', Buffer.alloc(0)],
      ['none', null],
    ])

    assert.equal(record.header('ce_type')?.toString(), 'last')
    assert.equal(record.header('empty')?.length, 0)
    assert.equal(record.header('none'), null)
    assert.equal(record.header('ce_typ'), undefined)
    assert.deepEqual(
      record.headers.map(([name]) => name),
      ['ce_type', 'ce_typf', 'ce_type', 'empty', 'none'],
    )
  })

  it('keeps names that are not ASCII, and pieces of any length', () => {
    const long = Buffer.alloc(100_000, 'x')
    const headers: Header[] = [
      ['größe', Buffer.from('1')],
      ['n'.repeat(300), long],
    ]

    const record = fetched(headers, null)

    assert.deepEqual(record.headers, headers)
    assert.equal(record.value, null)
    assert.equal(record.sizeBytes, 3)
    assert.deepEqual(record.header('n'.repeat(300)), long)
  })

  it('that says it is longer than its batch is an error, and no endless loop', () => {
    const body = encodeRecords([{ key: null, value: Buffer.from('v'), headers: [] }], [0])

    const record = readBack(body.subarray(0, -1))

    assert.throws(() => record.headers, KafkaError)
    assert.throws(() => record.header('ce_type'), KafkaError)
  })
})
