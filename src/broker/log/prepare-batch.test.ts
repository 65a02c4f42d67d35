import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Codec } from '../../host/codec.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeHost } from '../../host/node-host.ts'
import { buildBatch, type NewBatch } from '../batch/builder.ts'
import { codecByCode, readBatchHeader, writeBatchCrc } from '../batch/header.ts'
import { readRecords } from '../batch/records.ts'
import { ErrorCode, errorName } from '../wire/error-codes.ts'
import { FileCache } from './file-cache.ts'
import { GroupCommit } from './group-commit.ts'
import { DEFAULT_LOG_CONFIG, type LogConfig } from './log-config.ts'
import { type AppendOutcome, PartitionLog } from './partition-log.ts'
import { WorkBudget } from './work-budget.ts'

const NOW = Date.now()
const CLIENT = { acks: -1, origin: 'client' } as const
const idempotent = (baseSequence: number) => ({ producerId: 9, producerEpoch: 0, baseSequence })

interface World extends AsyncDisposable {
  readonly log: PartitionLog
  readonly work: WorkBudget
  /** The batches as they are stored. */
  stored(): Promise<Buffer[]>
}

async function world(config: Partial<LogConfig> = {}): Promise<World> {
  const host = nodeHost({ disk: memoryDisk({ maxBytes: 256 * 1024 * 1024 }) })
  const onFatal = (error: unknown) => assert.fail(String(error))
  const commit = await GroupCommit.open({ host, folder: 'journal', onFatal })
  const work = new WorkBudget({ maxBytes: 64 * 1024 * 1024, maxAtOnce: 1 })
  const log = await PartitionLog.open({
    host,
    commit,
    work,
    folder: 'topics/orders-0',
    topic: 'orders',
    partition: 0,
    topicId: 'AAAAAAAAAAAAAAAAAAAABA',
    config: { ...DEFAULT_LOG_CONFIG, ...config },
    leaderEpoch: 0,
    files: new FileCache({ disk: host.disk, maxOpenFiles: 10 }),
    wasCleanStop: true,
  })
  return {
    log,
    work,
    async stored() {
      const fromOffset = log.logStartOffset
      const request = { fromOffset, maxBytes: 100_000_000, upTo: 'logEnd' } as const
      const read = await log.read({ ...request, atLeastOneBatch: true })
      assert.equal(read.kind, 'records')
      const batches: Buffer[] = []
      for (let at = 0; at < read.bytes.length; at += batches.at(-1)!.length) {
        const { sizeBytes } = readBatchHeader(read.bytes.subarray(at), 0)
        batches.push(read.bytes.subarray(at, at + sizeBytes))
      }
      return batches
    },
    async [Symbol.asyncDispose]() {
      await log.close()
      await commit.close()
    },
  }
}

function batchOf(texts: readonly string[], rest: Partial<NewBatch> = {}): Buffer {
  const records = texts.map((text, index) => ({
    timestamp: NOW + index,
    key: Buffer.from(`key-${index}`),
    value: Buffer.from(text),
    headers: [['h', Buffer.from(text.slice(0, 9))]] as const,
  }))
  return buildBatch({ records, ...rest })
}

/** Fields of records as they would be had no broker touched them, at these offsets. */
function recordsAt(baseOffset: number, batch: Buffer) {
  return [...readRecords(batch)].map((record, index) => ({ ...record, offset: baseOffset + index }))
}

/** Takes all of the budget until it is let go. */
async function occupy(work: WorkBudget) {
  const first = work.begin()
  await first.run(64 * 1024 * 1024)
  return first
}

function codeOf(outcome: AppendOutcome): string {
  return outcome.kind === 'refused' ? errorName(outcome.errorCode) : outcome.kind
}

function baseOffsetOf(outcome: AppendOutcome): number {
  assert.notEqual(outcome.kind, 'refused', JSON.stringify(outcome))
  return outcome.kind === 'refused' ? -1 : outcome.baseOffset
}

const texts = ['one', 'two', 'three'.repeat(100)]

describe('a partition that wants its own codec', () => {
  for (const target of codecByCode) {
    it(`stores ${target}, whatever comes`, async () => {
      await using w = await world({ compressionType: target })
      const expected = []
      for (const [index, compression] of codecByCode.entries()) {
        const batch = batchOf(texts, { compression, ...idempotent(3 * index) })
        expected.push(...recordsAt(3 * index, batch))

        const outcome = await w.log.append(batch, CLIENT)

        assert.equal(baseOffsetOf(outcome), 3 * index)
      }

      const batches = await w.stored()
      const headers = batches.map((batch) => readBatchHeader(batch, 0))
      assert.deepEqual(new Set(headers.map(({ compression }) => compression)), new Set([target]))
      assert.deepEqual(
        headers.map(({ producerId, baseSequence }) => [producerId, baseSequence]),
        codecByCode.map((_, index) => [9, 3 * index]),
      )
      assert.deepEqual(
        batches.flatMap((batch) => [...readRecords(batch)]),
        expected,
      )
    })
  }

  it('stores a batch that is in that codec byte for byte', async () => {
    await using w = await world({ compressionType: 'gzip', compressionGzipLevel: 9 })
    const batch = batchOf(texts, { compression: 'gzip' })
    const sent = Buffer.from(batch)

    await w.log.append(batch, CLIENT)

    const [stored] = await w.stored()
    assert.deepEqual(stored!.subarray(16), sent.subarray(16), 'all behind the leader epoch')
  })

  for (const [codec, low, high] of [
    ['gzip', { compressionGzipLevel: 1 }, { compressionGzipLevel: 9 }],
    ['zstd', { compressionZstdLevel: -50 }, { compressionZstdLevel: 19 }],
  ] as const) {
    it(`tries as hard as it was told with ${codec}, from the next batch on`, async () => {
      await using w = await world({ compressionType: codec, ...low })
      const text = Array.from({ length: 9000 }, (_, index) => `${index * index}`).join(' ')

      await w.log.append(batchOf([text]), CLIENT)
      w.log.updateConfig({ ...w.log.config, ...high })
      await w.log.append(batchOf([text]), CLIENT)

      const [first, second] = await w.stored()
      assert.ok(second!.length < first!.length, `${second!.length} < ${first!.length}`)
    })
  }

  it('takes a new codec from the next batch on', async () => {
    await using w = await world()

    for (const compressionType of ['producer', 'lz4', 'none'] as const) {
      w.log.updateConfig({ ...w.log.config, compressionType })
      await w.log.append(batchOf(texts, { compression: 'zstd' }), CLIENT)
    }

    const headers = (await w.stored()).map((batch) => readBatchHeader(batch, 0))
    assert.deepEqual(
      headers.map(({ compression }) => compression),
      ['zstd', 'lz4', 'none'],
    )
  })

  it('stamps what it compresses, where it stamps', async () => {
    await using w = await world({
      compressionType: 'snappy',
      messageTimestampType: 'LogAppendTime',
    })

    const outcome = await w.log.append(batchOf(texts, { compression: 'gzip' }), CLIENT)

    const [stored] = await w.stored()
    const header = readBatchHeader(stored!, 0)
    assert.deepEqual([header.compression, header.isLogAppendTime], ['snappy', true])
    assert.ok(outcome.kind === 'appended' && outcome.logAppendTimeMs === header.maxTimestamp)
    const stamps = [...readRecords(stored!)].map(({ timestamp }) => timestamp)
    assert.deepEqual(new Set(stamps), new Set([header.maxTimestamp]))
  })

  it("leaves what the broker's own coordinators write as it is", async () => {
    await using w = await world({ compressionType: 'gzip' })

    await w.log.append(batchOf(texts), { acks: -1, origin: 'coordinator' })

    const [stored] = await w.stored()
    assert.equal(readBatchHeader(stored!, 0).compression, 'none')
  })
})

describe('while a batch is being compressed anew', () => {
  it('those behind it wait, and get their offsets in the order in which they came', async () => {
    await using w = await world({ compressionType: 'lz4' })
    const occupied = await occupy(w.work)

    const outcomes = [
      w.log.append(batchOf(texts, idempotent(0)), CLIENT),
      w.log.append(batchOf(['small'], { compression: 'lz4', ...idempotent(3) }), CLIENT),
      w.log.append(batchOf(texts, { compression: 'gzip', ...idempotent(4) }), CLIENT),
      w.log.append(batchOf(['last'], { compression: 'lz4', ...idempotent(7) }), CLIENT),
    ]
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(w.log.logEndOffset, 0)
    occupied.release()

    assert.deepEqual((await Promise.all(outcomes)).map(baseOffsetOf), [0, 3, 4, 7])
  })

  it('a refused one lets those behind it pass', async () => {
    await using w = await world({ compressionType: 'lz4' })
    const garbage = batchOf(texts, { compression: 'gzip' })
    garbage.fill(0x55, 61)
    writeBatchCrc(garbage, 0)

    const outcomes = [
      w.log.append(garbage, CLIENT),
      w.log.append(batchOf(['good'], { compression: 'lz4' }), CLIENT),
    ]

    assert.deepEqual((await Promise.all(outcomes)).map(codeOf), ['CORRUPT_MESSAGE', 'appended'])
  })

  it('the same batch sent again is answered as the first, and stored once', async () => {
    await using w = await world({ compressionType: 'zstd' })
    const occupied = await occupy(w.work)
    const outcomes = [0, 1].map(() => w.log.append(batchOf(texts, idempotent(0)), CLIENT))
    occupied.release()

    const [first, again] = await Promise.all(outcomes)

    assert.deepEqual([first!.kind, again!.kind], ['appended', 'duplicate'])
    assert.deepEqual([baseOffsetOf(first!), baseOffsetOf(again!)], [0, 0])
    assert.equal(w.log.logEndOffset, 3)
  })

  it('its memory is counted until it is answered, whatever the answer', async () => {
    await using w = await world({ compressionType: 'none', cleanupPolicy: ['compact'] })
    const keyless = { timestamp: NOW, key: null, value: Buffer.alloc(1) }
    const batches = [
      batchOf(texts, { compression: 'gzip', ...idempotent(0) }),
      batchOf(texts, { compression: 'gzip', ...idempotent(0) }),
      batchOf(texts, { compression: 'gzip', ...idempotent(100) }),
      buildBatch({ records: [keyless], compression: 'gzip' }),
    ]
    const occupied = await occupy(w.work)
    const outcomes = batches.map((batch) => w.log.append(batch, CLIENT))
    occupied.release()
    assert.notEqual(w.work.heldBytes, 0)

    assert.deepEqual((await Promise.all(outcomes)).map(codeOf), [
      'appended',
      'duplicate',
      'OUT_OF_ORDER_SEQUENCE_NUMBER',
      'INVALID_RECORD',
    ])
    assert.deepEqual([w.work.heldBytes, w.work.runningCount], [0, 0])
  })

  it('its transaction may end: that is asked about when it is ready', async () => {
    await using w = await world({ compressionType: 'gzip' })
    const occupied = await occupy(w.work)
    let isOpen = true
    const batch = batchOf(texts, { ...idempotent(0), isTransactional: true })
    const transactionCheck = () => (isOpen ? ErrorCode.NONE : ErrorCode.INVALID_TXN_STATE)
    const outcome = w.log.append(batch, { ...CLIENT, transactionCheck })

    isOpen = false
    occupied.release()

    assert.equal(codeOf(await outcome), 'INVALID_TXN_STATE')
    assert.equal(w.log.logEndOffset, 0)
  })

  it('a close waits for it', async () => {
    await using w = await world({ compressionType: 'gzip' })
    const occupied = await occupy(w.work)
    const outcome = w.log.append(batchOf(texts), CLIENT)
    const closed = w.log.close()

    occupied.release()

    assert.equal(baseOffsetOf(await outcome), 0)
    await closed
  })
})

describe('a batch that cannot be compressed anew', () => {
  /** Records as the Java client would never send them. */
  const bad: [string, Partial<LogConfig>, ErrorCode, () => Buffer][] = [
    [
      'what is no gzip',
      {},
      ErrorCode.CORRUPT_MESSAGE,
      () => changed(batchOf(texts, { compression: 'gzip' }), (batch) => batch.fill(7, 61)),
    ],
    [
      'a count that lies',
      {},
      ErrorCode.INVALID_RECORD,
      () =>
        changed(batchOf(texts, { compression: 'gzip' }), (batch) => {
          batch.writeInt32BE(3, 23)
          batch.writeInt32BE(4, 57)
        }),
    ],
    [
      'a count that lies, of records that are not compressed',
      {},
      ErrorCode.INVALID_RECORD,
      () =>
        changed(batchOf(texts), (batch) => {
          batch.writeInt32BE(1, 23)
          batch.writeInt32BE(2, 57)
        }),
    ],
    [
      'a time that its header hides',
      {},
      ErrorCode.INVALID_TIMESTAMP,
      () => {
        const late = { timestamp: NOW + 7_200_000, key: null, value: Buffer.alloc(1) }
        const records = [{ ...late, timestamp: NOW }, late]
        return changed(buildBatch({ records, compression: 'gzip' }), (batch) =>
          batch.writeBigInt64BE(BigInt(NOW), 35),
        )
      },
    ],
    [
      'more than max.message.bytes, once in the other codec',
      { compressionType: 'none', maxMessageBytes: 10_000 },
      ErrorCode.MESSAGE_TOO_LARGE,
      () => batchOf(['x'.repeat(20_000)], { compression: 'gzip' }),
    ],
    [
      'more than segment.bytes, once in the other codec',
      { compressionType: 'none', segmentBytes: 10_000 },
      ErrorCode.RECORD_LIST_TOO_LARGE,
      () => batchOf(['x'.repeat(20_000)], { compression: 'gzip' }),
    ],
    [
      'no key in a compacted topic',
      { cleanupPolicy: ['compact'] },
      ErrorCode.INVALID_RECORD,
      () => {
        const record = { timestamp: NOW, key: Buffer.from('k'), value: null }
        return buildBatch({ records: [record, { ...record, key: null }], compression: 'gzip' })
      },
    ],
  ]

  function changed(batch: Buffer, change: (batch: Buffer) => void): Buffer {
    change(batch)
    writeBatchCrc(batch, 0)
    return batch
  }

  for (const [what, config, errorCode, make] of bad) {
    it(`is refused: ${what}, ${errorName(errorCode)}`, async () => {
      await using w = await world({ compressionType: 'zstd', ...config })

      const outcome = await w.log.append(make(), CLIENT)

      assert.equal(codeOf(outcome), errorName(errorCode), JSON.stringify(outcome))
      assert.equal(w.log.logEndOffset, 0)
      assert.equal(w.work.heldBytes, 0)
    })
  }

  it('names the records without key', async () => {
    await using w = await world({ compressionType: 'lz4', cleanupPolicy: ['compact'] })
    const record = { timestamp: NOW, key: Buffer.from('k'), value: null }
    const records = [record, { ...record, key: null }, record, { ...record, key: null }]

    const outcome = await w.log.append(buildBatch({ records, compression: 'gzip' }), CLIENT)

    assert.ok(outcome.kind === 'refused')
    const indexes = outcome.recordErrors?.map(({ batchIndex }) => batchIndex)
    assert.deepEqual(indexes, [1, 3])
  })
})

describe('a batch with much in it', () => {
  const large = (compression: Codec) =>
    batchOf([...texts, 'x'.repeat(5_000_000)], { compression, ...idempotent(0) })

  it('is looked at within the budget too, and kept as it came', async () => {
    await using w = await world()
    const occupied = await occupy(w.work)
    const outcome = w.log.append(large('zstd'), CLIENT)
    await new Promise((resolve) => setImmediate(resolve))
    assert.equal(w.log.logEndOffset, 0)

    occupied.release()

    assert.equal(baseOffsetOf(await outcome), 0)
    const [stored] = await w.stored()
    assert.deepEqual(stored!.subarray(16), large('zstd').subarray(16))
  })

  it('is compressed anew though it grows more than most', async () => {
    await using w = await world({ compressionType: 'gzip' })

    await w.log.append(large('zstd'), CLIENT)

    const [stored] = await w.stored()
    assert.equal([...readRecords(stored!)].at(-1)!.value!.length, 5_000_000)
  })

  it('beyond what may be looked at is refused', async () => {
    await using w = await world({ compressionType: 'gzip' })
    const record = { timestamp: NOW, key: null, value: Buffer.alloc(65 * 1024 * 1024) }

    const outcome = await w.log.append(
      buildBatch({ records: [record], compression: 'zstd' }),
      CLIENT,
    )

    assert.equal(codeOf(outcome), 'MESSAGE_TOO_LARGE')
    assert.equal(w.work.heldBytes, 0)
  })
})
