// Rules of transactions: output and the progress that caused it, together or not at all.

import assert from 'node:assert/strict'
import { FencedMemberError, ProducerFencedError } from '../../transport/errors.ts'
import { Group, textOf } from './group-watch.ts'
import { record, sendEach } from './records.ts'
import type { ContractRun, Rule } from './rule.ts'

const atomic = ['atomicOutput'] as const

export const transactionRules: readonly Rule[] = [
  {
    id: 'transaction-commit',
    title: 'what a transaction sent and its offsets are seen together, once it is committed',
    needs: atomic,
    try: async (run) => {
      const { transport, topic, producer, group, member } = await begin(run)
      const { administration, reader } = transport
      const places = [0, 1].map((partition) => ({ topic, partition }))
      const offsets = [{ ...places[0]!, offset: 7, metadata: 'along' }]
      const ends = async () => (await reader.bounds(places)).map(({ endOffset }) => endOffset)

      const result = await producer.transaction(async (transaction) => {
        const sent = await Promise.all(
          places.map((place) =>
            transaction.send({ ...place, records: [record('a'), record('b')] }),
          ),
        )
        await transaction.commitOffsets(member.member, offsets)
        assert.deepEqual(
          sent.map(({ baseOffset }) => baseOffset),
          [0, 0],
        )
        assert.deepEqual(await ends(), [0, 0])
        return 'done'
      })

      assert.equal(result, 'done')
      for (const place of places) {
        const read = await reader.read({ ...place, fromOffset: 0, maxBytes: 1_000, waitMs: 5_000 })
        assert.deepEqual(read.records.map(textOf), ['a', 'b'])
      }
      assert.deepEqual(await administration.committed(group.name, places), offsets)
    },
  },
  {
    id: 'transaction-abort',
    title: 'of an aborted transaction nothing is ever seen, and the next one works',
    needs: atomic,
    try: async (run) => {
      const { transport, topic, producer, group, member } = await begin(run)
      const place = { topic, partition: 0 }
      const offsets = [{ ...place, offset: 7, metadata: '' }]
      const failure = new Error('changed my mind')

      const aborted = producer.transaction(async (transaction) => {
        await transaction.send({ ...place, records: [record('never')] })
        await transaction.commitOffsets(member.member, offsets)
        throw failure
      })
      await assert.rejects(aborted, (error) => error === failure)
      assert.deepEqual(await transport.administration.committed(group.name, [place]), [])
      await producer.transaction((transaction) =>
        transaction.send({ ...place, records: [record('kept')] }),
      )

      assert.deepEqual((await member.take(1)).map(textOf), ['kept'])
      const read = await transport.reader.read({ ...place, fromOffset: 0, maxBytes: 1_000 })
      assert.deepEqual(read.records.map(textOf), ['kept'])
    },
  },
  {
    id: 'transaction-empty',
    title: 'a transaction that does nothing, or only commits offsets, is committed',
    needs: atomic,
    try: async (run) => {
      const { transport, topic, producer, group, member } = await begin(run)
      const offsets = [{ topic, partition: 0, offset: 0, metadata: 'only' }]

      await producer.transaction(async () => undefined)
      await producer.transaction((transaction) => transaction.commitOffsets(member.member, offsets))

      const { administration } = transport
      assert.deepEqual(await administration.committed(group.name, offsets), offsets)
    },
  },
  {
    id: 'transaction-holds-readers',
    title: 'what is written behind an open transaction is read once that one has ended',
    needs: atomic,
    try: async (run) => {
      const { transport, topic, producer } = await begin(run)
      const place = { topic, partition: 0 }
      const plain = await transport.producer()

      await producer.transaction(async (transaction) => {
        await transaction.send({ ...place, records: [record('first')] })
        await sendEach(plain, place, ['second'])
        const read = await transport.reader.read({ ...place, fromOffset: 0, maxBytes: 1_000 })
        assert.deepEqual(read.records, [])
        assert.equal(read.endOffset, 0)
      })

      const read = await transport.reader.read({
        ...place,
        fromOffset: 0,
        maxBytes: 1_000,
        waitMs: 5_000,
      })
      assert.deepEqual(read.records.map(textOf), ['first', 'second'])
    },
  },
  {
    id: 'transaction-one-at-a-time',
    title: 'a second transaction of a producer waits for the first',
    needs: atomic,
    try: async (run) => {
      const { topic, producer } = await begin(run)
      const happened: string[] = []
      const work = (name: string) => async (transaction: Sends) => {
        happened.push(`${name} begins`)
        await transaction.send({ topic, partition: 0, records: [record(name)] })
        happened.push(`${name} ends`)
      }

      await Promise.all([producer.transaction(work('a')), producer.transaction(work('b'))])

      assert.deepEqual(happened, ['a begins', 'a ends', 'b begins', 'b ends'])
    },
  },
  {
    id: 'transaction-fenced-producer',
    title: 'a newer producer of a transactional id ends what the older had begun, and fences it',
    needs: atomic,
    try: async (run) => {
      const { transport, topic, producer, transactionalId } = await begin(run)
      const place = { topic, partition: 0 }
      const other = await run.open()

      const late = producer.transaction(async (transaction) => {
        await transaction.send({ ...place, records: [record('late')] })
        const newer = await other.transactionalProducer(transactionalId)
        await newer.transaction((next) => next.send({ ...place, records: [record('newer')] }))
      })

      await assert.rejects(late, isFencedOf(transactionalId))
      await assert.rejects(
        producer.transaction((transaction) =>
          transaction.send({ ...place, records: [record('later')] }),
        ),
        isFencedOf(transactionalId),
      )
      const read = await transport.reader.read({ ...place, fromOffset: 0, maxBytes: 1_000 })
      assert.deepEqual(read.records.map(textOf), ['newer'])
    },
  },
  {
    id: 'transaction-fenced-member',
    title: 'offsets of a partition that the member lost take the whole transaction down',
    needs: atomic,
    try: async (run) => {
      const { transport, topic, producer, group, member } = await begin(run)
      const place = { topic, partition: 1 }
      await member.member.leave()

      const late = producer.transaction(async (transaction) => {
        await transaction.send({ ...place, records: [record('never')] })
        await transaction.commitOffsets(member.member, [{ ...place, offset: 1, metadata: '' }])
      })

      await assert.rejects(late, FencedMemberError)
      const read = await transport.reader.read({ ...place, fromOffset: 0, maxBytes: 1_000 })
      assert.deepEqual(read.records, [])
      assert.deepEqual(await transport.administration.committed(group.name, [place]), [])
    },
  },
  {
    id: 'transaction-decides-first',
    title: 'who takes a partition over begins once the transaction with its offsets has ended',
    needs: atomic,
    try: async (run) => {
      const { topic, transport, producer, group, member } = await begin(run)
      const place = { topic, partition: 0 }
      await sendEach(await transport.producer(), place, ['0', '1', '2'])
      let next: ReturnType<typeof group.join> | undefined

      await producer.transaction(async (transaction) => {
        await transaction.commitOffsets(member.member, [{ ...place, offset: 2, metadata: 'tx' }])
        await member.member.leave()
        next = group.join(await run.open(), { topics: [topic] })
        await run.pass(300)
      })

      const successor = await next!
      assert.deepEqual((await successor.take(1)).map(textOf), ['2'])
      const [held] = successor.held
      assert.deepEqual(held, { ...place, offset: 2, metadata: 'tx' })
    },
  },
]

interface Sends {
  send(request: { topic: string; partition: number; records: ReturnType<typeof record>[] }): unknown
}

function isFencedOf(transactionalId: string) {
  return (error: unknown) =>
    error instanceof ProducerFencedError && error.transactionalId === transactionalId
}

async function begin(run: ContractRun) {
  const transport = await run.open()
  const topic = await run.topic(transport, 2)
  const transactionalId = run.uniqueName()
  const producer = await transport.transactionalProducer(transactionalId)
  const group = new Group(run)
  const member = await group.join(transport, { topics: [topic] })
  await member.untilHolds(2)
  return { transport, topic, transactionalId, producer, group, member }
}
