import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Codec } from '../../host/codec.ts'
import { CodecError } from '../../host/codec-block.ts'
import { DecodeError } from '../bytes/reader.ts'
import { buildBatch, type NewRecord } from './builder.ts'
import { buildControlMarker, readControlMarker } from './control-marker.ts'
import {
  batchCrc,
  batchOffsets,
  codecByCode,
  readBatchHeader,
  writeLogAppendTime,
} from './header.ts'
import { inspectRecords } from './inspect-records.ts'
import { recompress } from './recompress.ts'
import { readRecords, recordBytes, walkRecords } from './records.ts'
import { retainRecords } from './retain-records.ts'

const TIME = 1_700_000_000_000

function record(index: number, extra: Partial<NewRecord> = {}): NewRecord {
  const key = Buffer.from(`key-${index}`)
  return { timestamp: TIME + index, key, value: Buffer.alloc(index * 40, 'v'), ...extra }
}

const some = [0, 1, 2, 3, 4].map((index) => record(index))

describe('counting records', () => {
  const bytes = recordBytes(buildBatch({ records: some }))
  const large = recordBytes(
    buildBatch({ records: [record(0, { value: Buffer.alloc(3_000_000) })] }),
  )

  const walk = (records: Buffer, count: number) => walkRecords(records, 0, records.length, count)

  it('accepts exactly as many as there are, whatever their lengths, anywhere in a buffer', () => {
    const padded = Buffer.concat([Buffer.alloc(9, 0xff), bytes, Buffer.alloc(9, 0xff)])

    assert.equal(walk(bytes, 5), undefined)
    assert.equal(walk(large, 1), undefined)
    assert.equal(walk(Buffer.alloc(0), 0), undefined)
    assert.equal(walkRecords(padded, 9, 9 + bytes.length, 5), undefined)
  })

  it('refuses a count that lies', async () => {
    for (const count of [-1, 0, 4, 6, 2 ** 31 - 1]) {
      assert.equal(typeof walk(bytes, count), 'string', `${count}`)
      await assert.rejects(inspectRecords(bytes, count), DecodeError, `${count}`)
    }
    assert.match(walk(bytes, 6)!, /record 5 is missing/)
    assert.match(walk(bytes, 4)!, /bytes after the last of 4 records/)
  })

  it('refuses records that are cut anywhere, or followed by something', async () => {
    for (let length = 0; length < bytes.length; length++) {
      const cut = bytes.subarray(0, length)
      assert.equal(typeof walk(cut, 5), 'string', `${length}`)
      await assert.rejects(inspectRecords(cut, 5), DecodeError, `${length}`)
    }
    const longer = Buffer.concat([bytes, Buffer.from([0])])
    assert.equal(typeof walk(longer, 5), 'string')
    await assert.rejects(inspectRecords(longer, 5), DecodeError)
  })

  it('refuses lengths that are negative, too small, endless or larger than anything', async () => {
    const endless = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
    const huge = [0xfe, 0xff, 0xff, 0xff, 0x0f]
    for (const length of [[1], [10], endless, huge]) {
      const records = Buffer.from([...length, 0, 0, 0, 0, 0, 0, 0, 0])
      assert.equal(typeof walk(records, 1), 'string', `${length}`)
      await assert.rejects(inspectRecords(records, 1), DecodeError, `${length}`)
    }
  })
})

describe('looking at every record', () => {
  it('finds those without a key, and the earliest and latest timestamp', async () => {
    const records = [
      record(0),
      record(1, { timestamp: TIME - 50 }),
      record(2, { key: null, timestamp: TIME + 70 }),
      record(3, { key: null }),
    ]

    const summary = await inspectRecords(recordBytes(buildBatch({ records })), 4)

    assert.deepEqual(summary, {
      withoutKey: [2, 3],
      areOffsetsInOrder: true,
      minTimestampDelta: -50,
      maxTimestampDelta: 70,
    })
  })

  it('says whether the offset deltas count from 0', async () => {
    const { batch } = await retainRecords(
      buildBatch({ records: some }),
      (_, offset) => offset !== 1,
    )

    assert.equal((await inspectRecords(recordBytes(batch), 4)).areOffsetsInOrder, false)
  })

  it('lets others run in between', async () => {
    const records = Array.from({ length: 1000 }, (_, index) => record(index % 7))
    let pauses = 0

    await inspectRecords(recordBytes(buildBatch({ records })), 1000, async () => {
      pauses += 1
    })

    assert.equal(pauses, 15)
  })

  it('refuses fields and headers that do not fill their record', async () => {
    const headers = [['n', Buffer.from('v')]] as const
    const bytes = recordBytes(buildBatch({ records: [record(0, { headers })] }))
    // length attributes timestamp offset keyLength "key-0" valueLength headersCount 2 "n" 2 "v"
    const fields = {
      keyLength: 4,
      valueLength: 10,
      headersCount: 11,
      nameLength: 12,
      headerLength: 14,
    }
    for (const [name, at] of Object.entries(fields)) {
      for (const value of [0x03, 0x7e, bytes[at]! + 2]) {
        const changed = Buffer.from(bytes)
        changed[at] = value
        await assert.rejects(inspectRecords(changed, 1), DecodeError, `${name} ${value}`)
      }
    }
  })
})

describe('reading a batch', () => {
  it('gives every record with its offset, and views of its bytes', () => {
    const batch = buildBatch({ records: some, baseOffset: 100, compression: 'zstd' })

    const records = [...readRecords(batch)]

    assert.deepEqual(
      records.map(({ offset, timestamp, key, value, headers }) => {
        return [offset, timestamp, key?.toString(), value?.length, headers]
      }),
      [0, 1, 2, 3, 4].map((index) => [100 + index, TIME + index, `key-${index}`, index * 40, []]),
    )
  })

  it('gives all records the time at which the broker stamped it', () => {
    const batch = buildBatch({ records: some })
    writeLogAppendTime(batch, 0, TIME + 99)

    for (const { timestamp } of readRecords(batch)) assert.equal(timestamp, TIME + 99)
  })

  it('stops at a bound on what it decompresses to', () => {
    const records = [record(0, { value: Buffer.alloc(1_000_000) })]
    const batch = buildBatch({ records, compression: 'gzip' })

    assert.throws(
      () => recordBytes(batch, 10_000),
      (error) => error instanceof CodecError && error.code === 'too-large',
    )
  })

  it('refuses a batch that is not all there', () => {
    const batch = buildBatch({ records: some })

    assert.throws(() => recordBytes(batch.subarray(0, batch.length - 1)), DecodeError)
  })

  it('shows header names that are no UTF-8 with replacement characters', () => {
    const batch = buildBatch({ records: [record(0, { headers: [['ab', null]] })] })
    const at = batch.indexOf('ab')
    batch[at] = 0xff

    assert.deepEqual([...readRecords(batch)][0]!.headers, [['\ufffdb', null]])
  })
})

describe('building a batch', () => {
  it('needs a record', () => {
    assert.throws(() => buildBatch({ records: [] }), RangeError)
  })

  it('takes the latest timestamp for the whole batch, wherever it stands', () => {
    const records = [record(0), record(1, { timestamp: TIME + 500 }), record(2)]

    assert.equal(readBatchHeader(buildBatch({ records }), 0).maxTimestamp, TIME + 500)
  })

  it('keeps values of a megabyte and timestamps far apart whole', () => {
    const records = [
      record(0, { timestamp: 0 }),
      record(1, { timestamp: Number.MAX_SAFE_INTEGER, value: Buffer.alloc(1_000_000, 'x') }),
      record(2, { timestamp: -1, headers: [['é', Buffer.alloc(5000)]] }),
    ]

    const read = [...readRecords(buildBatch({ records, compression: 'lz4' }))]

    assert.deepEqual(
      read.map(({ timestamp }) => timestamp),
      [0, Number.MAX_SAFE_INTEGER, -1],
    )
    assert.equal(read[1]!.value!.length, 1_000_000)
    assert.equal(read[2]!.headers[0]![1]!.length, 5000)
  })
})

describe('a control marker', () => {
  it('of an unknown kind is told as such', () => {
    const marker = { producerId: 1, producerEpoch: 0, coordinatorEpoch: 2, timestamp: TIME }
    const batch = buildControlMarker({ kind: 'commit', ...marker })
    batch[batchOffsets.records + 8] = 9

    assert.equal(readControlMarker(batch).kind, 'other')
  })

  it('that compaction has emptied says nothing', async () => {
    const { batch: empty } = await retainRecords(buildBatch({ records: some }), () => false)

    assert.equal(readControlMarker(empty).kind, 'other')
  })

  it('without a key or a value is refused', () => {
    const keyless = buildBatch({ records: [record(0, { key: null })] })

    assert.throws(() => readControlMarker(keyless), DecodeError)
  })
})

describe('retaining some records of a batch', () => {
  const identity = { producerId: 7, producerEpoch: 2, baseSequence: 30, baseOffset: 100 }
  const kept = (index: number) => index === 1 || index === 3

  for (const compression of ['none', 'lz4'] as const) {
    it(`keeps their offsets, and those, the producer and sequences of the batch (${compression})`, async () => {
      const batch = buildBatch({ records: some, compression, ...identity })

      const retained = await retainRecords(batch, ({ key }) =>
        kept(Number(key!.toString().slice(4))),
      )

      const header = readBatchHeader(retained.batch, 0)
      const before = readBatchHeader(batch, 0)
      assert.equal(retained.recordCount, 2)
      assert.equal(header.compression, compression)
      assert.deepEqual(
        [header.baseOffset, header.lastOffset, header.baseSequence, header.lastSequence],
        [100, 104, 30, 34],
      )
      assert.deepEqual([header.producerId, header.producerEpoch], [7, 2])
      assert.equal(header.baseTimestamp, before.baseTimestamp)
      assert.equal(header.maxTimestamp, TIME + 3)
      assert.equal(header.crc, batchCrc(retained.batch, 0, header.sizeBytes))
      assert.deepEqual(
        [...readRecords(retained.batch)],
        [...readRecords(batch)].filter(({ offset }) => kept(offset - 100)),
      )
    })
  }

  it('leaves a header with the offsets and sequences when nothing stays', async () => {
    const batch = buildBatch({ records: some, compression: 'gzip', ...identity })

    const { batch: empty, recordCount } = await retainRecords(batch, () => false)

    const header = readBatchHeader(empty, 0)
    assert.equal(recordCount, 0)
    assert.deepEqual([header.recordCount, header.sizeBytes], [0, 61])
    assert.deepEqual([header.baseOffset, header.lastOffset, header.lastSequence], [100, 104, 34])
    assert.equal(header.compression, 'none')
    assert.deepEqual([...readRecords(empty)], [])
  })

  it('sets the time from which tombstones may go, and leaves every timestamp as it was', async () => {
    const batch = buildBatch({ records: some })

    const { batch: marked } = await retainRecords(batch, () => true, {
      deleteHorizonMs: TIME + 5000,
    })
    const { batch: again } = await retainRecords(marked, (_, offset) => offset > 0)

    for (const one of [marked, again]) {
      const header = readBatchHeader(one, 0)
      assert.equal(header.hasDeleteHorizon, true)
      assert.equal(header.baseTimestamp, TIME + 5000)
    }
    assert.deepEqual([...readRecords(marked)], [...readRecords(batch)])
    assert.deepEqual([...readRecords(again)], [...readRecords(batch)].slice(1))
  })

  it('keeps the time of a batch that the broker stamped', async () => {
    const batch = buildBatch({ records: some })
    writeLogAppendTime(batch, 0, TIME + 99)

    const { batch: retained } = await retainRecords(batch, (_, offset) => offset < 2)

    assert.equal(readBatchHeader(retained, 0).maxTimestamp, TIME + 99)
    assert.equal(readBatchHeader(retained, 0).isLogAppendTime, true)
  })
})

describe('a batch in another codec', () => {
  const headers = [['h', Buffer.from('v')]] as const
  const records = [record(0, { headers }), record(1, { timestamp: TIME - 9 }), record(2)]
  const identity = { producerId: 7, producerEpoch: 2, baseSequence: 30, isTransactional: true }

  async function inCodec(batch: Buffer, codec: Codec) {
    const header = readBatchHeader(batch, 0)
    const bytes = recordBytes(batch)
    return recompress(header, bytes, await inspectRecords(bytes, header.recordCount), { codec })
  }

  for (const compression of codecByCode) {
    for (const codec of codecByCode) {
      it(`has the same records and producer (${compression} to ${codec})`, async () => {
        const batch = buildBatch({ records, compression, ...identity })

        const anew = await inCodec(batch, codec)

        const { crc, sizeBytes, attributes, ...header } = readBatchHeader(anew, 0)
        const { crc: _, sizeBytes: __, attributes: ___, ...before } = readBatchHeader(batch, 0)
        assert.deepEqual(header, { ...before, compression: codec })
        assert.deepEqual([sizeBytes, crc], [anew.length, batchCrc(anew, 0, anew.length)])
        assert.deepEqual([...readRecords(anew)], [...readRecords(batch)])
      })
    }
  }

  it('counts offsets from 0 and tells the latest time, whatever the batch said', async () => {
    const { batch } = await retainRecords(buildBatch({ records: some }), (_, at) => at !== 1)
    batch.writeBigInt64BE(BigInt(TIME + 999), batchOffsets.maxTimestamp)

    const anew = await inCodec(batch, 'gzip')

    const offsets = [...readRecords(anew)].map(({ offset }) => offset)
    assert.deepEqual(offsets, [0, 1, 2, 3])
    assert.equal(readBatchHeader(anew, 0).maxTimestamp, TIME + 4)
  })
})
