import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import type { OutgoingRecord } from '../../sdk/events/record.ts'
import {
  FencedMemberError,
  ProducerFencedError,
  SendError,
  UnknownTopicError,
} from '../../sdk/transport/errors.ts'
import type {
  AssignedPartition,
  FetchedPartition,
  GroupMember,
  JoinOptions,
} from '../../sdk/transport/group-member.ts'
import type { Engine, Transport } from '../../sdk/transport/transport.ts'
import { embedded } from './embedded.ts'

const topic = 'orders'

async function open(t: TestContext, engine: Engine, partitions = 1): Promise<Transport> {
  const transport = await engine.open({
    service: 'shop',
    onWarning: (message) => assert.fail(message),
  })
  t.after(() => transport.close())
  await transport.administration.ensureTopics([{ name: topic, partitions }])
  return transport
}

function inMemory(config: Record<string, string> = {}): Engine {
  return embedded({
    memory: { maxBytes: 64 * 1024 * 1024 },
    listen: false,
    config: { 'group.consumer.assignment.interval.ms': '0', ...config },
  })
}

function record(text: string): OutgoingRecord {
  return { key: Buffer.from(text), value: Buffer.from(text), headers: [['h', null]] }
}

/** A member that remembers what it holds. */
function watched(options: Partial<JoinOptions> = {}) {
  const held = new Map<number, AssignedPartition>()
  const told: string[] = []
  const join: JoinOptions = {
    group: 'billing',
    topics: [topic],
    startAt: 'earliest',
    onAssigned: (partitions) => {
      for (const assigned of partitions) held.set(assigned.partition, assigned)
      told.push(`assigned ${partitions.map((one) => one.partition)}`)
    },
    onRevoked: async (partitions) => {
      for (const { partition } of partitions) held.delete(partition)
      told.push(`revoked ${partitions.map((one) => one.partition)}`)
    },
    onLost: (partitions) => {
      for (const { partition } of partitions) held.delete(partition)
      told.push(`lost ${partitions.map((one) => one.partition)}`)
    },
    onFailed: (error) => told.push(`failed ${error.message}`),
    ...options,
  }
  return { join, held, told }
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + 10_000
  while (!(await isSo())) {
    if (Date.now() > deadline) assert.fail(`not within ten seconds: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const MAX_BYTES = 1024 * 1024

async function pollValues(t: TestContext, member: GroupMember, count: number): Promise<string[]> {
  const values: string[] = []
  while (values.length < count) {
    const fetched = await member.poll({ maxBytes: MAX_BYTES, signal: t.signal })
    values.push(...valuesOf(fetched))
  }
  return values
}

function valuesOf(fetched: readonly FetchedPartition[]): string[] {
  return fetched.flatMap(({ records }) => records.map(({ value }) => `${value}`))
}

describe('an embedded broker', () => {
  it('gives a member what is sent, from where its group stands', async (t) => {
    const engine = inMemory()
    const transport = await open(t, engine)
    const producer = await transport.producer()
    const first = await transport.join(watched().join)

    const sent = await producer.send({ topic, partition: 0, records: [record('a'), record('b')] })
    const [fetched] = await first.poll({ maxBytes: MAX_BYTES, signal: t.signal })
    await first.commit([{ topic, partition: 0, offset: 1, metadata: 'half' }])
    await first.leave()
    const again = watched()
    const second = await transport.join(again.join)

    assert.equal(sent.baseOffset, 0)
    assert.deepEqual(valuesOf([fetched!]), ['a', 'b'])
    assert.deepEqual(fetched!.records[0]!.headers, [['h', null]])
    assert.equal(fetched!.nextOffset, 2)
    assert.deepEqual(await pollValues(t, second, 1), ['b'])
    assert.deepEqual(again.held.get(0), { topic, partition: 0, offset: 1, metadata: 'half' })
  })

  it('keeps what it holds in its folder, for the next time it is opened', async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'millrace-embedded-'))
    t.after(() => rmSync(dir, { recursive: true, force: true }))
    const before = await open(t, embedded({ dir, listen: false }))
    const producer = await before.producer()
    await producer.send({ topic, partition: 0, records: [record('a')] })
    await before.close()

    const after = await open(t, embedded({ dir, listen: false }))
    const read = await after.reader.read({ topic, partition: 0, fromOffset: 0, maxBytes: 1 })

    assert.deepEqual(valuesOf([read]), ['a'])
  })

  it('is one broker for all that open it, and stops with the last of them', async (t) => {
    const engine = inMemory()
    const one = await open(t, engine)
    const other = await open(t, engine)
    const producer = await one.producer()
    await producer.send({ topic, partition: 0, records: [record('a')] })
    await one.close()

    const read = await other.reader.read({ topic, partition: 0, fromOffset: 0, maxBytes: 1 })
    await other.close()
    const anew = await open(t, engine)

    assert.deepEqual(valuesOf([read]), ['a'])
    assert.deepEqual(await anew.reader.bounds([{ topic, partition: 0 }]), [
      { topic, partition: 0, startOffset: 0, endOffset: 0 },
    ])
  })

  it('moves a partition only after its holder gave it up, with what it committed last', async (t) => {
    const transport = await open(t, inMemory(), 2)
    const asked = Promise.withResolvers<void>()
    const given = Promise.withResolvers<void>()
    const slow = watched({
      onRevoked: () => {
        asked.resolve()
        return given.promise
      },
    })
    const first = await transport.join(slow.join)
    await until(() => slow.held.size === 2, 'the first member holds both partitions')
    const next = watched()

    await transport.join(next.join)
    await asked.promise
    await first.commit(
      [0, 1].map((partition) => ({ topic, partition, offset: 0, metadata: 'done' })),
    )
    assert.deepEqual(next.told, [])
    given.resolve()
    await until(() => next.held.size === 1, 'the second member holds one')

    const [moved] = next.held.values()
    assert.equal(moved!.metadata, 'done')
    await assert.rejects(
      first.commit([{ topic, partition: moved!.partition, offset: 1, metadata: '' }]),
      FencedMemberError,
    )
  })

  it('puts a member out that does not give up in time, and takes it back when it has', async (t) => {
    const transport = await open(t, inMemory(), 2)
    const given = Promise.withResolvers<void>()
    const slow = watched({
      rebalanceTimeoutMs: 300,
      onRevoked: () => given.promise,
    })
    await transport.join(slow.join)
    await until(() => slow.held.size === 2, 'the first member holds both partitions')
    const other = watched()
    await transport.join(other.join)

    await until(() => other.held.size === 2, 'the second member holds both')
    assert.match(slow.told.at(-1)!, /^lost /)

    given.resolve()
    await until(() => slow.held.size === 1 && other.held.size === 1, 'they share again')
  })

  it('shows what a transaction wrote with its offsets, or neither', async (t) => {
    const transport = await open(t, inMemory(), 2)
    const producer = await transport.transactionalProducer('billing-0')
    const input = watched({ group: 'input' })
    const member = await transport.join(input.join)
    await until(() => input.held.size === 2, 'the partitions are assigned')
    const offsets = [{ topic, partition: 0, offset: 7, metadata: 'x' }]

    const failed = producer.transaction(async (transaction) => {
      await transaction.send({ topic, partition: 1, records: [record('never')] })
      await transaction.commitOffsets(member, offsets)
      throw new Error('changed my mind')
    })
    await assert.rejects(failed, /changed my mind/)
    assert.deepEqual(await transport.administration.committed('input', offsets), [])
    await producer.transaction(async (transaction) => {
      await transaction.send({ topic, partition: 1, records: [record('kept')] })
      await transaction.send({ topic, partition: 1, records: [record('too')] })
      await transaction.commitOffsets(member, offsets)
    })

    assert.deepEqual(await transport.administration.committed('input', offsets), offsets)
    const read = await transport.reader.read({ topic, partition: 1, fromOffset: 0, maxBytes: 1000 })
    assert.deepEqual(valuesOf([read]), ['kept', 'too'])
  })

  it('commits no transaction that lost a part of itself', async (t) => {
    const transport = await open(t, inMemory())
    const producer = await transport.transactionalProducer('billing-0')

    const lossy = producer.transaction(async (transaction) => {
      await transaction.send({ topic, partition: 0, records: [record('a')] })
      await transaction
        .send({ topic: 'nowhere', partition: 0, records: [record('b')] })
        .catch(() => undefined)
    })

    await assert.rejects(lossy, UnknownTopicError)
    const read = await transport.reader.read({ topic, partition: 0, fromOffset: 0, maxBytes: 1000 })
    assert.deepEqual(valuesOf([read]), [])
  })

  it('fences the first producer of a transactional id when a second one comes', async (t) => {
    const transport = await open(t, inMemory())
    const first = await transport.transactionalProducer('billing-0')

    const late = first.transaction(async (transaction) => {
      await transport.transactionalProducer('billing-0')
      await transaction.send({ topic, partition: 0, records: [record('late')] })
    })

    await assert.rejects(late, ProducerFencedError)
    const read = await transport.reader.read({ topic, partition: 0, fromOffset: 0, maxBytes: 1000 })
    assert.deepEqual(read.records, [])
  })

  it('goes on in order after a record that it refused', async (t) => {
    const transport = await open(t, inMemory())
    const producer = await transport.producer()
    const send = (text: string) => producer.send({ topic, partition: 0, records: [record(text)] })

    const results = await Promise.allSettled([
      send('a'),
      send('x'.repeat(2_000_000)),
      send('b'),
      send('c'),
    ])
    await send('d')

    assert.deepEqual(
      results.map(({ status }) => status),
      ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    )
    const refused = results[1].status === 'rejected' ? results[1].reason : undefined
    assert.ok(refused instanceof SendError)
    assert.equal(refused.outcome, 'not-written')
    assert.equal(refused.retriable, false)
    const read = await transport.reader.read({ topic, partition: 0, fromOffset: 0, maxBytes: 1000 })
    assert.deepEqual(valuesOf([read]), ['a', 'b', 'c', 'd'])
  })

  it('says what to do when its address is taken', async (t) => {
    const first = embedded({ memory: true, listen: '127.0.0.1:0' })
    await open(t, first)
    const { host, port } = first.addresses[0]!
    const second = embedded({ memory: true, listen: `${host}:${port}` })

    const opening = second.open({ service: 'shop', onWarning: () => undefined })

    await assert.rejects(opening, { code: 'address-in-use', message: /listen: false/ })
  })

  it('needs either a folder or memory', () => {
    assert.throws(() => embedded({}), /either a folder/)
  })
})
