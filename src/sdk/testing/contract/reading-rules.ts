// Rules of reading by partition, outside any group.

import assert from 'node:assert/strict'
import type { IncomingRecord } from '../../events/record.ts'
import { UnknownTopicError } from '../../transport/errors.ts'
import { Group, textOf } from './group-watch.ts'
import { numbered, record, sendEach } from './records.ts'
import type { ContractRun, Rule } from './rule.ts'

export const readingRules: readonly Rule[] = [
  {
    id: 'read-on',
    title: 'reading goes on where the answer before said, through everything once',
    try: async (run) => {
      const { transport, place, producer } = await begin(run)
      await sendEach(producer, place, numbered(50))

      const seen: string[] = []
      let fromOffset = 0
      for (;;) {
        const read = await transport.reader.read({ ...place, fromOffset, maxBytes: 300 })
        assert.equal(read.endOffset, 50)
        seen.push(...read.records.map(textOf))
        for (const { offset } of read.records) assert.ok(offset >= fromOffset)
        assert.ok(read.nextOffset > fromOffset || fromOffset === 50)
        if (read.nextOffset >= 50) break
        fromOffset = read.nextOffset
      }

      assert.deepEqual(seen, numbered(50))
    },
  },
  {
    id: 'read-large',
    title: 'a record that is larger than what was asked for is given all the same',
    try: async (run) => {
      const { transport, place, producer } = await begin(run)
      await sendEach(producer, place, ['x'.repeat(100_000), 'small'])

      const read = await transport.reader.read({ ...place, fromOffset: 0, maxBytes: 1 })

      assert.equal(read.records[0]!.value!.length, 100_000)
    },
  },
  {
    id: 'read-end',
    title: 'at the end there is nothing, at once, or once the time to wait is over',
    try: async (run) => {
      const { transport, place, producer } = await begin(run)
      await sendEach(producer, place, ['a'])
      const { clock } = transport.world

      const atOnce = await transport.reader.read({ ...place, fromOffset: 1, maxBytes: 100 })
      const startMs = clock.monotonicMs()
      const later = await transport.reader.read({
        ...place,
        fromOffset: 1,
        maxBytes: 100,
        waitMs: 200,
      })

      const expected = { ...place, records: [], nextOffset: 1, endOffset: 1 }
      assert.deepEqual(atOnce, expected)
      assert.deepEqual(later, expected)
      const waitedMs = clock.monotonicMs() - startMs
      assert.ok(waitedMs >= 190, `it waited ${waitedMs} ms`)
    },
  },
  {
    id: 'read-waits',
    title: 'a read that waits ends with the first record, or when it is aborted',
    try: async (run) => {
      const { transport, place, producer } = await begin(run)
      const waitMs = 2 * run.timing.deadlineMs
      const abort = new AbortController()
      const request = { ...place, fromOffset: 0, maxBytes: 100, waitMs }

      const waiting = transport.reader.read(request)
      const given = transport.reader.read({ ...request, fromOffset: 1, signal: abort.signal })
      await producer.send({ ...place, records: [record('a')] })
      const read = await waiting
      abort.abort()

      assert.deepEqual(read.records.map(textOf), ['a'])
      assert.deepEqual((await given).records, [])
    },
  },
  {
    id: 'read-unknown-topic',
    title: 'reading an unknown topic is refused by name, asking for its bounds too',
    try: async (run) => {
      const { transport } = await begin(run)
      const place = { topic: run.uniqueName(), partition: 0 }
      const isUnknown = (error: unknown) =>
        error instanceof UnknownTopicError && error.topic === place.topic

      await assert.rejects(
        transport.reader.read({ ...place, fromOffset: 0, maxBytes: 100 }),
        isUnknown,
      )
      await assert.rejects(transport.reader.bounds([place]), isUnknown)
    },
  },
  {
    id: 'compacted',
    title: 'of a compacted topic the newest record of each key stays, in order, at its offset',
    needs: ['compaction', 'partition-order'],
    try: async (run) => {
      const transport = await run.open()
      const topic = run.uniqueName()
      const config = { 'cleanup.policy': 'compact' }
      await transport.administration.ensureTopics([{ name: topic, partitions: 1, config }])
      const producer = await transport.producer()
      const place = { topic, partition: 0 }
      const keys = ['a', 'b', 'a', 'c', 'b', 'a']
      for (const [i, key] of keys.entries()) {
        await producer.send({ ...place, records: [{ ...record(`${i}`), key: Buffer.from(key) }] })
      }

      const member = await new Group(run).join(transport, { topics: [topic] })
      const records: IncomingRecord[] = []
      while (records.at(-1)?.offset !== 5) records.push(...(await member.take(1)))

      const offsets = records.map(({ offset }) => offset)
      for (const newest of [3, 4, 5]) assert.ok(offsets.includes(newest), `${offsets}`)
      assert.deepEqual(
        offsets,
        offsets.toSorted((a, b) => a - b),
      )
      assert.deepEqual(records.map(textOf), offsets.map(String))
    },
  },
  {
    id: 'bounds',
    title: 'the bounds of partitions are the first offset kept and the end',
    try: async (run) => {
      const transport = await run.open()
      const topic = await run.topic(transport, 2)
      const producer = await transport.producer()
      await sendEach(producer, { topic, partition: 1 }, numbered(3))

      const bounds = await transport.reader.bounds([
        { topic, partition: 1 },
        { topic, partition: 0 },
      ])

      assert.deepEqual(bounds, [
        { topic, partition: 1, startOffset: 0, endOffset: 3 },
        { topic, partition: 0, startOffset: 0, endOffset: 0 },
      ])
    },
  },
]

async function begin(run: ContractRun) {
  const transport = await run.open()
  const topic = await run.topic(transport, 1)
  return { transport, producer: await transport.producer(), place: { topic, partition: 0 } }
}
