import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { makeTopic, startTestBroker, until } from '../../../test/support/test-broker.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { EventStore, NewEvent, StoredRecord, StoreOutcome } from './event-store.ts'
import type { ExpectedVersion } from './expected-version.ts'

function event(id: string, type = 'Happened'): NewEvent {
  const headers = [
    ['ce_id', Buffer.from(id)],
    ['ce_type', Buffer.from(type)],
  ] as const
  return { value: Buffer.from(`"${id}"`), headers }
}

function append(
  store: EventStore,
  stream: string,
  expectedVersion: ExpectedVersion,
  ids: readonly string[],
): Promise<StoreOutcome> {
  return store.append([{ stream, expectedVersion, events: ids.map((id) => event(id)) }])
}

async function open(t: TestContext, name?: string): Promise<EventStore> {
  const { broker } = await startTestBroker(t)
  return broker.eventStore(name)
}

async function taken(records: AsyncIterable<StoredRecord>): Promise<string[]> {
  const all: string[] = []
  for await (const { stream, version, value } of records) all.push(`${stream}:${version}=${value}`)
  return all
}

function versionsOf(outcome: StoreOutcome): unknown {
  if (outcome.kind === 'refused') return outcome.message
  return outcome.streams.map(({ stream, version, position }) => [stream, version, position?.offset])
}

describe('an event store in process', () => {
  it('is made by its first append, with one partition, and kept for ever', async (t) => {
    const { broker } = await startTestBroker(t)

    const outcome = await append(broker.eventStore(), 'a', 'none', ['1'])

    assert.deepEqual(versionsOf(outcome), [['a', 0, 0]])
    assert.equal((await broker.eventStore('streams').head('a')).headVersion, 0)
  })

  it('appends to several streams at once, or to none of them', async (t) => {
    const store = await open(t)
    await append(store, 'a', 'none', ['a0'])

    const refused = await store.append([
      { stream: 'b', expectedVersion: 'none', events: [event('b0')] },
      { stream: 'a', expectedVersion: 3, events: [event('a1')] },
    ])
    const appended = await store.append([
      { stream: 'b', expectedVersion: 'none', events: [event('b0'), event('b1')] },
      { stream: 'a', expectedVersion: 0, events: [event('a1')] },
    ])

    assert.deepEqual(refused.kind === 'refused' && refused.reason, {
      kind: 'wrong-version',
      index: 2 - 1,
      stream: 'a',
      expected: 3,
      actual: 0,
      life: 'live',
    })
    assert.deepEqual(versionsOf(appended), [
      ['b', 1, 2],
      ['a', 1, 3],
    ])
  })

  it('checks streams that it does not write', async (t) => {
    const store = await open(t)
    await append(store, 'account', 'none', ['1', '2'])
    const withCheck = (expectedVersion: ExpectedVersion, id: string) =>
      store.append([
        { stream: 'account', expectedVersion, events: [] },
        { stream: 'order', expectedVersion: 'any', events: [event(id)] },
      ])

    const stale = await withCheck(0, 'x')
    const right = await withCheck(1, 'y')

    assert.equal(stale.kind, 'refused')
    assert.deepEqual(versionsOf(right), [
      ['account', 1, undefined],
      ['order', 0, 2],
    ])
  })

  it('answers an append that is tried again as the first time, and says so', async (t) => {
    const store = await open(t)
    const first = await append(store, 'a', 'none', ['1', '2'])
    await append(store, 'a', 1, ['3'])

    const again = await append(store, 'a', 'none', ['1', '2'])
    const partly = await append(store, 'a', 'none', ['1', 'other'])

    assert.deepEqual(versionsOf(again), versionsOf(first))
    assert.equal(again.kind === 'appended' && again.deduplicated, true)
    assert.equal(partly.kind === 'refused' && partly.reason.kind, 'partly-there')
  })

  it('reads a stream forward and backward, from a version, with a limit', async (t) => {
    const store = await open(t)
    for (let i = 0; i < 5; i++) {
      await append(store, 'a', 'any', [`a${i}`])
      await append(store, 'b', 'any', [`b${i}`])
    }

    const forward = await taken(store.readStream('a', { from: 1, limit: 2 }))
    const backward = await taken(
      store.readStream('a', { direction: 'backward', from: 3, limit: 3 }),
    )
    const beyond = store.readStream('a', { from: 9 })

    assert.deepEqual(forward, ['a:1="a1"', 'a:2="a2"'])
    assert.deepEqual(backward, ['a:3="a3"', 'a:2="a2"', 'a:1="a1"'])
    assert.deepEqual(await taken(beyond), [])
    assert.equal((await beyond.head).headVersion, 4)
    assert.deepEqual(await store.readStream('nobody').head, {
      headVersion: -1,
      firstVersion: 0,
      life: 'live',
    })
  })

  it('reads a stream of thousands of events as well', async (t) => {
    const store = await open(t)
    for (let i = 0; i < 3000; i += 100) {
      await append(
        store,
        'long',
        'any',
        Array.from({ length: 100 }, (_, k) => `${i + k}`),
      )
    }

    const all = await taken(store.readStream('long'))
    const tail = await taken(store.readStream('long', { direction: 'backward', limit: 1000 }))

    assert.deepEqual(
      all,
      Array.from({ length: 3000 }, (_, i) => `long:${i}="${i}"`),
    )
    assert.deepEqual(tail, all.slice(2000).reverse())
  })

  it('deletes a stream softly: numbering goes on, and readers see what comes after', async (t) => {
    const store = await open(t)
    await append(store, 'a', 'none', ['1', '2'])

    await store.deleteStream('a', 1)
    const exists = await append(store, 'a', 'exists', ['3'])
    const gone = await taken(store.readStream('a'))
    const reborn = await append(store, 'a', 'none', ['3'])

    assert.equal(exists.kind, 'refused')
    assert.deepEqual(gone, [])
    assert.deepEqual(versionsOf(reborn), [['a', 2, 3]])
    assert.deepEqual(await taken(store.readStream('a')), ['a:2="3"'])
  })

  it('takes nothing more for a tombstoned stream', async (t) => {
    const store = await open(t)
    await append(store, 'a', 'none', ['1'])
    await store.tombstoneStream('a', 0)

    const outcomes = []
    for (const expected of ['any', 'none', 'exists', 0] as const) {
      outcomes.push(await append(store, 'a', expected, ['2']))
    }
    const check = await store.append([{ stream: 'a', expectedVersion: 'none', events: [] }])

    for (const outcome of outcomes) {
      assert.equal(outcome.kind === 'refused' && outcome.reason.kind, 'tombstoned')
    }
    assert.equal(check.kind, 'appended')
    assert.equal((await store.head('a')).life, 'tombstoned')
  })

  it('truncates a stream: older events are gone for readers', async (t) => {
    const store = await open(t)
    await append(store, 'a', 'none', ['0', '1', '2'])

    await store.truncateStream('a', 2)

    assert.deepEqual(await taken(store.readStream('a')), ['a:2="2"'])
    assert.deepEqual(await store.head('a'), { headVersion: 2, firstVersion: 2, life: 'live' })
  })

  it('reads everything in order, by type and by the beginning of the stream', async (t) => {
    const store = await open(t)
    await store.append([
      { stream: 'order-1', expectedVersion: 'any', events: [event('1', 'Placed')] },
      { stream: 'cart-1', expectedVersion: 'any', events: [event('2', 'Placed')] },
      { stream: 'order-2', expectedVersion: 'any', events: [event('3', 'Paid')] },
    ])

    const all = await taken(store.readAll())
    const orders = await taken(store.readAll({ streamPrefix: 'order-' }))
    const placed = await taken(store.readAll({ types: ['Placed'] }))
    const later = await taken(
      store.readAll({ from: [{ topic: 'streams', partition: 0, offset: 1 }], limit: 1 }),
    )

    assert.deepEqual(all, ['order-1:0="1"', 'cart-1:0="2"', 'order-2:0="3"'])
    assert.deepEqual(orders, ['order-1:0="1"', 'order-2:0="3"'])
    assert.deepEqual(placed, ['order-1:0="1"', 'cart-1:0="2"'])
    assert.deepEqual(later, ['cart-1:0="2"'])
  })

  it('follows with one cursor: what is there, that it caught up, what comes', async (t) => {
    const store = await open(t)
    await append(store, 'a', 'any', ['1', '2'])
    const stop = new AbortController()
    const seen: string[] = []

    const following = (async () => {
      for await (const next of store.subscribe({ signal: stop.signal })) {
        seen.push(
          next.kind === 'event' ? `${next.record.value}` : `caught up at ${next.next[0]?.offset}`,
        )
      }
    })()
    await until(() => seen.length === 3)
    await append(store, 'b', 'any', ['3'])
    await until(() => seen.length === 4)
    stop.abort()
    await following

    assert.deepEqual(seen, ['"1"', '"2"', 'caught up at 2', '"3"'])
  })

  it('follows a store that is not made yet', async (t) => {
    const store = await open(t)
    const stop = new AbortController()
    const seen: string[] = []

    const following = (async () => {
      for await (const next of store.subscribe({ signal: stop.signal })) {
        seen.push(next.kind === 'event' ? `${next.record.value}` : 'caught up')
      }
    })()
    await append(store, 'a', 'any', ['1'])
    await until(() => seen.length === 2)
    stop.abort()
    await following

    assert.deepEqual(seen, ['caught up', '"1"'])
  })

  it('loses nothing and doubles nothing when a hundred writers want one stream', async (t) => {
    const store = await open(t)
    let conflicts = 0

    const write = async (writer: number) => {
      for (;;) {
        const { headVersion } = await store.head('hot')
        const expected = headVersion < 0 ? 'none' : headVersion
        const outcome = await append(store, 'hot', expected, [`w${writer}`])
        if (outcome.kind === 'appended') return outcome.streams[0]!.version
        conflicts += 1
      }
    }
    const versions = await Promise.all(Array.from({ length: 100 }, (_, writer) => write(writer)))

    assert.deepEqual(
      versions.toSorted((a, b) => a - b),
      Array.from({ length: 100 }, (_, i) => i),
    )
    assert.equal(new Set(await taken(store.readStream('hot'))).size, 100)
    assert.ok(conflicts > 0)
  })

  it('appends over partitions in one transaction, which names what stands against it', async (t) => {
    const { broker, connect } = await startTestBroker(t)
    await makeTopic(await connect(), 'wide', {
      partitions: 4,
      configs: { 'millrace.store': 'true' },
    })
    const store = broker.eventStore('wide')
    const names = ['a', 'b', 'c', 'd', 'e']
    const toAll = (expectedVersion: ExpectedVersion) =>
      store.append(names.map((stream) => ({ stream, expectedVersion, events: [event(stream)] })))
    await append(store, 'd', 'none', ['before'])

    const refused = await toAll('none')
    const appended = await toAll('any')

    assert.deepEqual(refused.kind === 'refused' && refused.reason, {
      kind: 'wrong-version',
      index: 3,
      stream: 'd',
      expected: 'none',
      actual: 0,
      life: 'live',
    })
    assert.equal(appended.kind, 'appended')
    assert.equal((await taken(store.readAll())).length, 6)
    for (const stream of ['a', 'e']) {
      assert.deepEqual(await taken(store.readStream(stream)), [`${stream}:0="${stream}"`])
    }
  })

  it('refuses an event over the size limit as that, alone and over partitions', async (t) => {
    const { broker, connect } = await startTestBroker(t)
    const configs = { 'millrace.store': 'true', 'max.message.bytes': '10000' }
    await makeTopic(await connect(), 'wide', { partitions: 4, configs })
    const store = broker.eventStore('wide')
    const large = { value: Buffer.alloc(10_001), headers: event('large').headers }
    const names = ['a', 'b', 'c', 'd', 'e']

    const outcomes = [
      await store.append([{ stream: 'a', expectedVersion: 'none', events: [large] }]),
      await store.append(
        names.map((stream) => {
          return { stream, expectedVersion: 'none', events: [stream === 'c' ? large : event('1')] }
        }),
      ),
    ]

    for (const outcome of outcomes) {
      const { MESSAGE_TOO_LARGE } = ErrorCode
      const reason = { kind: 'log', errorCode: MESSAGE_TOO_LARGE }
      assert.deepEqual(outcome.kind === 'refused' && outcome.reason, reason)
    }
    assert.deepEqual(await taken(store.readAll()), [])
    for (const name of names) await append(store, name, 'none', ['2'])
    assert.equal((await taken(store.readAll())).length, 5)
  })

  it('lists its streams', async (t) => {
    const store = await open(t)
    for (const stream of ['order-1', 'order-2', 'cart-1']) await append(store, stream, 'any', ['1'])

    const streams = []
    for await (const info of store.list({ prefix: 'order-' })) streams.push(info)

    assert.deepEqual(streams, [
      { stream: 'order-1', headVersion: 0, firstVersion: 0, life: 'live' },
      { stream: 'order-2', headVersion: 0, firstVersion: 0, life: 'live' },
    ])
  })

  it('refuses a topic that is no store, with a sentence', async (t) => {
    const { broker, connect } = await startTestBroker(t)
    await makeTopic(await connect(), 'plain')

    await assert.rejects(append(broker.eventStore('plain'), 'a', 'any', ['1']), /no event store/)
  })
})
