import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { OutgoingRecord } from '../../sdk/events/record.ts'
import { KafkaError } from './errors.ts'
import { type Compression, encodeBatch, readCommitted, stampProducer } from './record-batch.ts'

const place = { topic: 'orders', partition: 3, fromOffset: 0 }

function recordOf(text: string, more: Partial<OutgoingRecord> = {}): OutgoingRecord {
  return { key: null, value: Buffer.from(text), headers: [], ...more }
}

function batchOf(
  texts: readonly string[],
  at: { baseOffset: number; producerId?: bigint; isTransactional?: boolean; isControl?: boolean },
): Buffer {
  const batch = encodeBatch(
    texts.map((text) => recordOf(text)),
    { nowMs: 7, compression: 'none' },
  )
  batch.writeBigInt64BE(BigInt(at.baseOffset), 0)
  if (at.isControl === true) batch.writeInt16BE(1 << 5, 21)
  stampProducer(batch, {
    producerId: at.producerId ?? -1n,
    producerEpoch: 0,
    sequence: 0,
    isTransactional: at.isTransactional ?? false,
  })
  return batch
}

function textsIn(bytes: Buffer, aborted: { producerId: bigint; firstOffset: bigint }[] = []) {
  const { records, nextOffset } = readCommitted(bytes, place, aborted)
  return { texts: records.map(({ value }) => value?.toString()), nextOffset }
}

describe('a record batch', () => {
  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] satisfies Compression[]) {
    it(`is read as it was written, compressed with ${compression}`, () => {
      const written: OutgoingRecord[] = [
        {
          key: Buffer.from('k'),
          value: Buffer.alloc(500, 'v'),
          headers: [
            ['a', Buffer.from('1')],
            ['a', null],
            ['', Buffer.alloc(0)],
          ],
          timestampMs: 1_000,
        },
        { key: Buffer.alloc(0), value: null, headers: [], timestampMs: 1_000 + 2 ** 40 },
        { key: null, value: Buffer.alloc(0), headers: [], timestampMs: 3 },
      ]

      const batch = encodeBatch(written, { nowMs: 0, compression })
      stampProducer(batch, {
        producerId: 5n,
        producerEpoch: 1,
        sequence: 9,
        isTransactional: false,
      })

      const read = readCommitted(batch, place, [])
      assert.equal(read.nextOffset, 3)
      assert.deepEqual(
        read.records.map(({ key, value, headers, timestampMs }) => {
          return { key, value, headers, timestampMs }
        }),
        written,
      )
      assert.deepEqual(
        read.records.map(({ offset }) => offset),
        [0, 1, 2],
      )
    })
  }

  it('gives nothing below the offset that was asked for', () => {
    const batch = batchOf(['a', 'b', 'c'], { baseOffset: 10 })

    const read = readCommitted(batch, { ...place, fromOffset: 11 }, [])

    assert.deepEqual(
      read.records.map(({ offset }) => offset),
      [11, 12],
    )
    assert.equal(read.nextOffset, 13)
  })

  it('that is cut off at the end is left for the next fetch', () => {
    const whole = batchOf(['a'], { baseOffset: 0 })
    const cut = batchOf(['b'], { baseOffset: 1 }).subarray(0, -1)

    assert.deepEqual(textsIn(Buffer.concat([whole, cut])), { texts: ['a'], nextOffset: 1 })
  })

  it('with a wrong CRC is neither handed on nor skipped', () => {
    const batch = batchOf(['a'], { baseOffset: 4 })
    batch[batch.length - 1]! ^= 1

    assert.throws(() => textsIn(batch), KafkaError)
  })

  it('of an aborted transaction is passed over, up to the marker that ends it', () => {
    const open = { producerId: 1n, isTransactional: true }
    const bytes = Buffer.concat([
      batchOf(['kept'], { ...open, baseOffset: 0 }),
      batchOf(['marker'], { ...open, baseOffset: 1, isControl: true }),
      batchOf(['aborted'], { ...open, baseOffset: 2 }),
      batchOf(['plain'], { baseOffset: 3 }),
      batchOf(['other'], { producerId: 2n, isTransactional: true, baseOffset: 4 }),
      batchOf(['marker'], { ...open, baseOffset: 5, isControl: true }),
      batchOf(['next'], { ...open, baseOffset: 6 }),
    ])

    const read = textsIn(bytes, [{ producerId: 1n, firstOffset: 2n }])

    assert.deepEqual(read, { texts: ['kept', 'plain', 'other', 'next'], nextOffset: 7 })
  })
})
