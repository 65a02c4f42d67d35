// The daily life of a client, against Millrace over TCP: brokers that go and come back, topics that
// are missing or grow, members that nobody has heard of for too long.

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Admin } from '@platformatic/kafka'
import {
  joinNoted,
  openTransport,
  pollRecords,
  startRestartable,
  textRecord,
  until,
  valuesOf,
} from '../../../test/support/kafka-transport.ts'
import {
  CapabilityMissingError,
  FencedMemberError,
  SendError,
  UnknownTopicError,
} from '../../sdk/transport/errors.ts'
import type { Transport } from '../../sdk/transport/transport.ts'
import { KafkaError } from './errors.ts'
import { KafkaTransport, kafka } from './kafka.ts'

const FAST_GROUPS = {
  'group.consumer.min.session.timeout.ms': '500',
  'group.consumer.session.timeout.ms': '1500',
  'group.consumer.min.heartbeat.interval.ms': '50',
  'group.consumer.heartbeat.interval.ms': '100',
  'group.min.session.timeout.ms': '500',
}
const QUIET = { service: 'spec', onWarning: () => undefined }

/** What others do to a topic. */
async function asAdmin<T>(address: string, act: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = new Admin({ clientId: 'others', bootstrapBrokers: [address] })
  try {
    return await act(admin)
  } finally {
    await admin.close()
  }
}

async function topicOf(transport: Transport, partitions = 1): Promise<string> {
  const name = `topic-${transport.world.random.uuid()}`
  await transport.administration.ensureTopics([{ name, partitions }])
  return name
}

describe('a client whose broker restarts', () => {
  it('sends everything once and in order, without its user noticing', async (t) => {
    const broker = await startRestartable(t)
    const transport = await openTransport(t, { brokers: broker.address })
    const topic = await topicOf(transport, 2)
    const producer = await transport.producer()
    const send = (text: string, partition: number) =>
      producer.send({ topic, partition, records: [textRecord(text)] })

    const before = Array.from({ length: 40 }, (_, index) => send(`${index}`, index % 2))
    const stopping = broker.stop()
    const during = Array.from({ length: 40 }, (_, index) => send(`${40 + index}`, index % 2))
    await stopping
    const after = Array.from({ length: 20 }, (_, index) => send(`${80 + index}`, index % 2))
    await broker.start()
    await Promise.all([...before, ...during, ...after])

    for (const partition of [0, 1]) {
      const place = { topic, partition, fromOffset: 0, maxBytes: 1_000_000 }
      const { records } = await transport.reader.read(place)
      const expected = Array.from({ length: 50 }, (_, index) => String(index * 2 + partition))
      assert.deepEqual(valuesOf(records), expected)
    }
  })

  for (const groupProtocol of ['consumer', 'classic'] as const) {
    it(`keeps its place in a ${groupProtocol} group, and reads on`, async (t) => {
      const broker = await startRestartable(t)
      const warnings: string[] = []
      const options = { brokers: broker.address, groupProtocol }
      const transport = await openTransport(t, options, warnings)
      const topic = await topicOf(transport)
      const producer = await transport.producer()
      const place = { topic, partition: 0 }
      const noted = await joinNoted(transport, { group: 'g', topics: [topic], startAt: 'earliest' })
      await producer.send({ ...place, records: [textRecord('before')] })
      await pollRecords(noted.member, 1)

      const waiting = pollRecords(noted.member, 1)
      await broker.stop()
      await broker.start()
      await producer.send({ ...place, records: [textRecord('after')] })

      assert.deepEqual(valuesOf(await waiting), ['after'])
      await noted.member.commit([{ ...place, offset: 2, metadata: 'm' }])
      const committed = await transport.administration.committed('g', [place])
      assert.deepEqual(committed, [{ ...place, offset: 2, metadata: 'm' }])
      assert.deepEqual(noted.lost, [])
      assert.deepEqual(noted.failures, [])
      assert.ok(warnings.length > 0, 'nobody was told')
    })
  }

  it('commits a transaction that was begun before', async (t) => {
    const broker = await startRestartable(t)
    const transport = await openTransport(t, { brokers: broker.address })
    const topic = await topicOf(transport)
    const place = { topic, partition: 0 }
    const producer = await transport.transactionalProducer('tx')

    await producer.transaction(async (transaction) => {
      await transaction.send({ ...place, records: [textRecord('a')] })
      await broker.stop()
      await broker.start()
      await transaction.send({ ...place, records: [textRecord('b')] })
    })

    const read = await transport.reader.read({ ...place, fromOffset: 0, maxBytes: 1_000_000 })
    assert.deepEqual(valuesOf(read.records), ['a', 'b'])
  })

  it('is told what was not sent when the broker does not come back in time', async (t) => {
    const broker = await startRestartable(t)
    const options = { brokers: broker.address, deliveryTimeoutMs: 500 }
    const transport = await openTransport(t, options)
    const topic = await topicOf(transport)
    const producer = await transport.producer()
    await broker.stop()

    const sending = producer.send({ topic, partition: 0, records: [textRecord('a')] })

    await assert.rejects(sending, (error) => {
      assert.ok(error instanceof SendError)
      assert.equal(error.retriable, true)
      assert.match(error.message, /1 records for .* could not be sent/)
      return true
    })
  })
})

describe('a member of a group', () => {
  it('of whom nothing was heard for a session has lost its partitions, and comes back', async (t) => {
    const broker = await startRestartable(t, FAST_GROUPS)
    const transport = await openTransport(t, { brokers: broker.address })
    const topic = await topicOf(transport)
    const noted = await joinNoted(transport, {
      group: 'g',
      topics: [topic],
      startAt: 'earliest',
      sessionTimeoutMs: 400,
    })
    await until(() => noted.assigned.length === 1)
    await broker.stop()

    await until(() => noted.lost.length === 1)
    const late = { topic, partition: 0, offset: 1, metadata: '' }
    await assert.rejects(noted.member.commit([late]), FencedMemberError)
    await broker.start()

    await until(() => noted.assigned.length === 2)
  })

  for (const groupProtocol of ['consumer', 'classic'] as const) {
    it(`of a ${groupProtocol} group reads new partitions from their beginning, also from the latest on`, async (t) => {
      const broker = await startRestartable(t, FAST_GROUPS)
      const transport = await openTransport(t, { brokers: broker.address, groupProtocol })
      const topic = await topicOf(transport)
      const producer = await transport.producer()
      await producer.send({ topic, partition: 0, records: [textRecord('old')] })
      const noted = await joinNoted(transport, { group: 'g', topics: [topic], startAt: 'latest' })
      await until(() => noted.assigned.length === 1)

      await asAdmin(broker.address, (admin) =>
        admin.createPartitions({ topics: [{ name: topic, count: 3 }] }),
      )
      await producer.send({ topic, partition: 2, records: [textRecord('new')] })

      assert.deepEqual(valuesOf(await pollRecords(noted.member, 1)), ['new'])
      assert.deepEqual(noted.revoked, [])
    })
  }

  it('that ends before its first commit leaves its place from the latest on to the next', async (t) => {
    const broker = await startRestartable(t, FAST_GROUPS)
    const transport = await openTransport(t, { brokers: broker.address })
    const topic = await topicOf(transport)
    const options = { group: 'g', topics: [topic], startAt: 'latest' } as const
    const doomed = await kafka({ brokers: broker.address }).open(QUIET)
    const first = await joinNoted(doomed, options)
    await until(() => first.assigned.length === 1)
    assert.ok(doomed instanceof KafkaTransport)
    await doomed.abandon()
    const producer = await transport.producer()
    await producer.send({ topic, partition: 0, records: [textRecord('between')] })

    const second = await joinNoted(transport, options)

    assert.deepEqual(valuesOf(await pollRecords(second.member, 1)), ['between'])
  })

  it('whose place is no longer kept goes on at the first that is, and says so', async (t) => {
    const broker = await startRestartable(t)
    const warnings: string[] = []
    const transport = await openTransport(t, { brokers: broker.address }, warnings)
    const topic = await topicOf(transport)
    const place = { topic, partition: 0 }
    const producer = await transport.producer()
    for (const text of ['a', 'b', 'c']) {
      await producer.send({ ...place, records: [textRecord(text)] })
    }
    await asAdmin(broker.address, (admin) =>
      admin.deleteRecords({
        topics: [{ name: topic, partitions: [{ partition: 0, offset: 2n }] }],
      }),
    )

    const noted = await joinNoted(transport, { group: 'g', topics: [topic], startAt: 'earliest' })
    await until(() => noted.assigned.length === 1)
    noted.member.seek(place, 0)

    assert.deepEqual(valuesOf(await pollRecords(noted.member, 1)), ['c'])
    assert.match(warnings.join(), /was at 0 of .*, but records below 2 are no longer kept/)
  })
})

describe('a cluster', () => {
  it('that is not there is named, with the addresses that were tried', async () => {
    const engine = kafka({ brokers: '127.0.0.1:1', connectTimeoutMs: 300 })

    await assert.rejects(engine.open(QUIET), (error) => {
      assert.ok(error instanceof KafkaError)
      assert.match(error.message, /no answer from 127\.0\.0\.1:1 \(.*\): is the cluster up/)
      return true
    })
  })

  it('has no event store: that is said in a sentence', async (t) => {
    const broker = await startRestartable(t)
    const transport = await openTransport(t, { brokers: broker.address })

    assert.throws(
      () => transport.eventStore('streams'),
      (error) => error instanceof CapabilityMissingError && /PostgreSQL/.test(error.message),
    )
  })

  it('does not get a topic from a send to one that it has not', async (t) => {
    const broker = await startRestartable(t, { 'auto.create.topics.enable': 'true' })
    const transport = await openTransport(t, { brokers: broker.address })
    const producer = await transport.producer()

    const sending = producer.send({ topic: 'misspelled', partition: 0, records: [textRecord('a')] })

    await assert.rejects(sending, UnknownTopicError)
    assert.deepEqual(await transport.administration.describeTopics(['misspelled']), [])
  })
})
