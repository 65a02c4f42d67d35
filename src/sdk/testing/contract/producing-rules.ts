// Rules of producers.

import assert from 'node:assert/strict'
import type { Header, OutgoingRecord } from '../../events/record.ts'
import { SendError, UnknownTopicError } from '../../transport/errors.ts'
import type { SendRequest, SentRecords } from '../../transport/producer.ts'
import { textOf } from './group-watch.ts'
import { numbered, record } from './records.ts'
import type { ContractRun, Rule } from './rule.ts'

const TOO_LARGE_BYTES = 2 * 1024 * 1024

export const producingRules: readonly Rule[] = [
  {
    id: 'send-together',
    title: 'the records of a send stand together, from the offset that is answered',
    try: async (run) => {
      const { transport, producer, place } = await begin(run)
      await producer.send({ ...place, records: numbered(3, 'a').map((text) => record(text)) })

      const sent = await producer.send({
        ...place,
        records: numbered(4, 'b').map((text) => record(text)),
      })

      const read = await transport.reader.read({ ...place, fromOffset: 3, maxBytes: 10_000 })
      assert.equal(sent.baseOffset, 3)
      assert.deepEqual(
        read.records.map((one) => `${one.offset} ${textOf(one)}`),
        ['3 b0', '4 b1', '5 b2', '6 b3'],
      )
    },
  },
  {
    id: 'send-order',
    title: 'sends that are under way together keep the order of their calls in a partition',
    needs: ['partition-order'],
    try: async (run) => {
      const { transport, producer, place } = await begin(run)
      const texts = numbered(200)

      const sent = await Promise.all(
        texts.map((text) => producer.send({ ...place, records: [record(text)] })),
      )

      assert.deepEqual(
        sent.map((one) => one.baseOffset),
        texts.map(Number),
      )
      const read = await transport.reader.read({ ...place, fromOffset: 0, maxBytes: 1_000_000 })
      assert.deepEqual(read.records.map(textOf), texts.slice(0, read.records.length))
    },
  },
  {
    id: 'send-token',
    title: 'a send says under which leader epoch it was written, and the log has one name for all',
    needs: ['positions', 'atomicOutput'],
    try: async (run) => {
      const { transport, producer, place } = await begin(run)
      const other = await run.open()
      const records = [record('a')]

      const first = await producer.send({ ...place, records })
      const second = await (await other.producer()).send({ ...place, records })
      const transactional = await transport.transactionalProducer(run.uniqueName())
      const third = await transactional.transaction((open) => open.send({ ...place, records }))

      assert.notEqual(transport.logId, '')
      assert.equal(other.logId, transport.logId)
      assert.ok(Number.isSafeInteger(first.leaderEpoch) && first.leaderEpoch >= 0)
      assert.ok(second.leaderEpoch >= first.leaderEpoch)
      assert.ok(third.leaderEpoch >= second.leaderEpoch)
    },
  },
  {
    id: 'record-as-sent',
    title: 'key, value, headers and time of a record come out as they went in',
    try: async (run) => {
      const { transport, producer, place } = await begin(run)
      const headers: readonly Header[] = [
        ['twice', Buffer.from('1')],
        ['twice', Buffer.from([0, 255, 128])],
        ['empty', Buffer.alloc(0)],
        ['null', null],
        ['Grüße', Buffer.from('ß')],
      ]
      const full: OutgoingRecord = {
        key: Buffer.from([0, 200, 255]),
        value: Buffer.from('wörld'),
        headers,
        timestampMs: Date.UTC(2020, 1, 2),
      }
      const empty = { key: null, value: null, headers: [], timestampMs: 1_000 }

      await producer.send({ ...place, records: [full, empty] })

      const read = await transport.reader.read({ ...place, fromOffset: 0, maxBytes: 10_000 })
      const plain = read.records.map((one) => ({
        key: hex(one.key),
        value: hex(one.value),
        headers: one.headers.map(([name, value]) => [name, hex(value)]),
        timestampMs: one.timestampMs,
      }))
      assert.deepEqual(plain, [
        {
          key: hex(full.key),
          value: hex(full.value),
          headers: headers.map(([name, value]) => [name, hex(value)]),
          timestampMs: full.timestampMs,
        },
        empty,
      ])
    },
  },
  {
    id: 'send-time',
    title: 'a record without a time gets the moment of sending',
    try: async (run) => {
      const { transport, producer, place } = await begin(run)
      const beforeMs = transport.world.clock.nowMs()

      await producer.send({ ...place, records: [record('now')] })

      const afterMs = transport.world.clock.nowMs()
      const read = await transport.reader.read({ ...place, fromOffset: 0, maxBytes: 10_000 })
      const { timestampMs } = read.records[0]!
      assert.ok(timestampMs >= beforeMs && timestampMs <= afterMs, `${timestampMs}`)
    },
  },
  {
    id: 'send-unknown-topic',
    title: 'a send to an unknown topic or partition is refused by name, and makes no topic',
    try: async (run) => {
      const { transport, producer, place } = await begin(run)
      const unknown = run.uniqueName()

      await assert.rejects(
        producer.send({ topic: unknown, partition: 0, records: [record('a')] }),
        (error) => error instanceof UnknownTopicError && error.topic === unknown,
      )
      await assert.rejects(
        producer.send({ ...place, partition: 7, records: [record('a')] }),
        UnknownTopicError,
      )
      assert.deepEqual(await transport.administration.describeTopics([unknown]), [])
    },
  },
  {
    id: 'send-too-large',
    title: 'a record that is too large is refused as not written, and holds nobody up',
    try: async (run) => {
      const { producer, place } = await begin(run)
      const tooLarge = record('x'.repeat(TOO_LARGE_BYTES))

      const refused = producer.send({ ...place, records: [tooLarge] })
      const next = producer.send({ ...place, records: [record('small')] })

      await assert.rejects(
        refused,
        (error) =>
          error instanceof SendError &&
          error.outcome === 'not-written' &&
          !error.retriable &&
          error.topic === place.topic &&
          error.partition === place.partition,
      )
      assert.equal((await next).baseOffset, 0)
    },
  },
  {
    id: 'producer-close',
    title: 'closing a producer waits for what is under way',
    try: async (run) => {
      const { transport, producer, place } = await begin(run)
      const sends = numbered(20).map((text) => producer.send({ ...place, records: [record(text)] }))
      let settled = 0
      for (const send of sends) {
        void send.finally(() => {
          settled++
        })
      }

      await producer.close()
      await producer.close()

      assert.equal(settled, 20)
      const [bounds] = await transport.reader.bounds([place])
      assert.equal(bounds!.endOffset, 20)
    },
  },
  {
    id: 'send-once',
    title: 'what is sent while connections break stands in the log once, in order',
    needs: ['idempotentProducer', 'partition-order'],
    uses: 'breakConnections',
    try: async (run) => {
      const { transport, producer, place } = await begin(run)
      const sends: Promise<SentRecords>[] = []

      for (let round = 0; round < 10; round++) {
        const texts = numbered(20).map((_, index) => String(round * 20 + index))
        for (const text of texts) sends.push(sendRecord(producer, place, text))
        await run.disturb.breakConnections!()
      }

      const offsets = (await Promise.all(sends)).map((one) => one.baseOffset)
      assert.deepEqual(offsets, numbered(200).map(Number))
      const [bounds] = await transport.reader.bounds([place])
      assert.equal(bounds!.endOffset, 200)
    },
  },
]

function sendRecord(
  producer: { send(request: SendRequest): Promise<SentRecords> },
  place: { topic: string; partition: number },
  text: string,
): Promise<SentRecords> {
  return producer.send({ ...place, records: [record(text)] })
}

async function begin(run: ContractRun) {
  const transport = await run.open()
  const topic = await run.topic(transport, 1)
  return { transport, producer: await transport.producer(), place: { topic, partition: 0 } }
}

function hex(bytes: Uint8Array | null): string | null {
  return bytes === null ? null : Buffer.from(bytes).toString('hex')
}
