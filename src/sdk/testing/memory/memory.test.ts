import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import type { IncomingRecord, OutgoingRecord } from '../../events/record.ts'
import {
  FencedMemberError,
  ProducerFencedError,
  SendError,
  UnknownTopicError,
} from '../../transport/errors.ts'
import type { AssignedPartition, JoinOptions } from '../../transport/group-member.ts'
import type { Engine } from '../../transport/transport.ts'
import { SeededRandom } from '../seeded-random.ts'
import { VirtualTime } from '../virtual-time.ts'
import { memory } from './memory.ts'

const topic = 'orders'

function newEngine() {
  const time = new VirtualTime()
  const random = new SeededRandom(1)
  return { time, engine: memory({ world: { clock: time, timers: time, random } }) }
}

async function openWithTopic(engine: Engine, partitions: number) {
  const transport = await engine.open({ service: 'test', onWarning: () => assert.fail('warned') })
  await transport.administration.ensureTopics([{ name: topic, partitions }])
  return transport
}

function record(text: string): OutgoingRecord {
  return { key: null, value: Buffer.from(text), headers: [] }
}

function textOf({ value }: IncomingRecord): string {
  return Buffer.from(value!).toString()
}

/** A member that remembers what it was told. */
function watched(options: Partial<JoinOptions> = {}) {
  const told: string[] = []
  const held = new Map<number, AssignedPartition>()
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
  return { join, told, held }
}

const never = (t: TestContext) => t.signal

describe('a memory engine', () => {
  it('shares its topics among all that open it', async (t) => {
    const { engine, time } = newEngine()
    const one = await openWithTopic(engine, 1)
    const two = await openWithTopic(engine, 1)
    const member = await two.join(watched().join)
    await time.settle()

    const sent = await (await one.producer()).send({
      topic,
      partition: 0,
      records: [record('a'), record('b')],
    })

    const [fetched] = await member.poll({ maxBytes: 1_000, signal: never(t) })
    assert.equal(sent.baseOffset, 0)
    assert.deepEqual(
      fetched!.records.map((one) => `${one.offset} ${textOf(one)}`),
      ['0 a', '1 b'],
    )
    assert.equal(fetched!.nextOffset, 2)
  })

  it('moves a partition only after its holder gave it up, with what it committed last', async () => {
    const { engine, time } = newEngine()
    const one = await openWithTopic(engine, 2)
    const two = await openWithTopic(engine, 2)
    await (await one.producer()).send({ topic, partition: 1, records: [record('a'), record('b')] })
    let giveUp: () => void = () => assert.fail('nobody asked for it')
    const first = watched({
      onRevoked: () =>
        new Promise((resolve) => {
          giveUp = resolve
        }),
    })
    const member = await one.join(first.join)
    await time.settle()
    const second = watched()

    await two.join(second.join)
    await time.settle()
    assert.deepEqual(second.told, [])
    await member.commit([{ topic, partition: 1, offset: 1, metadata: 'done' }])
    giveUp()
    await time.settle()

    assert.deepEqual(second.told, ['assigned 1'])
    assert.equal(second.held.get(1)!.offset, 1)
    assert.equal(second.held.get(1)!.metadata, 'done')
    await assert.rejects(
      member.commit([{ topic, partition: 1, offset: 2, metadata: '' }]),
      FencedMemberError,
    )
  })

  it('puts a member out that does not give up in time, and takes it back when it has', async () => {
    const { engine, time } = newEngine()
    const transport = await openWithTopic(engine, 2)
    let giveUp: () => void = () => assert.fail('nobody asked for it')
    const slow = watched({
      rebalanceTimeoutMs: 5_000,
      onRevoked: () =>
        new Promise((resolve) => {
          giveUp = resolve
        }),
    })
    await transport.join(slow.join)
    await time.settle()
    const other = watched()
    await transport.join(other.join)

    await time.advance(5_000)
    assert.deepEqual(slow.told, ['assigned 0,1', 'lost 0,1'])
    assert.deepEqual([...other.held.keys()], [0, 1])

    giveUp()
    await time.settle()
    assert.deepEqual([...slow.held.keys(), ...other.held.keys()].sort(), [0, 1])
    assert.equal(slow.held.size, 1)
  })

  it('fails a member whose onAssigned throws, and lets others have its partitions', async () => {
    const { engine, time } = newEngine()
    const transport = await openWithTopic(engine, 2)
    const failing = watched({
      onAssigned: () => {
        throw new Error('not ready')
      },
    })
    await transport.join(failing.join)
    const other = watched()
    await transport.join(other.join)

    await time.settle()

    assert.deepEqual(failing.told, ['failed not ready'])
    assert.deepEqual([...other.held.keys()], [0, 1])
  })

  it('shows what a transaction wrote with its offsets, or neither', async (t) => {
    const { engine, time } = newEngine()
    const transport = await openWithTopic(engine, 2)
    const producer = await transport.transactionalProducer('billing-0')
    const input = watched({ group: 'input' })
    const member = await transport.join(input.join)
    const reader = await transport.join(watched({ group: 'output' }).join)
    await time.settle()
    const offsets = [{ topic, partition: 0, offset: 7, metadata: '' }]

    const failed = producer.transaction(async (transaction) => {
      await transaction.send({ topic, partition: 1, records: [record('never')] })
      await transaction.commitOffsets(member, offsets)
      throw new Error('changed my mind')
    })
    await assert.rejects(failed, /changed my mind/)
    assert.deepEqual(await transport.administration.committed('input', offsets), [])
    await producer.transaction(async (transaction) => {
      await transaction.send({ topic, partition: 1, records: [record('kept')] })
      await transaction.commitOffsets(member, offsets)
      const bounds = await transport.reader.bounds([{ topic, partition: 1 }])
      assert.equal(bounds[0]!.endOffset, 2)
    })

    assert.deepEqual(await transport.administration.committed('input', offsets), offsets)
    const [fetched] = await reader.poll({ maxBytes: 1_000, signal: never(t) })
    assert.deepEqual(fetched!.records.map(textOf), ['kept'])
  })

  it('fences the first producer of a transactional id when a second one comes', async () => {
    const { engine } = newEngine()
    const transport = await openWithTopic(engine, 1)
    const first = await transport.transactionalProducer('billing-0')

    const late = first.transaction(async (transaction) => {
      await transport.transactionalProducer('billing-0')
      await transaction.send({ topic, partition: 0, records: [record('late')] })
    })

    await assert.rejects(late, ProducerFencedError)
    const read = await transport.reader.read({ topic, partition: 0, fromOffset: 0, maxBytes: 100 })
    assert.deepEqual(read.records, [])
  })

  it('refuses an unknown topic and a record that is too large', async () => {
    const { engine } = newEngine()
    const transport = await openWithTopic(engine, 1)
    const producer = await transport.producer()

    await assert.rejects(
      producer.send({ topic: 'nowhere', partition: 0, records: [record('a')] }),
      UnknownTopicError,
    )
    await assert.rejects(
      producer.send({ topic, partition: 0, records: [record('x'.repeat(2_000_000))] }),
      (error) => error instanceof SendError && error.outcome === 'not-written' && !error.retriable,
    )
  })
})
