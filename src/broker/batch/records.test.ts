import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DecodeError } from '../bytes/reader.ts'
import { buildBatch } from './builder.ts'
import { buildControlMarker, readControlMarker } from './control-marker.ts'
import { batchCrc, batchOffsets, codecByCode, readBatchHeader } from './header.ts'
import { readRecords, recordBytes, walkRecords } from './records.ts'

const records = [
  { timestamp: 1_700_000_000_000, key: Buffer.from('k'), value: Buffer.from('v'.repeat(300)) },
  { timestamp: 1_700_000_000_005, key: null, value: null },
  {
    timestamp: 1_699_999_999_990,
    key: Buffer.alloc(0),
    value: Buffer.from('with headers'),
    headers: [
      ['trace', Buffer.from([0, 1, 2])],
      ['none', null],
      ['äö', Buffer.alloc(0)],
    ] as const,
  },
]

describe('the records of a batch', () => {
  for (const compression of codecByCode) {
    it(`what was built with ${compression} is read back`, () => {
      const batch = buildBatch({ records, compression, baseOffset: 40 })

      const read = [...readRecords(batch)]

      assert.deepEqual(
        read.map(({ offset }) => offset),
        [40, 41, 42],
      )
      assert.deepEqual(
        read.map(({ offset: _, headers, ...rest }) => ({ ...rest, headers: [...headers] })),
        records.map((record) => ({ headers: [], ...record })),
      )
      const header = readBatchHeader(batch, 0)
      assert.equal(header.crc, batchCrc(batch, 0, batch.length))
      assert.equal(header.maxTimestamp, 1_700_000_000_005)
      assert.equal(header.recordCount, 3)
    })
  }

  it('a batch stamped by the broker gives every record that time', () => {
    const batch = buildBatch({ records, logAppendTimeMs: 1_800_000_000_000 })

    const times = [...readRecords(batch)].map(({ timestamp }) => timestamp)

    assert.deepEqual(times, [1_800_000_000_000, 1_800_000_000_000, 1_800_000_000_000])
  })

  it('walking the lengths agrees with the count, and says what is wrong with another', () => {
    const bytes = recordBytes(buildBatch({ records }))

    assert.equal(walkRecords(bytes, 0, bytes.length, 3), undefined)
    assert.match(walkRecords(bytes, 0, bytes.length, 2) ?? '', /bytes behind the last of 2/)
    assert.match(walkRecords(bytes, 0, bytes.length, 4) ?? '', /record 3 has no length/)
    assert.match(walkRecords(bytes, 0, bytes.length - 1, 3) ?? '', /record 2 claims/)
  })

  it('a count that lies, a length that lies and bytes left over are decode errors', () => {
    const changes: [string, (batch: Buffer) => void][] = [
      ['a larger count', (batch) => batch.writeInt32BE(4, batchOffsets.recordCount)],
      ['a smaller count', (batch) => batch.writeInt32BE(2, batchOffsets.recordCount)],
      ['a huge count', (batch) => batch.writeInt32BE(0x7fffffff, batchOffsets.recordCount)],
      ['a negative count', (batch) => batch.writeInt32BE(-1, batchOffsets.recordCount)],
      ['a record length', (batch) => batch.writeUInt8(0x7e, batchOffsets.records)],
    ]
    for (const [name, change] of changes) {
      const batch = buildBatch({ records })
      change(batch)
      assert.throws(() => [...readRecords(batch)], DecodeError, name)
    }
  })

  it('a decompression bomb is refused at the bound', () => {
    const zeros = { timestamp: 0, key: null, value: Buffer.alloc(10_000_000) }
    for (const compression of ['gzip', 'snappy', 'lz4', 'zstd'] as const) {
      const batch = buildBatch({ records: [zeros], compression })
      assert.throws(() => [...readRecords(batch, { maxBytes: 1_000_000 })], { name: 'CodecError' })
    }
  })

  it('a control marker says how its transaction ended', () => {
    for (const kind of ['commit', 'abort'] as const) {
      const batch = buildControlMarker({
        kind,
        coordinatorEpoch: 7,
        producerId: 12,
        producerEpoch: 3,
        timestamp: 5,
      })

      assert.deepEqual(readControlMarker(batch), { kind, coordinatorEpoch: 7 })
      const { isControlBatch, isTransactional, producerId } = readBatchHeader(batch, 0)
      assert.deepEqual([isControlBatch, isTransactional, producerId], [true, true, 12])
    }
  })
})
