// Producing and reading: each codec, written by one client and read by all, as it came or compressed
// anew by the broker, idempotence through a lost answer, and finding a place by time.
import assert from 'node:assert/strict'
import type { Ability, Bench } from '../ability.ts'
import type { Client } from '../clients.ts'
import type { Driver, JsonRecord, Position } from '../contract.ts'
import { limitOf } from '../limits.ts'
import { until } from '../probe.ts'
import { assertSameRecords, recordsOf } from '../records.ts'

export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const

const READ_TIMEOUT_MS = 20_000
const firstTimestamp = Date.now() - 3_600_000

/** The topic that all clients write to with one codec, each to its own partition. */
export function sharedTopic(codec: string): string {
  return `shared-${codec}`
}

function writes(codec: string): Ability {
  return {
    name: codec === 'none' ? 'writes uncompressed' : `writes ${codec}`,
    step: 'first',
    attempt: async ({ client, index, driver, probe, writers }) => {
      const topic = sharedTopic(codec)
      const records = recordsOf(client, { partition: index, firstTimestamp })

      const { positions } = await driver.call('produce', {
        topic,
        clientId: client.id,
        records,
        compression: codec,
      })

      assert.deepEqual(
        positions,
        records.map((_, offset) => [index, offset]),
      )
      const batches = await probe.batches(topic, index)
      assert.deepEqual(new Set(batches.map((batch) => batch.codec)), new Set([codec]))
      assert.equal(sum(batches.map((batch) => batch.recordCount)), records.length)
      writers.get(topic)!.push({ client, partition: index })
    },
  }
}

function reads(codec: string): Ability {
  return {
    name: codec === 'none' ? 'reads uncompressed of all' : `reads ${codec} of all`,
    step: 'after-restart-of-client',
    attempt: async ({ driver, writers }) => {
      const topic = sharedTopic(codec)
      const expected = writers.get(topic)!.map(({ client, partition }) => ({
        partition,
        records: recordsOf(client, { partition, firstTimestamp }),
      }))
      assert.notEqual(expected.length, 0, 'nobody wrote')

      await assertReads(driver, topic, expected)
    },
  }
}

async function assertReads(
  driver: Driver,
  topic: string,
  expected: readonly { readonly partition: number; readonly records: readonly JsonRecord[] }[],
): Promise<void> {
  const { records } = await driver.call('read', {
    topic,
    partitions: expected.map(({ partition }) => partition),
    count: sum(expected.map((each) => each.records.length)),
    timeoutMs: READ_TIMEOUT_MS,
  })
  for (const { partition, records: written } of expected) {
    assertSameRecords(
      records.filter((record) => record.partition === partition),
      written,
    )
  }
}

/** The topic that the broker keeps in one codec, where all clients write in each that they have. */
export function recompressedTopic(codec: string): string {
  return `kept-in-${codec}`
}

/** In the order in which they write to a recompressed topic. */
function codecsOf(client: Client): readonly string[] {
  return codecs.filter((codec) => !cannot(client, writes(codec)))
}

function cannot(client: Client, ability: Ability): boolean {
  return limitOf(client, ability) !== undefined
}

function writesAnyInto(target: string): Ability {
  return {
    name: `writes each codec into a topic kept ${kept(target)}`,
    step: 'first',
    attempt: async ({ client, index, driver, probe, writers }) => {
      const topic = recompressedTopic(target)
      const records = recordsOf(client, { partition: index, firstTimestamp })

      for (const [turn, compression] of codecsOf(client).entries()) {
        const clientId = client.id
        const { positions } = await driver.call('produce', {
          topic,
          clientId,
          records,
          compression,
        })

        assert.deepEqual(
          positions,
          records.map((_, offset) => [index, turn * records.length + offset]),
        )
      }

      const batches = await probe.batches(topic, index)
      assert.deepEqual(new Set(batches.map((batch) => batch.codec)), new Set([target]))
      writers.get(topic)!.push({ client, partition: index })
    },
  }
}

function readsRecompressed(target: string): Ability {
  return {
    name: `reads what the broker kept ${kept(target)}`,
    step: 'after-restart-of-client',
    attempt: async ({ driver, writers }) => {
      const topic = recompressedTopic(target)
      const expected = writers.get(topic)!.map(({ client, partition }) => ({
        partition,
        records: codecsOf(client).flatMap(() => recordsOf(client, { partition, firstTimestamp })),
      }))
      assert.notEqual(expected.length, 0, 'nobody wrote')

      await assertReads(driver, topic, expected)
    },
  }
}

function kept(codec: string): string {
  return codec === 'none' ? 'uncompressed' : `in ${codec}`
}

const autoCreation: Ability = {
  name: 'first use creates a topic',
  step: 'first',
  attempt: async ({ client, driver, probe, name }) => {
    const topic = name('unheard-of')
    const records = recordsOf(client, { partition: 3, firstTimestamp })

    await driver.call('produce', { topic, clientId: client.id, records })

    assert.equal((await probe.leaders(topic)).length, 4)
    assert.equal(await probe.endOffset(topic, 3), records.length)
  },
}

const idempotence: Ability = {
  name: 'produces idempotently',
  step: 'first',
  attempt: async ({ client, driver, probe, name }) => {
    const topic = name('idempotent')
    await probe.createTopic(topic, 1)
    const records = recordsOf(client, { partition: 0, firstTimestamp })

    for (const first of [0, records.length]) {
      const { positions } = await driver.call('produce', {
        topic,
        clientId: client.id,
        records,
        idempotent: true,
      })
      assert.deepEqual(
        positions.toSorted(byPosition),
        records.map((_, index) => [0, first + index]),
      )
    }

    const batches = await probe.batches(topic, 0)
    assert.ok(batches.every((batch) => batch.producerId >= 0))
    assert.equal(new Set(batches.map((batch) => batch.producerId)).size, 2, 'two producers')
  },
}

const lostAnswer: Ability = {
  name: 'a lost answer leaves no duplicate',
  step: 'first',
  attempt: async ({ client, driver, probe, link, name }) => {
    const topic = name('lost-answer')
    const clientId = name('producer')
    await probe.createTopic(topic, 1)
    link.loseFirstProduceAnswer(clientId)
    const records = recordsOf(client, { partition: 0, firstTimestamp })

    const { positions } = await driver.call('produce', {
      topic,
      clientId,
      records,
      idempotent: true,
    })

    assert.equal(link.lostAnswers(clientId), 1)
    assert.deepEqual(
      positions.toSorted(byPosition),
      records.map((_, offset) => [0, offset]),
    )
    assert.equal(await probe.endOffset(topic, 0), records.length)
  },
}

const seekByTime: Ability = {
  name: 'seeks by timestamp',
  step: 'first',
  attempt: async (bench) => {
    const topic = bench.name('time')
    await bench.probe.createTopic(topic, 2)
    const stamps = await writeStamped(bench, topic)

    const asked = [stamps[0]! - 1, stamps[3]!, stamps[7]! + 1, stamps.at(-1)! + 60_000]
    for (const timestamp of asked) {
      const first = stamps.findIndex((stamp) => stamp >= timestamp)
      const { positions } = await bench.driver.call('offsetsForTime', {
        topic,
        partitions: [1],
        timestamp,
      })
      const found = positions.find(([partition]) => partition === 1)![1]
      // Where no record is that young, clients answer with -1 or with the end.
      if (first === -1) assert.ok(found === -1 || found === stamps.length, `${found}`)
      else assert.equal(found, first)
    }

    const { records } = await bench.driver.call('read', {
      topic,
      partitions: [1],
      timestamp: stamps[3]!,
      count: stamps.length - 3,
      timeoutMs: READ_TIMEOUT_MS,
    })
    assert.deepEqual(
      records.map(({ offset }) => offset),
      stamps.map((_, offset) => offset).slice(3),
    )
  },
}

/** Writes ten records to partition 1 and tells their timestamps, one batch where the client can. */
async function writeStamped(bench: Bench, topic: string): Promise<number[]> {
  const { client, driver } = bench
  const content = { partition: 1, key: null, value: 'dGltZQ==', headers: [] }
  if (!client.cannotSend.includes('timestamp')) {
    // Out of order within the batch: what counts is the first record that is young enough.
    const stamps = [0, 1, 2, 5, 3, 4, 6, 7, 9, 10].map((second) => firstTimestamp + second * 1000)
    const records = stamps.map((timestamp) => ({ ...content, timestamp }))
    await driver.call('produce', { topic, clientId: client.id, records })
    return stamps
  }
  for (let index = 0; index < 10; index++) {
    const records = [{ ...content, key: 'a2V5' }]
    await driver.call('produce', { topic, clientId: client.id, records })
    const now = Date.now()
    await until('the next millisecond', () => Date.now() > now)
  }
  const { records } = await driver.call('read', {
    topic,
    partitions: [1],
    count: 10,
    timeoutMs: READ_TIMEOUT_MS,
  })
  return records.map((record: JsonRecord) => record.timestamp!)
}

function byPosition(one: Position, other: Position): number {
  return one[0] - other[0] || one[1] - other[1]
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

export const recordAbilities: readonly Ability[] = [
  ...codecs.map(writes),
  ...codecs.map(reads),
  ...codecs.map(writesAnyInto),
  ...codecs.map(readsRecompressed),
  autoCreation,
  idempotence,
  lostAnswer,
  seekByTime,
]
