// Our reading and writing of batches against Kafka's: test/fixtures/batch holds batches that Kafka's
// own builder wrote, each with what Kafka's own reader finds in it (scripts/fixtures/README.md).
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { buildBatch } from './builder.ts'
import { buildControlMarker, readControlMarker } from './control-marker.ts'
import { batchCrc, readBatchHeader, writeBaseOffset, writePartitionLeaderEpoch } from './header.ts'
import { inspectRecords } from './inspect-records.ts'
import { readRecords, recordBytes, recordBytesAsync, walkRecords } from './records.ts'
import { retainRecords } from './retain-records.ts'

type Text = string | null

interface Golden {
  readonly name: string
  readonly bytes: Buffer
  readonly header: Record<string, unknown>
  readonly records: readonly {
    readonly offset: number
    readonly timestamp: number
    readonly key: Text
    readonly value: Text
    readonly headers: readonly (readonly [string, Text])[]
  }[]
}

const golden = readGolden()
const isPlain = ({ name }: Golden) => !/marker|gzip|snappy|lz4|zstd|append time|horizon/.test(name)

describe("a batch that Kafka's client wrote", () => {
  for (const one of golden) {
    it(`is understood as Kafka understands it: ${one.name}`, async () => {
      const header = readBatchHeader(one.bytes, 0)
      const records = recordBytes(one.bytes)

      assert.deepEqual({ ...header, ...one.header }, header)
      assert.equal(batchCrc(one.bytes, 0, header.sizeBytes), header.crc)
      assert.ok((await recordBytesAsync(one.bytes)).equals(records))
      assert.equal(walkRecords(records, 0, records.length, header.recordCount), undefined)
      await inspectRecords(records, header.recordCount)
      const read = [...readRecords(one.bytes)].map((record) => ({
        offset: record.offset,
        timestamp: record.timestamp,
        key: base64(record.key),
        value: base64(record.value),
        headers: record.headers.map(([name, value]) => [name, base64(value)]),
      }))
      assert.deepEqual(read, one.records)
    })
  }

  it('comes in every codec, with nulls, headers, producers, markers and both kinds of time', () => {
    const has = (name: string) => golden.filter((one) => one.header[name] === true).length
    const codecs = new Set(golden.map((one) => one.header['compression']))

    assert.deepEqual([...codecs].sort(), ['gzip', 'lz4', 'none', 'snappy', 'zstd'])
    assert.equal(has('isLogAppendTime'), 1)
    assert.equal(has('hasDeleteHorizon'), 1)
    assert.equal(has('isTransactional'), 3)
    assert.equal(has('isControlBatch'), 2)
  })
})

describe('a batch that we build', () => {
  for (const one of golden.filter(isPlain)) {
    it(`is byte for byte what Kafka's client builds: ${one.name}`, () => {
      const { producerId, producerEpoch, baseSequence, isTransactional } = readBatchHeader(
        one.bytes,
        0,
      )
      const built = buildBatch({
        records: recordsOf(one),
        producerId,
        producerEpoch,
        baseSequence,
        isTransactional,
      })

      place(built)
      assert.ok(built.equals(one.bytes))
    })
  }

  for (const kind of ['commit', 'abort'] as const) {
    it(`ends a transaction as Kafka's coordinator does: ${kind}`, () => {
      const one = golden.find(({ name }) => name === `${kind} marker`)!
      const built = buildControlMarker({
        kind,
        producerId: 9,
        producerEpoch: 1,
        coordinatorEpoch: 17,
        timestamp: one.records[0]!.timestamp,
      })

      place(built)
      assert.ok(built.equals(one.bytes))
      const padded = Buffer.concat([Buffer.alloc(5), one.bytes])
      assert.deepEqual(readControlMarker(padded, 5), { kind, coordinatorEpoch: 17 })
    })
  }
})

describe('a batch of which all records are retained', () => {
  it('is byte for byte the same, when it was not compressed', async () => {
    for (const one of golden.filter(({ header }) => header['compression'] === 'none')) {
      const retained = await retainRecords(one.bytes, () => true)

      assert.ok(retained.batch.equals(one.bytes), one.name)
    }
  })
})

function place(batch: Buffer): void {
  writeBaseOffset(batch, 0, 42)
  writePartitionLeaderEpoch(batch, 0, 3)
}

function recordsOf(one: Golden) {
  return one.records.map(({ timestamp, key, value, headers }) => ({
    timestamp,
    key: fromBase64(key),
    value: fromBase64(value),
    headers: headers.map(([name, content]) => [name, fromBase64(content)] as const),
  }))
}

function readGolden(): Golden[] {
  const file = new URL('../../../test/fixtures/batch/batches.jsonl.gz', import.meta.url)
  const [origin, ...lines] = gunzipSync(readFileSync(file)).toString().trim().split('\n')
  assert.match(origin!, /kafka-clients 4\.3\.1/)
  return lines.map((line) => {
    const parsed = JSON.parse(line)
    return { ...parsed, bytes: Buffer.from(parsed.bytes, 'base64') }
  })
}

function base64(bytes: Buffer | null): Text {
  return bytes === null ? null : bytes.toString('base64')
}

function fromBase64(text: Text): Buffer | null {
  return text === null ? null : Buffer.from(text, 'base64')
}
