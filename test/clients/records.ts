// The records that clients write and read back: everything that a key, a value or a header can be,
// and enough bulk for a codec to find something to compress. Made from the client's name alone, so
// that every reader can know what every writer wrote.
import assert from 'node:assert/strict'
import type { Client } from './clients.ts'
import type { JsonRecord } from './contract.ts'

const BULK_BYTES = 100_000

/** What `client` writes to `partition`, with timestamps from `firstTimestamp` where it can set them. */
export function recordsOf(
  client: Client,
  { partition, firstTimestamp }: { partition: number; firstTimestamp: number },
): JsonRecord[] {
  const isPlain = client.cannotSend.includes('null')
  const contents = isPlain ? plainContents(client) : allContents(client)
  return contents.map((content, index) => ({
    partition,
    ...content,
    ...(client.cannotSend.includes('timestamp')
      ? {}
      : { timestamp: firstTimestamp + index * 1000 }),
  }))
}

type Content = Pick<JsonRecord, 'key' | 'value' | 'headers'>

function plainContents(client: Client): Content[] {
  const headers = [header('client', client.name), header('empty', '')]
  return bulk(client).map((content) => ({ ...content, headers }))
}

function allContents(client: Client): Content[] {
  const everyByte = Buffer.from(Uint8Array.from({ length: 256 }, (_, index) => index))
  const text = Buffer.from(`${client.name} wrote this: Ζεύς, 水車, 🌊`)
  const headers: Content['headers'][number][] = [
    header('client', client.name),
    header('again', 'one'),
    header('again', 'two'),
    header('empty', ''),
    // kcat prints a header's value as text, up to a zero byte.
    header('binary', Buffer.of(255, 254, 128, 10)),
  ]
  if (!client.cannotSend.includes('null-header')) headers.push(['null', null])
  return [
    { key: base64('key'), value: base64(text), headers: [] },
    { key: null, value: base64('no key'), headers: [] },
    { key: base64(''), value: base64('an empty key'), headers: [] },
    { key: base64('tombstone'), value: null, headers: [] },
    { key: base64('empty'), value: base64(''), headers: [] },
    { key: base64(everyByte), value: base64(everyByte), headers: [] },
    { key: base64('headers'), value: base64(text), headers },
    ...bulk(client),
  ]
}

function bulk(client: Client): Content[] {
  const small = Array.from({ length: 30 }, (_, index) => ({
    key: base64(`key-${index % 7}`),
    value: base64(`${client.name} ${index} `.repeat(20)),
    headers: [],
  }))
  const large = base64(`${client.name} `.repeat(BULK_BYTES).slice(0, BULK_BYTES))
  return [...small, { key: base64('large'), value: large, headers: [] }]
}

function header(name: string, value: string | Buffer): readonly [string, string] {
  return [name, base64(value)]
}

function base64(value: string | Buffer): string {
  return Buffer.from(value).toString('base64')
}

/** Checks that what was read is what was written: count, order, offsets, and every byte. */
export function assertSameRecords(
  actual: readonly JsonRecord[],
  expected: readonly JsonRecord[],
): void {
  const inOrder = actual.toSorted((one, other) => one.offset! - other.offset!)
  assert.deepEqual(
    inOrder.map(({ offset }) => offset),
    expected.map((_, index) => index),
    'each record once, at offsets without a gap',
  )
  for (const [index, { key, value, headers, timestamp }] of expected.entries()) {
    const record = inOrder[index]!
    assert.deepEqual(
      { key: record.key, value: record.value, headers: record.headers },
      { key, value, headers },
    )
    if (timestamp !== undefined) assert.equal(record.timestamp, timestamp)
  }
}
