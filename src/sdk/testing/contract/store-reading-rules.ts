// Rules of reading an event store: one stream, all of it, and following it.

import assert from 'node:assert/strict'
import type { ReadAllOptions, ReadStreamOptions, Subscribed } from '../../transport/event-store.ts'
import { numbered } from './records.ts'
import type { ContractRun, Rule } from './rule.ts'
import { append, event, lineOf, type Opened, openStore, taken } from './store-events.ts'

const needs = ['expectedVersion'] as const

export const storeReadingRules: readonly Rule[] = [
  {
    id: 'read-stream',
    title: 'a stream is read forward and backward, from a version, with a limit',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      for (const number of numbered(5)) {
        await append(store, 'a', 'any', [`a${number}`])
        await append(store, 'b', 'any', [`b${number}`])
      }
      const table: readonly [ReadStreamOptions, readonly number[]][] = [
        [{}, [0, 1, 2, 3, 4]],
        [{ from: 3 }, [3, 4]],
        [{ from: 1, limit: 2 }, [1, 2]],
        [{ limit: 0 }, []],
        [{ from: 9 }, []],
        [{ direction: 'backward' }, [4, 3, 2, 1, 0]],
        [{ direction: 'backward', from: 3, limit: 3 }, [3, 2, 1]],
        [{ direction: 'backward', from: 9, limit: 1 }, [4]],
      ]

      for (const [options, versions] of table) {
        const lines = await taken(store.readStream('a', options))
        assert.deepEqual(
          lines,
          versions.map((version) => `a:${version}=a${version}`),
          JSON.stringify(options),
        )
      }
    },
  },
  {
    id: 'read-stream-head',
    title:
      "a read carries its stream's true head, whatever part was asked for, and when there is none",
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      const nothing = { version: -1, firstVersion: 0, state: 'live' }
      assert.deepEqual(await store.head('a'), nothing)
      assert.deepEqual(await taken(store.readStream('a')), [])
      await append(store, 'a', 'none', ['1', '2', '3'])

      const beyond = store.readStream('a', { from: 9 })
      const part = store.readStream('a', { limit: 1 })

      assert.deepEqual(await taken(beyond), [])
      assert.deepEqual(await beyond.head, { version: 2, firstVersion: 0, state: 'live' })
      assert.equal((await part.head).version, 2)
      assert.deepEqual(await store.readStream('nobody').head, nothing)
    },
  },
  {
    id: 'read-stream-record',
    title: 'a record of a stream has its position, headers and time',
    needs,
    try: async (run) => {
      const { transport, store } = await openStore(run)
      const beforeMs = transport.world.clock.nowMs()
      await store.append([
        { stream: 'a', expectedVersion: 'none', records: [event('1', 'Placed')] },
        {
          stream: 'b',
          expectedVersion: 'none',
          records: [{ ...event('2'), timestampMs: 86_400_000 }],
        },
      ])

      const records = []
      for await (const record of store.readAll()) records.push(record)

      const [first, second] = records
      assert.deepEqual(
        records.map(({ topic, partition, offset }) => ({ topic, partition, offset })),
        [0, 1].map((offset) => ({ topic: store.topic, partition: 0, offset })),
      )
      const type = first!.headers.find(([name]) => name === 'ce_type')![1]!
      assert.equal(Buffer.from(type).toString(), 'Placed')
      assert.ok(first!.timestampMs >= beforeMs)
      assert.equal(second!.timestampMs, 86_400_000)
    },
  },
  {
    id: 'read-all',
    title: 'everything is read in order, from a position, by type and by the beginning of names',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      await store.append([
        { stream: 'order-1', expectedVersion: 'any', records: [event('1', 'Placed')] },
        { stream: 'cart-1', expectedVersion: 'any', records: [event('2', 'Placed')] },
        { stream: 'order-2', expectedVersion: 'any', records: [event('3', 'Paid')] },
      ])
      const all = ['order-1:0=1', 'cart-1:0=2', 'order-2:0=3']
      const from = [{ topic: store.topic, partition: 0, offset: 1 }]
      const table: readonly [ReadAllOptions, readonly number[]][] = [
        [{}, [0, 1, 2]],
        [{ streamPrefix: 'order-' }, [0, 2]],
        [{ types: ['Placed'] }, [0, 1]],
        [{ types: ['Placed', 'Paid'], streamPrefix: 'order-' }, [0, 2]],
        [{ from }, [1, 2]],
        [{ from, limit: 1 }, [1]],
        [{ types: ['Nothing'] }, []],
      ]

      for (const [options, places] of table) {
        assert.deepEqual(
          await taken(store.readAll(options)),
          places.map((place) => all[place]),
          JSON.stringify(options),
        )
      }
    },
  },
  {
    id: 'read-all-missing',
    title: 'a store that does not exist yet is an empty one to readers',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)

      assert.deepEqual(await taken(store.readAll()), [])
      assert.deepEqual(await taken(store.readStream('a')), [])
    },
  },
  {
    id: 'subscribe',
    title: 'one cursor gives what is there, says that it has caught up, and gives what comes',
    needs,
    try: async (run) => {
      const opened = await openStore(run)
      await append(opened.store, 'a', 'any', ['1', '2'])
      const { seen, stop } = follow(run, opened)
      await run.until('what is there', () => seen.length === 3)

      await append(opened.store, 'b', 'any', ['3'])
      await run.until('what comes', () => seen.length === 4)
      await stop()

      assert.deepEqual(seen, ['a:0=1', 'a:1=2', 'caught up at 2', 'b:0=3'])
    },
  },
  {
    id: 'subscribe-from',
    title: 'following begins after a position, and passes over what was not asked for',
    needs,
    try: async (run) => {
      const opened = await openStore(run)
      const { store } = opened
      await append(store, 'a', 'any', ['1', '2'])
      await append(store, 'b', 'any', ['3'])
      const from = [{ topic: store.topic, partition: 0, offset: 1 }]
      const { seen, stop } = follow(run, opened, { from, streamPrefix: 'a' })
      await run.until('what is there', () => seen.length === 2)

      await append(store, 'b', 'any', ['4'])
      await append(store, 'a', 'any', ['5'])
      await run.until('what comes', () => seen.length === 3)
      await stop()

      assert.deepEqual(seen, ['a:1=2', 'caught up at 3', 'a:2=5'])
    },
  },
  {
    id: 'subscribe-missing',
    title:
      'a store that does not exist yet can be followed: it has caught up, then comes the first',
    needs,
    try: async (run) => {
      const opened = await openStore(run)
      const { seen, stop } = follow(run, opened)
      await run.until('the caught-up signal', () => seen.length === 1)

      await append(opened.store, 'a', 'none', ['1'])
      await run.until('the first event', () => seen.length === 2)
      await stop()

      assert.match(seen[0]!, /^caught up/)
      assert.equal(seen[1], 'a:0=1')
    },
  },
  {
    id: 'subscribe-complete',
    title: 'who follows while others append misses nothing and sees nothing twice',
    needs,
    try: async (run) => {
      const opened = await openStore(run)
      const numbers = numbered(100)
      const early = numbers.slice(0, 50).map((id) => append(opened.store, `s${id}`, 'any', [id]))
      const { seen, stop } = follow(run, opened)
      const late = numbers.slice(50).map((id) => append(opened.store, `s${id}`, 'any', [id]))
      await Promise.all([...early, ...late])
      await run.until('all events', () => seen.length >= 101)
      await stop()

      const values = seen.filter((line) => line.startsWith('s')).map((line) => line.split('=')[1]!)
      assert.deepEqual(values.toSorted(byNumber), numbers)
    },
  },
]

function byNumber(a: string, b: string): number {
  return Number(a) - Number(b)
}

function follow(run: ContractRun, { store }: Opened, options: ReadAllOptions = {}) {
  const abort = new AbortController()
  const signal = AbortSignal.any([abort.signal, run.signal])
  const seen: string[] = []
  const following = (async () => {
    for await (const next of store.subscribe({ ...options, signal })) seen.push(textOf(next))
  })()
  const stop = async () => {
    abort.abort()
    await following
  }
  return { seen, stop }
}

function textOf(next: Subscribed): string {
  return next.kind === 'event' ? lineOf(next.record) : `caught up at ${next.next[0]?.offset}`
}
