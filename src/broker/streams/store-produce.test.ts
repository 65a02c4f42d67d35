// The event store as an ordinary Kafka client meets it: Produce and Fetch over a socket.

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import {
  fetchFrom,
  makeTopic,
  produceTo,
  startTestBroker,
} from '../../../test/support/test-broker.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { nodeHost } from '../../host/node-host.ts'
import { buildBatch, type NewBatch } from '../batch/builder.ts'
import { readBatchHeader } from '../batch/header.ts'
import { type BatchRecord, readRecords } from '../batch/records.ts'
import { ErrorCode } from '../wire/error-codes.ts'

interface Sent {
  readonly key: string | Buffer | null
  readonly value?: string
  readonly id?: string
  readonly expect?: string
  readonly headers?: Record<string, string>
}

function batch(records: readonly Sent[], rest: Partial<NewBatch> = {}): Buffer {
  return buildBatch({
    records: records.map(({ key, value = '{}', id, expect, headers = {} }) => {
      const all: Record<string, string> = { ...headers }
      if (id !== undefined) all['ce_id'] = id
      if (expect !== undefined) all['millrace-expected-version'] = expect
      return {
        timestamp: 1_700_000_000_000,
        key: typeof key === 'string' ? Buffer.from(key) : key,
        value: Buffer.from(value),
        headers: Object.entries(all).map(([name, text]) => [name, Buffer.from(text)] as const),
      }
    }),
    ...rest,
  })
}

async function store(t: TestContext, configs: Record<string, string> = {}) {
  const { connect } = await startTestBroker(t)
  const client = await connect()
  await makeTopic(client, 'orders', { configs: { 'millrace.store': 'true', ...configs } })
  const send = (records: readonly Sent[], rest: Partial<NewBatch> = {}) =>
    produceTo(client, 'orders', batch(records, rest))
  const stored = async () => {
    const { records } = await fetchFrom(client, 'orders')
    const all: BatchRecord[] = []
    for (let at = 0; records !== null && at < records.length; ) {
      const { sizeBytes } = readBatchHeader(records, at)
      all.push(...readRecords(records.subarray(at, at + sizeBytes)))
      at += sizeBytes
    }
    return all
  }
  const versions = async () =>
    (await stored()).map(({ key, headers }) => `${key}:${header(headers, 'millrace-version')}`)
  return { client, send, stored, versions }
}

function header(headers: BatchRecord['headers'], wanted: string): string | undefined {
  return headers.find(([name]) => name === wanted)?.[1]?.toString()
}

describe('Produce to an event store', () => {
  it('gives every record the next version of its stream, in a header', async (t) => {
    const { send, versions } = await store(t)

    await send([{ key: 'a' }, { key: 'b' }, { key: 'a' }])
    await send([{ key: 'a' }])

    assert.deepEqual(await versions(), ['a:0', 'b:0', 'a:1', 'a:2'])
  })

  it('takes the expected version away and keeps every other header in its order', async (t) => {
    const { send, stored } = await store(t)

    await send([{ key: 'a', expect: 'none', id: 'e1', headers: { x: '1', ce_type: 'T' } }])

    const [record] = await stored()
    assert.deepEqual(
      record!.headers.map(([name, value]) => [name, value?.toString()]),
      [
        ['x', '1'],
        ['ce_type', 'T'],
        ['ce_id', 'e1'],
        ['millrace-version', '0'],
      ],
    )
  })

  it('refuses the whole batch when one stream is not where it was expected', async (t) => {
    const { send, versions } = await store(t)
    await send([{ key: 'a' }, { key: 'a' }])

    const answer = await send([
      { key: 'b', expect: 'none' },
      { key: 'a', expect: '0' },
    ])

    assert.equal(answer.errorCode, ErrorCode.INVALID_RECORD)
    const sentence =
      'Stream a of store orders is at version 1, expected 0: reload and decide again.'
    assert.equal(answer.errorMessage, sentence)
    assert.deepEqual(answer.recordErrors, [{ batchIndex: 1, batchIndexErrorMessage: sentence }])
    assert.deepEqual(await versions(), ['a:0', 'a:1'])
  })

  it('judges each record after those before it', async (t) => {
    const { send, versions } = await store(t)

    const answer = await send([
      { key: 'a', expect: 'none' },
      { key: 'a', expect: '0' },
      { key: 'a', expect: 'exists' },
      { key: 'a' },
    ])

    assert.equal(answer.errorCode, ErrorCode.NONE)
    assert.deepEqual(await versions(), ['a:0', 'a:1', 'a:2', 'a:3'])
  })

  for (const [what, sent, reason] of [
    ['no key', { key: null }, /must be the name of its stream/],
    ['an empty key', { key: '' }, /empty/],
    ['a key that is no text', { key: Buffer.from([0xff, 0xfe]) }, /no UTF-8/],
    ['a version of its own', { key: 'a', headers: { 'millrace-version': '7' } }, /by the broker/],
    ['an expectation that is none', { key: 'a', expect: '-1' }, /any, none, exists or a version/],
  ] as const) {
    it(`refuses a record with ${what}, and names it`, async (t) => {
      const { send, versions } = await store(t)

      const answer = await send([{ key: 'b' }, sent])

      assert.equal(answer.errorCode, ErrorCode.INVALID_RECORD)
      assert.match(answer.errorMessage ?? '', reason)
      assert.equal(answer.recordErrors[0]?.batchIndex, 1)
      assert.deepEqual(await versions(), [])
    })
  }

  for (const compression of ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const) {
    it(`keeps producer, sequence, times and the codec ${compression} of a batch`, async (t) => {
      const { client, send, versions } = await store(t)
      const producer = { producerId: 7, producerEpoch: 3, baseSequence: 0 }

      const first = await send([{ key: 'a' }, { key: 'a' }], { ...producer, compression })
      const again = await send([{ key: 'a' }, { key: 'a' }], { ...producer, compression })

      assert.deepEqual([first.baseOffset, again.baseOffset], [0, 0])
      assert.deepEqual(await versions(), ['a:0', 'a:1'])
      const { records } = await fetchFrom(client, 'orders')
      const kept = readBatchHeader(records!, 0)
      assert.equal(kept.compression, compression)
      assert.equal(kept.producerId, 7)
      assert.equal(kept.producerEpoch, 3)
      assert.equal(kept.baseSequence, 0)
      assert.equal(kept.maxTimestamp, 1_700_000_000_000)
    })
  }

  it('answers events that are there already as it did the first time', async (t) => {
    const { send, versions } = await store(t)
    const events = [
      { key: 'a', expect: 'none', id: '1' },
      { key: 'a', id: '2' },
    ]
    await send([{ key: 'z' }])
    const first = await send(events)
    await send([{ key: 'a', id: '3' }])

    const again = await send(events)

    assert.equal(again.errorCode, ErrorCode.NONE)
    assert.equal(again.baseOffset, first.baseOffset)
    assert.deepEqual(await versions(), ['z:0', 'a:0', 'a:1', 'a:2'])
  })

  it('answers them so after a restart as well, whoever sends them then', async (t) => {
    const host = nodeHost({ disk: memoryDisk({ maxBytes: 64 * 1024 * 1024 }) })
    const events = [
      { key: 'a', expect: 'none', id: '1' },
      { key: 'a', id: '2' },
    ]
    const answers = []
    for (const producerId of [7, 7, 8]) {
      const { broker, connect } = await startTestBroker(t, { host })
      const client = await connect()
      if (answers.length === 0) {
        await makeTopic(client, 'orders', { configs: { 'millrace.store': 'true' } })
      }
      const sent = batch(events, { producerId, producerEpoch: 0, baseSequence: 0 })
      const { errorCode, baseOffset } = await produceTo(client, 'orders', sent)
      answers.push([
        errorCode,
        baseOffset,
        (await broker.eventStore('orders').head('a')).headVersion,
      ])
      await broker.close()
    }

    assert.deepEqual(answers, [
      [ErrorCode.NONE, 0, 1],
      [ErrorCode.NONE, 0, 1],
      [ErrorCode.NONE, 0, 1],
    ])
  })

  it('loses nothing and doubles nothing when a hundred writers want one stream', async (t) => {
    const { send, versions } = await store(t)
    let conflicts = 0
    const write = async (writer: number) => {
      for (let expected = -1; ; ) {
        const expect = expected < 0 ? 'none' : `${expected}`
        const answer = await send([{ key: 'a', expect, id: `w${writer}` }])
        if (answer.errorCode === ErrorCode.NONE) return
        assert.equal(answer.errorCode, ErrorCode.INVALID_RECORD)
        expected = Number(/is at version (\d+)/.exec(answer.errorMessage ?? '')?.[1])
        conflicts++
      }
    }

    await Promise.all(Array.from({ length: 100 }, (_, writer) => write(writer)))

    assert.deepEqual(
      await versions(),
      Array.from({ length: 100 }, (_, version) => `a:${version}`),
    )
    assert.ok(conflicts > 0)
  })

  it('refuses a batch of which only some events are there', async (t) => {
    const { send, versions } = await store(t)
    await send([{ key: 'a', id: '1' }])

    const answer = await send([
      { key: 'a', id: '1' },
      { key: 'a', id: '2' },
    ])

    assert.equal(answer.errorCode, ErrorCode.INVALID_RECORD)
    assert.match(answer.errorMessage ?? '', /already, as version 0/)
    assert.deepEqual(await versions(), ['a:0'])
  })

  it('goes on with the sequence of a producer whose events were there already', async (t) => {
    const { send, versions } = await store(t)
    const producer = { producerId: 7, producerEpoch: 0 }
    await send([{ key: 'a', id: '1' }], { ...producer, baseSequence: 0 })

    const known = await send([{ key: 'a', id: '1' }], { ...producer, baseSequence: 1 })
    const next = await send([{ key: 'a', id: '2' }], { ...producer, baseSequence: 2 })

    assert.deepEqual([known.errorCode, known.baseOffset], [ErrorCode.NONE, 0])
    assert.equal(next.errorCode, ErrorCode.NONE)
    assert.deepEqual(await versions(), ['a:0', 'a:1'])
  })

  it('takes no sequence number for a batch that it refuses', async (t) => {
    const { send, versions } = await store(t)
    const producer = { producerId: 7, producerEpoch: 0 }
    await send([{ key: 'a' }], { ...producer, baseSequence: 0 })

    const late = await send([{ key: 'a', expect: '7' }], { ...producer, baseSequence: 1 })
    const behind = await send([{ key: 'a' }], { ...producer, baseSequence: 2 })
    const again = await send([{ key: 'a' }], { ...producer, baseSequence: 1 })

    assert.equal(late.errorCode, ErrorCode.INVALID_RECORD)
    // Sent before the refusal was known: its client numbers it anew and sends it again.
    assert.equal(behind.errorCode, ErrorCode.OUT_OF_ORDER_SEQUENCE_NUMBER)
    assert.equal(again.errorCode, ErrorCode.NONE)
    assert.deepEqual(await versions(), ['a:0', 'a:1'])
  })

  it('mixes conditional and plain records, of streams that know nothing of each other', async (t) => {
    const { send, versions } = await store(t)

    await send([{ key: 'a' }, { key: 'b', expect: 'none' }, { key: 'a', expect: '0' }])
    const conflict = await send([{ key: 'c' }, { key: 'b', expect: 'none' }])
    const after = await send([{ key: 'c', expect: 'none' }])

    assert.equal(conflict.errorCode, ErrorCode.INVALID_RECORD)
    assert.equal(after.errorCode, ErrorCode.NONE)
    assert.deepEqual(await versions(), ['a:0', 'b:0', 'a:1', 'c:0'])
  })

  it('takes a record as large as the topic allows, and refuses a larger one', async (t) => {
    const { send, versions } = await store(t, { 'max.message.bytes': '10000' })
    const longest = 'x'.repeat(9000)
    const overhead = batch([{ key: 'a', value: longest }]).length - longest.length

    const largest = await send([{ key: 'a', value: 'x'.repeat(10_000 - overhead) }])
    const larger = await send([{ key: 'a', value: 'x'.repeat(10_001) }])

    assert.equal(largest.errorCode, ErrorCode.NONE)
    assert.equal(larger.errorCode, ErrorCode.MESSAGE_TOO_LARGE)
    assert.deepEqual(await versions(), ['a:0'])
  })

  it('refuses what unpacks to more than a store takes at once', async (t) => {
    const { send, versions } = await store(t)

    const answer = await send([{ key: 'a', value: 'x'.repeat(1_100_000) }], { compression: 'zstd' })

    assert.equal(answer.errorCode, ErrorCode.MESSAGE_TOO_LARGE)
    assert.deepEqual(await versions(), [])
  })

  it('deletes, truncates and tombstones a stream by records of its own', async (t) => {
    const { send, versions } = await store(t)
    const notice = (kind: string) => ({ ce_type: `millrace.stream.${kind}` })
    await send([{ key: 'a' }, { key: 'a' }])

    const unclear = await send([{ key: 'a', headers: notice('truncated') }])
    await send([{ key: 'a', value: '{"firstVersion":1}', headers: notice('truncated') }])
    await send([{ key: 'a', expect: '1', headers: notice('deleted') }])
    const missing = await send([{ key: 'a', expect: 'exists' }])
    await send([{ key: 'a', expect: 'none' }])
    await send([{ key: 'a', headers: notice('tombstoned') }])
    const over = await send([{ key: 'a' }])

    assert.match(unclear.errorMessage ?? '', /firstVersion/)
    assert.match(
      missing.errorMessage ?? '',
      /is deleted, at version 1, expected at least one event/,
    )
    assert.match(over.errorMessage ?? '', /is tombstoned/)
    assert.deepEqual(await versions(), ['a:0', 'a:1', 'a:1', 'a:1', 'a:2', 'a:2'])
  })

  it('refuses a stream in a partition that is not its own', async (t) => {
    const { client } = await store(t)
    await makeTopic(client, 'wide', { partitions: 2, configs: { 'millrace.store': 'true' } })

    const answers = [
      await produceTo(client, 'wide', batch([{ key: 'a' }]), { partition: 0 }),
      await produceTo(client, 'wide', batch([{ key: 'a' }]), { partition: 1 }),
    ]

    const refused = answers.filter(({ errorCode }) => errorCode === ErrorCode.INVALID_RECORD)
    assert.equal(refused.length, 1)
    assert.match(refused[0]?.errorMessage ?? '', /belongs to partition/)
  })

  it('leaves the bytes of an ordinary topic alone', async (t) => {
    const { client } = await store(t)
    await makeTopic(client, 'plain')
    const sent = batch([{ key: 'a', expect: '7', headers: { 'millrace-version': '3' } }])

    const answer = await produceTo(client, 'plain', Buffer.from(sent))

    assert.equal(answer.errorCode, ErrorCode.NONE)
    const { records } = await fetchFrom(client, 'plain')
    assert.deepEqual(records?.subarray(21), sent.subarray(21))
  })
})
