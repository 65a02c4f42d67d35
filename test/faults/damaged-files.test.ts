// Files that were damaged while nobody looked: what can be rebuilt is, what cannot takes its partition
// offline with the offset in the log, is left as it is, and harms nobody else.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { listOffsets } from '../../src/broker/protocol/02-list-offsets.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import type { KafkaClient } from '../support/kafka-client.ts'
import {
  batchOf,
  fetchFrom,
  makeTopic,
  produceTo,
  recordOf,
  valuesIn,
} from '../support/test-broker.ts'
import { until } from '../support/until.ts'
import { startFaultyBroker } from './faulty-broker.ts'
import type { FaultyDisk } from './faulty-disk.ts'

const FOLDER = 'topics/orders-0'
const FIRST_SEGMENT = `${FOLDER}/00000000000000000000`
const MIB = 1024 * 1024
/** So many batches of one record each, in two segments. */
const COUNT = 60
const RECORD_BYTES = 25_000
const FIRST_TIME = 1_700_000_000_000
const DAMAGED_OFFSET = 5
/** Within a batch: its magic, and a byte of its record. */
const MAGIC_AT = 16
const RECORD_AT = 100

describe('an index that is damaged', () => {
  for (const [what, damage] of [
    ['overwritten', (bytes: Buffer) => bytes.fill(0xa5)],
    ['cut off', (bytes: Buffer) => bytes.subarray(0, 13)],
    ['empty', () => Buffer.alloc(0)],
    ['full of zeros', (bytes: Buffer) => bytes.fill(0)],
  ] as const) {
    it(`(${what}) is rebuilt: every offset and every time is found`, async (t) => {
      const { disk, broker, restart } = await startWithRecords(t)
      await broker.close()
      const names = (await disk.list(FOLDER)).filter((name) => /index$/.test(name))
      for (const name of names) {
        const path = `${FOLDER}/${name}`
        await disk.replaceFile(path, damage((await disk.readFile(path))!))
      }

      const again = await restart()

      assert.ok(names.length >= 4, names.join())
      const client = await again.connect()
      for (let offset = 0; offset < COUNT; offset += 7) {
        const { errorCode, records } = await fetchFrom(client, 'orders', { offset, maxBytes: 1 })
        assert.equal(errorCode, ErrorCode.NONE)
        assert.equal(nameIn(records), `record ${offset}`)
        assert.equal(await offsetAt(client, FIRST_TIME + offset), offset)
      }
      assert.equal((await produceTo(client, 'orders', batchOf(['next']))).baseOffset, COUNT)
    })
  }
})

describe('a segment that is damaged in the middle', () => {
  it('is found by a start that looks: offline, the offset named, nothing cut, others serve', async (t) => {
    const { disk, broker, restart } = await startWithRecords(t)
    await broker.close()
    await flip(disk, RECORD_AT)
    await disk.remove('journal/checkpoint') // else a start trusts what was once durable
    const before = await disk.readFile(`${FIRST_SEGMENT}.log`)

    const again = await restart({ isClean: false })

    await checkOffline(again)
    assert.deepEqual(await disk.readFile(`${FIRST_SEGMENT}.log`), before)
  })

  it('is found by a read that lands on it: offline, the offset named, others serve', async (t) => {
    const { disk, broker, restart } = await startWithRecords(t)
    await broker.close()
    await flip(disk, MAGIC_AT)
    const again = await restart()
    const client = await again.connect()
    const sound = await fetchFrom(client, 'orders', { offset: 0, maxBytes: 1 })

    await fetchFrom(client, 'orders', { offset: DAMAGED_OFFSET, maxBytes: 1 })

    assert.equal(nameIn(sound.records), 'record 0')
    await checkOffline(again)
  })
})

describe('a segment that is damaged where nobody reads', () => {
  it('is found by the scrub: offline, the offset named, others serve', async (t) => {
    const { disk, broker, restart } = await startWithRecords(t, {
      'millrace.scrub.interval.ms': '1',
      'millrace.scrub.bytes.per.second': String(MIB),
    })
    await broker.close()
    await flip(disk, RECORD_AT)

    const again = await restart()

    await until(() => again.entries.some(({ event }) => event === 'partition-offline'))
    await checkOffline(again)
  })
})

type Running = Pick<Awaited<ReturnType<typeof startFaultyBroker>>, 'connect' | 'entries'>

async function checkOffline({ connect, entries }: Running): Promise<void> {
  const client = await connect()
  const read = await fetchFrom(client, 'orders', { offset: 1 })
  const written = await produceTo(client, 'orders', batchOf(['refused']))
  assert.equal(read.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
  assert.equal(written.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
  await until(() => entries.some(({ event }) => event === 'partition-offline'))
  const entry = entries.find(({ event }) => event === 'partition-offline')
  assert.equal(entry?.['topic'], 'orders')
  assert.match(String(entry?.['reason']), new RegExp(`damaged at offset ${DAMAGED_OFFSET} `))
  const other = await produceTo(client, 'payments', batchOf(['taken']))
  assert.equal(other.errorCode, ErrorCode.NONE)
  assert.deepEqual(valuesIn((await fetchFrom(client, 'payments')).records), ['taken'])
}

async function startWithRecords(t: TestContext, config: Record<string, string> = {}) {
  const started = await startFaultyBroker(t, { config })
  const client = await started.connect()
  await makeTopic(client, 'orders', { configs: { 'segment.bytes': String(MIB) } })
  await makeTopic(client, 'payments')
  for (let offset = 0; offset < COUNT; offset++) {
    const record = recordOf(`record ${offset}`.padEnd(RECORD_BYTES), FIRST_TIME + offset)
    const { errorCode } = await produceTo(client, 'orders', batchOf([], { records: [record] }))
    assert.equal(errorCode, ErrorCode.NONE)
  }
  return started
}

/** Turns one bit of the damaged batch, `at` bytes behind its start. */
async function flip(disk: FaultyDisk, at: number): Promise<void> {
  const path = `${FIRST_SEGMENT}.log`
  const content = (await disk.readFile(path))!
  let start = 0
  for (let offset = 0; offset < DAMAGED_OFFSET; offset++)
    start += 12 + content.readInt32BE(start + 8)
  const file = await disk.open(path)
  await file.write([Buffer.from([content[start + at]! ^ 0x10])], start + at)
  await file.close()
}

function nameIn(records: Buffer | null): string | undefined {
  return valuesIn(records)[0]?.trimEnd()
}

async function offsetAt(client: KafkaClient, timestamp: number): Promise<number> {
  const { topics } = await client.send(listOffsets, 7, {
    replicaId: -1,
    isolationLevel: 0,
    timeoutMs: 10_000,
    topics: [
      { name: 'orders', partitions: [{ partitionIndex: 0, currentLeaderEpoch: -1, timestamp }] },
    ],
  })
  const { errorCode, offset } = topics[0]!.partitions[0]!
  assert.equal(errorCode, ErrorCode.NONE)
  return offset
}
