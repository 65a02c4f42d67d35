import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  batchOf,
  fetchFrom,
  makeTopic,
  produceRequest,
  produceTo,
  startTestBroker,
  valuesIn,
} from '../../../../test/support/test-broker.ts'
import { buildBatch } from '../../batch/builder.ts'
import { writeBatchCrc } from '../../batch/header.ts'
import { MAX_DECOMPRESSED_BYTES } from '../../batch/records.ts'
import { ZERO_UUID } from '../../bytes/uuid.ts'
import { produce } from '../../protocol/00-produce.ts'
import { ErrorCode } from '../../wire/error-codes.ts'

/** A batch whose bytes were changed; the CRC is made to fit again. */
function changed(batch: Buffer, change: (batch: Buffer) => void): Buffer {
  change(batch)
  writeBatchCrc(batch, 0)
  return batch
}

describe('Produce', () => {
  it('appends at every version, and answers with the base offset', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    const topicId = await makeTopic(client, 'orders')

    for (let version = 3; version <= 13; version++) {
      const { responses } = await client.send(produce, version, {
        acks: -1,
        timeoutMs: 1000,
        topicData: [
          {
            name: 'orders',
            topicId,
            partitionData: [{ index: 0, records: batchOf([`v${version}`, 'x']) }],
          },
        ],
      })

      const answer = responses[0]!.partitionResponses[0]!
      assert.equal(answer.errorCode, ErrorCode.NONE, `v${version}`)
      assert.equal(answer.baseOffset, 2 * (version - 3))
      assert.equal(answer.logAppendTimeMs, -1)
    }
  })

  it('versions 0 to 2 are advertised and close the connection', async (t) => {
    const { connect, entries } = await startTestBroker(t)
    const client = await connect()
    const frame = Buffer.from([0, 0, 0, 12, 0, 0, 0, 2, 0, 0, 0, 1, 0, 2, 0x63, 0x64])

    client.socket.write(frame)
    await client.closed()

    const closed = entries.find(({ event }) => event === 'connection-closed')
    assert.equal(closed?.['clientId'], 'cd')
    assert.equal(closed?.['api'], 'Produce')
    assert.equal(closed?.['apiVersion'], 2)
  })

  it('an error concerns its partition only', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders', { partitions: 2 })
    const damaged = batchOf(['bad'])
    damaged[damaged.length - 1]! ^= 1

    const { responses } = await client.send(produce, 12, {
      acks: -1,
      timeoutMs: 1000,
      topicData: [
        {
          name: 'orders',
          topicId: ZERO_UUID,
          partitionData: [
            { index: 0, records: batchOf(['good']) },
            { index: 1, records: damaged },
            { index: 2, records: batchOf(['nowhere']) },
          ],
        },
        {
          name: 'unknown',
          topicId: ZERO_UUID,
          partitionData: [{ index: 0, records: batchOf(['nowhere']) }],
        },
      ],
    })

    const codes = responses.map((topic) => topic.partitionResponses.map((p) => p.errorCode))
    assert.deepEqual(codes, [
      [ErrorCode.NONE, ErrorCode.CORRUPT_MESSAGE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ])
  })

  it('an unknown topic id is 100, a known one without that partition 3', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    const topicId = await makeTopic(client, 'orders')
    const send = async (id: string, index: number) => {
      const { responses } = await client.send(produce, 13, {
        acks: -1,
        timeoutMs: 1000,
        topicData: [{ name: '', topicId: id, partitionData: [{ index, records: batchOf(['x']) }] }],
      })
      return responses[0]!.partitionResponses[0]!.errorCode
    }

    assert.equal(await send('AAAAAAAAAAAAAAAAAAAAAQ', 0), ErrorCode.UNKNOWN_TOPIC_ID)
    assert.equal(await send(topicId, 7), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert.equal(await send(topicId, 0), ErrorCode.NONE)
  })

  it('acks other than -1, 0 and 1 are 21', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')

    for (const acks of [2, -2, 127]) {
      const { errorCode } = await produceTo(client, 'orders', batchOf(['x']), { acks })
      assert.equal(errorCode, ErrorCode.INVALID_REQUIRED_ACKS)
    }
  })

  it('acks=-1 with min.insync.replicas above 1 is 19, acks=1 is not', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders', { configs: { 'min.insync.replicas': '2' } })

    const all = await produceTo(client, 'orders', batchOf(['x']))
    const one = await produceTo(client, 'orders', batchOf(['x']), { acks: 1 })

    assert.equal(all.errorCode, ErrorCode.NOT_ENOUGH_REPLICAS)
    assert.equal(one.errorCode, ErrorCode.NONE)
    assert.equal(one.baseOffset, 0)
  })

  it('acks=0 is never answered, and what was sent so can be read', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')

    client.post(produce, 9, produceRequest('orders', batchOf(['silent']), { acks: 0 }))
    const { records } = await fetchFrom(client, 'orders', { maxWaitMs: 10_000 })

    assert.deepEqual(valuesIn(records), ['silent'])
    assert.deepEqual(client.answered, [1, 3], 'topic creation and fetch')
  })

  it('an error of acks=0 closes the connection', async (t) => {
    const { connect, entries } = await startTestBroker(t)
    const client = await connect()

    client.post(produce, 9, produceRequest('unknown', batchOf(['x']), { acks: 0 }))
    await client.closed()

    const closed = entries.find(({ event }) => event === 'connection-closed')
    assert.match(String(closed?.['reason']), /acks=0.*UNKNOWN_TOPIC_OR_PARTITION/)
  })

  it('Produces of one connection overlap and are appended in order', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')

    const texts = Array.from({ length: 100 }, (_, index) => `${index}`)
    const answers = await Promise.all(
      texts.map((text) => produceTo(client, 'orders', batchOf([text]))),
    )

    assert.deepEqual(
      answers.map(({ baseOffset }) => baseOffset),
      texts.map(Number),
    )
    const { records } = await fetchFrom(client, 'orders')
    assert.deepEqual(valuesIn(records), texts)
  })

  it('zstd needs v7: 76 below', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const zstd = () => batchOf(['x'], { compression: 'zstd' })

    const old = await produceTo(client, 'orders', zstd(), { version: 6 })
    const young = await produceTo(client, 'orders', zstd(), { version: 7 })

    assert.equal(old.errorCode, ErrorCode.UNSUPPORTED_COMPRESSION_TYPE)
    assert.equal(young.errorCode, ErrorCode.NONE)
  })
})

function withWrongCrc(batch: Buffer): Buffer {
  batch[batch.length - 1]! ^= 1
  return batch
}

describe('a batch that is not what it says', () => {
  const refused: [string, ErrorCode, Buffer | null][] = [
    ['no records', ErrorCode.INVALID_RECORD, null],
    ['no bytes', ErrorCode.INVALID_RECORD, Buffer.alloc(0)],
    ['less than a header', ErrorCode.CORRUPT_MESSAGE, batchOf(['x']).subarray(0, 60)],
    ['a wrong CRC', ErrorCode.CORRUPT_MESSAGE, withWrongCrc(batchOf(['x']))],
    ['cut short', ErrorCode.CORRUPT_MESSAGE, batchOf(['x']).subarray(0, -1)],
    ['bytes behind it', ErrorCode.INVALID_RECORD, Buffer.concat([batchOf(['x']), batchOf(['y'])])],
    ['magic 1', ErrorCode.INVALID_RECORD, changed(batchOf(['x']), (b) => b.writeInt8(1, 16))],
    ['magic 3', ErrorCode.INVALID_RECORD, changed(batchOf(['x']), (b) => b.writeInt8(3, 16))],
    [
      'a count that lies',
      ErrorCode.INVALID_RECORD,
      changed(batchOf(['x']), (b) => {
        b.writeInt32BE(1, 23)
        b.writeInt32BE(2, 57)
      }),
    ],
    [
      'a compressed count that lies',
      ErrorCode.INVALID_RECORD,
      changed(batchOf(['x', 'y'], { compression: 'gzip' }), (b) => {
        b.writeInt32BE(2, 23)
        b.writeInt32BE(3, 57)
      }),
    ],
    [
      'a negative count',
      ErrorCode.INVALID_RECORD,
      changed(batchOf(['x']), (b) => b.writeInt32BE(-1, 57)),
    ],
    [
      'a negative last offset delta',
      ErrorCode.INVALID_RECORD,
      changed(batchOf(['x']), (b) => b.writeInt32BE(-5, 23)),
    ],
    ['a control batch', ErrorCode.INVALID_RECORD, batchOf(['x'], { isControlBatch: true })],
    [
      'a transactional batch',
      ErrorCode.INVALID_TXN_STATE,
      batchOf(['x'], { isTransactional: true, producerId: 1, producerEpoch: 0, baseSequence: 0 }),
    ],
    [
      'a batch above max.message.bytes',
      ErrorCode.MESSAGE_TOO_LARGE,
      batchOf(['x'.repeat(1_100_000)]),
    ],
  ]

  for (const [what, errorCode, records] of refused) {
    it(`${what}: ${errorCode}, nothing is appended, the connection stays`, async (t) => {
      const { connect } = await startTestBroker(t)
      const client = await connect()
      await makeTopic(client, 'orders')

      const bad = await produceTo(client, 'orders', records)
      const good = await produceTo(client, 'orders', batchOf(['good']))

      assert.equal(bad.errorCode, errorCode, bad.errorMessage ?? '')
      assert.equal(bad.baseOffset, -1)
      assert.equal(good.baseOffset, 0)
    })
  }

  for (const version of [3, 6]) {
    it(`garbage is refused at v${version} too, where zstd is looked for, and the connection stays`, async (t) => {
      const { connect } = await startTestBroker(t)
      const client = await connect()
      await makeTopic(client, 'orders')
      const garbage = Array.from({ length: 8 }, (_, index) => Buffer.alloc(100, index * 36))
      const unknownCodec = changed(batchOf(['x']), (batch) => batch.writeInt16BE(7, 21))

      for (const records of [...garbage, unknownCodec]) {
        const { errorCode } = await produceTo(client, 'orders', records, { version })
        assert.ok(
          errorCode === ErrorCode.CORRUPT_MESSAGE || errorCode === ErrorCode.INVALID_RECORD,
          `${errorCode}`,
        )
      }

      const good = await produceTo(client, 'orders', batchOf(['good']), { version })
      assert.equal(good.baseOffset, 0)
    })
  }

  it('a decompression bomb is refused, and the broker lives', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const value = Buffer.alloc(MAX_DECOMPRESSED_BYTES + 1)
    const records = [{ timestamp: Date.now(), key: null, value }]
    const bomb = buildBatch({ records, compression: 'zstd' })
    assert.ok(bomb.length < 1_000_000)

    const { errorCode } = await produceTo(client, 'orders', bomb)
    const good = await produceTo(client, 'orders', batchOf(['good']))

    assert.notEqual(errorCode, ErrorCode.NONE)
    assert.equal(good.baseOffset, 0)
  })

  it('a record error names the record, from v8 on', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'compacted', { configs: { 'cleanup.policy': 'compact' } })

    const keyless = await produceTo(client, 'compacted', batchOf(['x', 'y']))

    assert.equal(keyless.errorCode, ErrorCode.INVALID_RECORD)
    assert.equal(keyless.recordErrors[0]?.batchIndex, 0)
  })
})

describe('an idempotent producer', () => {
  it('that resends a batch gets its first offset, and nothing is appended twice', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const sent = (baseSequence: number, texts: string[]) =>
      batchOf(texts, { producerId: 1000, producerEpoch: 0, baseSequence })

    const first = await produceTo(client, 'orders', sent(0, ['a', 'b']))
    const second = await produceTo(client, 'orders', sent(2, ['c']))
    const again = await produceTo(client, 'orders', sent(0, ['a', 'b']))
    const gap = await produceTo(client, 'orders', sent(9, ['z']))

    assert.deepEqual(
      [first, second, again].map(({ baseOffset }) => baseOffset),
      [0, 2, 0],
    )
    assert.equal(gap.errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    const { records } = await fetchFrom(client, 'orders')
    assert.deepEqual(valuesIn(records), ['a', 'b', 'c'])
  })
})
