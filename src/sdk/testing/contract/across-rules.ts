// Rules of appends whose streams are in different partitions of a store: what holds within one partition
// holds here too. Engines place streams as they like, so each rule takes more streams than partitions.

import assert from 'node:assert/strict'
import {
  DuplicateEventError,
  StreamBusyError,
  WrongExpectedVersionError,
} from '../../transport/errors.ts'
import type { EventStore, ExpectedVersion, StreamAppend } from '../../transport/event-store.ts'
import { numbered } from './records.ts'
import type { Rule } from './rule.ts'
import { append, event, openWideStore, taken } from './store-events.ts'

const needs = ['expectedVersion'] as const
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f']

/** One event for each stream, `<stream><suffix>`. */
function toEach(
  streams: readonly string[],
  expectedVersion: ExpectedVersion,
  suffix: string,
): readonly StreamAppend[] {
  return streams.map((stream) => {
    return { stream, expectedVersion, records: [event(`${stream}${suffix}`)] }
  })
}

/** Of each stream. */
async function eventsOf(store: EventStore, streams: readonly string[]): Promise<string[]> {
  const all: string[] = []
  for (const stream of streams) all.push(...(await taken(store.readStream(stream))))
  return all
}

export const acrossRules: readonly Rule[] = [
  {
    id: 'across-atomic',
    title: 'an append to streams of several partitions is taken as a whole, or not at all',
    needs,
    try: async (run) => {
      const { store } = await openWideStore(run)
      await append(store, 'd', 'none', ['d 0'])

      await assert.rejects(
        store.append(toEach(NAMES, 'none', ' 1')),
        (error) => error instanceof WrongExpectedVersionError && error.stream === 'd',
      )
      assert.deepEqual(await taken(store.readAll()), ['d:0=d 0'])
      const { streams, deduplicated } = await store.append(toEach(NAMES, 'any', ' 2'))

      assert.equal(deduplicated, false)
      const versions = streams.map(({ stream, version }) => [stream, version])
      assert.deepEqual(
        versions,
        NAMES.map((name) => [name, name === 'd' ? 1 : 0]),
      )
      assert.ok(new Set(streams.map(({ position }) => position?.partition)).size > 1)
      const places = new Map<string, unknown>()
      for await (const { topic, partition, offset, stream, version } of store.readAll()) {
        places.set(`${stream} ${version}`, { topic, partition, offset })
      }
      for (const { stream, version, position } of streams) {
        assert.deepEqual(places.get(`${stream} ${version}`), position)
      }
      assert.equal(places.size, NAMES.length + 1)
    },
  },
  {
    id: 'across-checks',
    title:
      'streams of other partitions can be checked, by an append that writes and by one that does not',
    needs,
    try: async (run) => {
      const { store } = await openWideStore(run)
      await append(store, 'a', 'none', ['1', '2'])
      const checks = (version: ExpectedVersion): readonly StreamAppend[] =>
        NAMES.map((stream) => {
          const expectedVersion = stream === 'a' ? version : 'none'
          return { stream, expectedVersion, records: [] }
        })
      const order = { stream: 'order', expectedVersion: 'none', records: [event('3')] } as const

      await assert.rejects(store.append([...checks(0), order]), WrongExpectedVersionError)
      assert.equal((await store.head('order')).version, -1)
      const written = await store.append([...checks(1), order])
      const checked = await store.append(checks(1))

      const expected = NAMES.map((stream) => [stream, stream === 'a' ? 1 : -1, undefined])
      const facts = (streams: typeof written.streams) =>
        streams.map(({ stream, version, position }) => [stream, version, position])
      assert.deepEqual(facts(written.streams).slice(0, NAMES.length), expected)
      assert.equal(written.streams.at(-1)?.version, 0)
      assert.deepEqual(facts(checked.streams), expected)
      // What was checked is free again.
      for (const name of NAMES) await append(store, name, 'any', [`${name} later`])
    },
  },
  {
    id: 'across-again',
    title: 'an append over partitions that is tried again is answered as it was first',
    needs,
    try: async (run) => {
      const { store } = await openWideStore(run)
      const appends = [
        { stream: 'checked', expectedVersion: 'none', records: [] } as const,
        ...toEach(NAMES, 'none', ' 1'),
      ]

      const first = await store.append(appends)
      for (const name of [...NAMES, 'checked']) await append(store, name, 'any', [`${name} 2`])
      const again = await store.append(appends)

      assert.equal(again.deduplicated, true)
      assert.deepEqual(again.streams.slice(1), first.streams.slice(1))
      await assert.rejects(
        store.append([...toEach(NAMES, 'none', ' 1'), ...toEach(['new', 'newer'], 'none', ' 1')]),
        DuplicateEventError,
      )
      assert.equal((await eventsOf(store, [...NAMES, 'checked', 'new', 'newer'])).length, 13)
    },
  },
  {
    id: 'across-race',
    title: 'of two that each check what the other writes only one is taken',
    needs,
    try: async (run) => {
      const { store } = await openWideStore(run)
      // Both doctors want to go off duty as long as the other one stays.
      const leave = async (who: string, other: string, round: number) => {
        try {
          await store.append([
            { stream: `${other} ${round}`, expectedVersion: 'none', records: [] },
            ...toEach([`${who} ${round}`], 'none', ' left'),
          ])
          return 1
        } catch (error) {
          assert.ok(error instanceof WrongExpectedVersionError, String(error))
          return 0
        }
      }

      const left = await Promise.all(
        numbered(12).map(async (round) => {
          const both = [leave('ann', 'bob', Number(round)), leave('bob', 'ann', Number(round))]
          return (await Promise.all(both)).reduce<number>((sum, one) => sum + one, 0)
        }),
      )

      assert.deepEqual(new Set(left), new Set([1]))
      assert.equal((await taken(store.readAll())).length, 12)
    },
  },
  {
    id: 'across-storm',
    title:
      'writers of one stream and of several at once each get their turn: none lost, none doubled',
    needs,
    try: async (run) => {
      const { store } = await openWideStore(run)
      const write = async (writer: string) => {
        const names = Number(writer) % 3 === 0 ? NAMES.slice(0, 1) : NAMES
        for (;;) {
          const heads = await Promise.all(names.map((name) => store.head(name)))
          const appends = names.map((stream, i): StreamAppend => {
            const { version } = heads[i]!
            const expectedVersion = version < 0 ? 'none' : version
            return { stream, expectedVersion, records: [event(`${stream} ${writer}`)] }
          })
          try {
            await store.append(appends)
            return names.length
          } catch (error) {
            if (!(error instanceof WrongExpectedVersionError)) throw error
          }
        }
      }

      const written = await Promise.all(numbered(15).map(write))

      const all = await eventsOf(store, NAMES)
      assert.equal(
        all.length,
        written.reduce((sum, one) => sum + one, 0),
      )
      assert.equal(new Set(all.map((line) => line.split('=')[1])).size, all.length)
    },
  },
  {
    id: 'across-busy',
    title:
      'an append over partitions waits for no open transaction of others, and writes nothing then',
    needs: ['expectedVersion', 'atomicOutput'],
    try: async (run) => {
      const { transport, store } = await openWideStore(run)
      const [placed] = (await append(store, 'c', 'none', ['1'])).streams
      const producer = await transport.transactionalProducer(run.uniqueName())

      await producer.transaction(async (transaction) => {
        const { topic, partition } = placed!.position!
        const records = [{ ...event('2'), key: Buffer.from('c') }]
        await transaction.send({ topic, partition, records })
        await assert.rejects(
          store.append(toEach(NAMES, 'any', ' 3')),
          (error) => error instanceof StreamBusyError && error.retriable && error.stream === 'c',
        )
      })
      await run.until('the commit', async () => (await store.head('c')).version === 1)
      await store.append(toEach(NAMES, 'any', ' 4'))

      assert.equal((await eventsOf(store, NAMES)).length, NAMES.length + 2)
    },
  },
]
