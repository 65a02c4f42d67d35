import assert from 'node:assert/strict'
import { it } from 'node:test'
import { buildBatch } from '../batch/builder.ts'
import { readBatchHeader } from '../batch/header.ts'
import { BatchEncoder, roomOf } from './encode-batch.ts'

it('a batch is encoded byte for byte as the builder of batches does it', () => {
  const events = [0, 1, 70, 9000].map((size, i) => ({
    key: Buffer.from(`ström-${i}`),
    value: i === 1 ? null : Buffer.alloc(size, i),
    headers: [
      ['ce_id', Buffer.from(`${i}`)],
      ['ü'.repeat(40), null],
      ['a name that is longer than what is written letter by letter, surely', Buffer.alloc(200)],
    ] as const,
    timestampMs: 1_700_000_000_000 + (i % 2 === 0 ? i * 1000 : -i * 100_000),
    version: i * 123_456,
  }))

  const encoder = new BatchEncoder(0)
  const room = events.reduce((sum, event) => sum + roomOf(event.key.length, event), 0)
  encoder.begin(room, true)
  for (const event of events) encoder.add(event)
  const { bytes, header } = encoder.finish()

  const records = events.map(({ key, value, headers, timestampMs, version }) => ({
    timestamp: timestampMs,
    key,
    value,
    headers: [...headers, ['millrace-version', Buffer.from(`${version}`)] as const],
  }))
  assert.deepEqual(bytes, buildBatch({ records, partitionLeaderEpoch: 0 }))
  assert.deepEqual(header, readBatchHeader(bytes, 0))
})
