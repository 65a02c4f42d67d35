import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { DecodeError } from '../bytes/reader.ts'
import {
  BATCH_OVERHEAD_BYTES,
  batchCrc,
  batchOffsets,
  lastSequence,
  readAttributes,
  readBaseOffset,
  readBaseSequence,
  readBaseTimestamp,
  readBatchHeader,
  readBatchSize,
  readCrc,
  readLastOffset,
  readLastOffsetDelta,
  readMagic,
  readMaxTimestamp,
  readPartitionLeaderEpoch,
  readProducerEpoch,
  readProducerId,
  readRecordCount,
  writeBaseOffset,
  writeBatchCrc,
  writeInt64,
  writeLogAppendTime,
  writePartitionLeaderEpoch,
} from './header.ts'

/** A batch with a distinct value in each field, `at` bytes into its buffer, 5 bytes of records. */
function sampleBatch({ at = 0, attributes = 0 } = {}): Buffer {
  const buffer = Buffer.alloc(at + BATCH_OVERHEAD_BYTES + 5)
  writeInt64(buffer, at, 1_000_000_000_001)
  buffer.writeInt32BE(BATCH_OVERHEAD_BYTES + 5 - 12, at + 8)
  buffer.writeInt32BE(7, at + 12)
  buffer.writeInt8(2, at + 16)
  buffer.writeInt16BE(attributes, at + 21)
  buffer.writeInt32BE(4, at + 23)
  writeInt64(buffer, at + 27, 1_700_000_000_000)
  writeInt64(buffer, at + 35, 1_700_000_000_009)
  writeInt64(buffer, at + 43, 4_000_000_123)
  buffer.writeInt16BE(3, at + 51)
  buffer.writeInt32BE(2_147_483_645, at + 53)
  buffer.writeInt32BE(5, at + 57)
  buffer.write('hello', at + 61)
  writeBatchCrc(buffer, at)
  return buffer
}

describe('a batch header', () => {
  it('is read from its places, wherever the batch starts in the buffer', () => {
    const buffer = sampleBatch({ at: 9, attributes: 0x14 })

    const header = readBatchHeader(buffer, 9)

    assert.deepEqual(header, {
      baseOffset: 1_000_000_000_001,
      sizeBytes: 66,
      partitionLeaderEpoch: 7,
      magic: 2,
      crc: batchCrc(buffer, 9, 66),
      attributes: 0x14,
      compression: 'zstd',
      isLogAppendTime: false,
      isTransactional: true,
      isControlBatch: false,
      hasDeleteHorizon: false,
      lastOffsetDelta: 4,
      lastOffset: 1_000_000_000_005,
      baseTimestamp: 1_700_000_000_000,
      maxTimestamp: 1_700_000_000_009,
      producerId: 4_000_000_123,
      producerEpoch: 3,
      baseSequence: 2_147_483_645,
      lastSequence: 1,
      recordCount: 5,
    })
  })

  it('says the same field by field', () => {
    const buffer = sampleBatch({ at: 3, attributes: 0x2b })
    const header = readBatchHeader(buffer, 3)

    assert.equal(readBatchSize(buffer, 3), header.sizeBytes)
    assert.equal(readBaseOffset(buffer, 3), header.baseOffset)
    assert.equal(readLastOffset(buffer, 3), header.lastOffset)
    assert.equal(readPartitionLeaderEpoch(buffer, 3), header.partitionLeaderEpoch)
    assert.equal(readMagic(buffer, 3), header.magic)
    assert.equal(readCrc(buffer, 3), header.crc)
    assert.equal(readAttributes(buffer, 3), header.attributes)
    assert.equal(readLastOffsetDelta(buffer, 3), header.lastOffsetDelta)
    assert.equal(readBaseTimestamp(buffer, 3), header.baseTimestamp)
    assert.equal(readMaxTimestamp(buffer, 3), header.maxTimestamp)
    assert.equal(readProducerId(buffer, 3), header.producerId)
    assert.equal(readProducerEpoch(buffer, 3), header.producerEpoch)
    assert.equal(readBaseSequence(buffer, 3), header.baseSequence)
    assert.equal(readRecordCount(buffer, 3), header.recordCount)
  })

  it('names every flag by its bit', () => {
    const flags = (attributes: number) => {
      const header = readBatchHeader(sampleBatch({ attributes }), 0)
      return [
        header.isLogAppendTime,
        header.isTransactional,
        header.isControlBatch,
        header.hasDeleteHorizon,
      ]
    }

    assert.deepEqual(flags(0x08), [true, false, false, false])
    assert.deepEqual(flags(0x10), [false, true, false, false])
    assert.deepEqual(flags(0x20), [false, false, true, false])
    assert.deepEqual(flags(0x40), [false, false, false, true])
  })

  it('reads -1 where a producer, a timestamp or an offset is absent', () => {
    const buffer = sampleBatch()
    buffer.fill(0xff, batchOffsets.producerId, batchOffsets.recordCount)
    buffer.fill(0xff, batchOffsets.maxTimestamp, batchOffsets.producerId)

    const header = readBatchHeader(buffer, 0)

    assert.equal(header.producerId, -1)
    assert.equal(header.producerEpoch, -1)
    assert.equal(header.baseSequence, -1)
    assert.equal(header.lastSequence, -1)
    assert.equal(header.maxTimestamp, -1)
  })

  it('may be read while its records are still missing', () => {
    const header = readBatchHeader(sampleBatch().subarray(0, BATCH_OVERHEAD_BYTES), 0)

    assert.equal(header.sizeBytes, 66)
  })
})

describe('a header that cannot be', () => {
  const refused = (change: (buffer: Buffer) => void, message: RegExp) => {
    const buffer = sampleBatch()
    change(buffer)
    assert.throws(
      () => readBatchHeader(buffer, 0),
      (error) => error instanceof DecodeError && message.test(error.message),
    )
  }

  it('is refused when it is cut short', () => {
    assert.throws(() => readBatchHeader(sampleBatch().subarray(0, 60), 0), DecodeError)
  })

  it('is refused when its length is negative or smaller than a header', () => {
    refused((buffer) => buffer.writeInt32BE(-1, 8), /batch length -1/)
    refused((buffer) => buffer.writeInt32BE(48, 8), /batch length 48/)
  })

  it('is refused when its magic is not 2', () => {
    refused((buffer) => buffer.writeInt8(1, 16), /magic is 1/)
  })

  it('is refused when its codec does not exist', () => {
    refused((buffer) => buffer.writeInt16BE(5, 21), /compression code 5/)
  })

  it('is refused when a 64-bit field is beyond 2^53-1', () => {
    refused((buffer) => buffer.writeBigInt64BE(2n ** 53n, 0), /base offset beyond/)
    refused((buffer) => buffer.writeBigInt64BE(2n ** 53n - 1n, 0), /last offset beyond/)
    refused((buffer) => buffer.writeBigInt64BE(-(2n ** 63n), 27), /base timestamp beyond/)
    refused((buffer) => buffer.writeBigInt64BE(2n ** 63n - 1n, 35), /max timestamp beyond/)
    refused((buffer) => buffer.writeBigInt64BE(2n ** 62n, 43), /producer id beyond/)
  })
})

describe('patching a batch', () => {
  it('with a base offset and a leader epoch leaves its CRC valid', () => {
    const buffer = sampleBatch({ at: 2 })
    const crc = readCrc(buffer, 2)

    writeBaseOffset(buffer, 2, Number.MAX_SAFE_INTEGER - 4)
    writePartitionLeaderEpoch(buffer, 2, 12)

    const header = readBatchHeader(buffer, 2)
    assert.equal(header.baseOffset, Number.MAX_SAFE_INTEGER - 4)
    assert.equal(header.partitionLeaderEpoch, 12)
    assert.equal(batchCrc(buffer, 2, header.sizeBytes), crc)
  })

  it('with the log append time sets flag, timestamp and a new valid CRC', () => {
    const buffer = sampleBatch({ at: 2, attributes: 0x10 })
    const before = readCrc(buffer, 2)

    writeLogAppendTime(buffer, 2, 1_800_000_000_000)

    const header = readBatchHeader(buffer, 2)
    assert.equal(header.isLogAppendTime, true)
    assert.equal(header.isTransactional, true)
    assert.equal(header.maxTimestamp, 1_800_000_000_000)
    assert.notEqual(header.crc, before)
    assert.equal(header.crc, batchCrc(buffer, 2, header.sizeBytes))
  })
})

describe('a sequence', () => {
  it('wraps past 2^31-1 to 0', () => {
    assert.equal(lastSequence(2_147_483_647, 0), 2_147_483_647)
    assert.equal(lastSequence(2_147_483_647, 1), 0)
    assert.equal(lastSequence(5, 10), 15)
    assert.equal(lastSequence(-1, 10), -1)
  })
})
