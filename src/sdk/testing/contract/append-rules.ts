// Rules of appending to an event store: expected versions, atomicity, retries.

import assert from 'node:assert/strict'
import {
  DuplicateEventError,
  InvalidAppendError,
  StreamBusyError,
  WrongExpectedVersionError,
} from '../../transport/errors.ts'
import type { ExpectedVersion } from '../../transport/event-store.ts'
import { numbered } from './records.ts'
import type { Rule } from './rule.ts'
import { append, event, openStore, taken, versionsOf } from './store-events.ts'

const needs = ['expectedVersion'] as const

export const appendRules: readonly Rule[] = [
  {
    id: 'append-versions',
    title: 'events of a stream are numbered from 0; the answer has the last version and position',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)

      const first = await append(store, 'a', 'none', ['1', '2'])
      const second = await append(store, 'b', 'none', ['3'])
      const third = await append(store, 'a', 1, ['4'])

      assert.deepEqual(versionsOf(first), [['a', 1, 1]])
      assert.deepEqual(versionsOf(second), [['b', 0, 2]])
      assert.deepEqual(versionsOf(third), [['a', 2, 3]])
      const topic = store.topic
      assert.deepEqual(first.streams[0]!.position, { topic, partition: 0, offset: 1 })
      assert.equal(first.deduplicated, false)
    },
  },
  {
    id: 'append-token',
    title: 'an append says under which leader epoch it stands, as a send to the topic does',
    needs: [...needs, 'positions'],
    try: async (run) => {
      const { store, transport } = await openStore(run)

      const first = await append(store, 'a', 'none', ['1'])
      const again = await append(store, 'a', 'none', ['1'])
      const checked = await append(store, 'a', 0, [])
      const records = [{ key: Buffer.from('b'), ...event('2') }]
      const place = { topic: store.topic, partition: 0 }
      const sent = await (await transport.producer()).send({ ...place, records })

      const { leaderEpoch } = first.streams[0]!
      assert.ok(leaderEpoch >= 0)
      assert.equal(again.deduplicated, true)
      assert.equal(again.streams[0]!.leaderEpoch, leaderEpoch)
      assert.equal(sent.leaderEpoch, leaderEpoch)
      assert.equal(checked.streams[0]!.leaderEpoch, -1, 'nothing was written')
    },
  },
  {
    id: 'expected-version',
    title: 'an append is refused, with the actual version, when its stream is not as expected',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      await append(store, 'there', 'none', ['1', '2'])
      const table: readonly [string, ExpectedVersion, boolean][] = [
        ['missing', 'any', true],
        ['missing-too', 'none', true],
        ['missing-as-well', 'exists', false],
        ['missing-as-well', 0, false],
        ['there', 'none', false],
        ['there', 0, false],
        ['there', 2, false],
        ['there', 1, true],
        ['there', 'exists', true],
        ['there', 'any', true],
      ]

      let there = 1
      for (const [i, [stream, expectedVersion, isTaken]] of table.entries()) {
        const what = `${stream} expected ${expectedVersion}`
        const appending = append(store, stream, expectedVersion, [`new ${i}`])
        if (isTaken) {
          await appending
          if (stream === 'there') there++
          continue
        }
        const error = await appending.then(
          () => assert.fail(`${what} was taken`),
          (reason: unknown) => reason,
        )
        assert.ok(error instanceof WrongExpectedVersionError, what)
        assert.equal(error.stream, stream)
        assert.equal(error.expectedVersion, expectedVersion)
        assert.equal(error.actualVersion, stream === 'there' ? there : -1, what)
      }
      assert.equal((await store.head('there')).version, 4)
      assert.equal((await store.head('missing-as-well')).version, -1)
    },
  },
  {
    id: 'append-atomic',
    title: 'an append to several streams is taken as a whole, or not at all',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      await append(store, 'a', 'none', ['a0'])
      const both = (version: number) =>
        store.append([
          { stream: 'b', expectedVersion: 'none', records: [event('b0'), event('b1')] },
          { stream: 'a', expectedVersion: version, records: [event('a1')] },
        ])

      await assert.rejects(both(3), WrongExpectedVersionError)
      assert.equal((await store.head('b')).version, -1)
      const taken = await both(0)

      assert.deepEqual(versionsOf(taken), [
        ['b', 1, 2],
        ['a', 1, 3],
      ])
    },
  },
  {
    id: 'append-checks',
    title: 'streams that are not written can be checked by the same append, or by one of its own',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      await append(store, 'account', 'none', ['1', '2'])
      const withCheck = (expectedVersion: ExpectedVersion) =>
        store.append([
          { stream: 'account', expectedVersion, records: [] },
          { stream: 'order', expectedVersion: 'none', records: [event('3')] },
        ])

      await assert.rejects(withCheck(0), WrongExpectedVersionError)
      const right = await withCheck(1)
      const only = await store.append([{ stream: 'order', expectedVersion: 0, records: [] }])

      assert.deepEqual(versionsOf(right), [
        ['account', 1, undefined],
        ['order', 0, 2],
      ])
      assert.deepEqual(versionsOf(only), [['order', 0, undefined]])
    },
  },
  {
    id: 'append-again',
    title: 'an append that is tried again is answered as it was first, whatever came after it',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      const table: readonly [string, ExpectedVersion][] = [
        ['by-none', 'none'],
        ['by-any', 'any'],
        ['by-version', 0],
        ['by-exists', 'exists'],
      ]

      for (const [stream, expectedVersion] of table) {
        if (typeof expectedVersion === 'number' || expectedVersion === 'exists') {
          await append(store, stream, 'none', [`${stream} 0`])
        }
        const ids = [`${stream} 1`, `${stream} 2`]
        const first = await append(store, stream, expectedVersion, ids)
        await append(store, stream, 'any', [`${stream} 3`])
        const again = await append(store, stream, expectedVersion, ids)

        assert.deepEqual(versionsOf(again), versionsOf(first), stream)
        assert.equal(again.deduplicated, true)
      }
      const all = await taken(store.readAll())
      assert.equal(all.length, new Set(all).size)
    },
  },
  {
    id: 'append-partly-there',
    title: 'events of which only some stand in the stream are refused, not completed',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      await append(store, 'a', 'none', ['1', '2'])

      const isDuplicate = (error: unknown) =>
        error instanceof DuplicateEventError && error.stream === 'a'
      await assert.rejects(append(store, 'a', 'none', ['1', 'other']), isDuplicate)
      await assert.rejects(append(store, 'a', 'any', ['new', '2']), isDuplicate)
      await assert.rejects(append(store, 'b', 'any', ['twice', 'twice']), DuplicateEventError)

      assert.equal((await store.head('a')).version, 1)
      assert.equal((await store.head('b')).version, -1)
    },
  },
  {
    id: 'append-same-id',
    title: 'the same event id in another stream is another event',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)

      await append(store, 'a', 'any', ['1'])
      const other = await append(store, 'b', 'any', ['1'])

      assert.equal(other.deduplicated, false)
      assert.deepEqual(await taken(store.readAll()), ['a:0=1', 'b:0=1'])
    },
  },
  {
    id: 'append-race',
    title: 'of many writers that want one stream each gets its turn: none lost, none doubled',
    needs,
    try: async (run) => {
      const stores = await Promise.all([openStore(run), run.open()]).then(([one, other]) => [
        one.store,
        other.eventStore(one.store.topic),
      ])
      let conflicts = 0
      const write = async (writer: string) => {
        const store = stores[Number(writer) % 2]!
        for (;;) {
          const { version } = await store.head('hot')
          try {
            await append(store, 'hot', version < 0 ? 'none' : version, [writer])
            return
          } catch (error) {
            if (!(error instanceof WrongExpectedVersionError)) throw error
            conflicts++
          }
        }
      }

      await Promise.all(numbered(30).map(write))

      const all = await taken(stores[0]!.readStream('hot'))
      assert.equal(all.length, 30)
      assert.equal(new Set(all.map((line) => line.split('=')[1])).size, 30)
      assert.ok(conflicts > 0)
    },
  },
  {
    id: 'append-invalid',
    title: 'an append that makes no sense is refused as that',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      const once = { stream: 'a', expectedVersion: 'any', records: [event('1')] } as const

      await assert.rejects(store.append([]), InvalidAppendError)
      await assert.rejects(store.append([once, once]), InvalidAppendError)
      await assert.rejects(append(store, '', 'any', ['1']), InvalidAppendError)
      await assert.rejects(append(store, 'a', -1, ['1']), InvalidAppendError)
    },
  },
  {
    id: 'append-no-store',
    title: 'a topic that was made as an ordinary one takes no appends',
    needs,
    try: async (run) => {
      const transport = await run.open()
      const plain = transport.eventStore(await run.topic(transport))

      await assert.rejects(append(plain, 'a', 'any', ['1']), InvalidAppendError)
    },
  },
  {
    id: 'append-by-producer',
    title: 'an ordinary producer writes to a stream by its key, and gets versions all the same',
    needs,
    try: async (run) => {
      const { transport, store } = await openStore(run)
      await append(store, 'a', 'none', ['1'])
      const producer = await transport.producer()

      await producer.send({
        topic: store.topic,
        partition: 0,
        records: [{ ...event('2'), key: Buffer.from('a') }],
      })
      await append(store, 'a', 1, ['3'])

      assert.deepEqual(await taken(store.readStream('a')), ['a:0=1', 'a:1=2', 'a:2=3'])
    },
  },
  {
    id: 'append-in-transaction',
    title:
      'a stream that an open transaction writes to is busy for others, and unchanged by an abort',
    needs: ['expectedVersion', 'atomicOutput'],
    try: async (run) => {
      const { transport, store } = await openStore(run)
      await append(store, 'a', 'none', ['1'])
      const producer = await transport.transactionalProducer(run.uniqueName())
      const send = { topic: store.topic, partition: 0 }
      const failure = new Error('changed my mind')

      const aborted = producer.transaction(async (transaction) => {
        const records = [{ ...event('never'), key: Buffer.from('a') }]
        await transaction.send({ ...send, records })
        await assert.rejects(
          append(store, 'a', 'any', ['2']),
          (error) => error instanceof StreamBusyError && error.retriable && error.stream === 'a',
        )
        assert.equal((await store.head('a')).version, 0)
        throw failure
      })
      await assert.rejects(aborted, (error) => error === failure)
      await append(store, 'a', 0, ['2'])
      await producer.transaction((transaction) =>
        transaction.send({ ...send, records: [{ ...event('3'), key: Buffer.from('a') }] }),
      )

      await run.until('the head', async () => (await store.head('a')).version === 2)
      assert.deepEqual(await taken(store.readStream('a')), ['a:0=1', 'a:1=2', 'a:2=3'])
    },
  },
]
