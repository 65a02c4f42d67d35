// Appends that are called together: they share batches, and nothing else.

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { fetchFrom, startTestBroker } from '../../../test/support/test-broker.ts'
import { readBatchHeader } from '../batch/header.ts'
import { readRecords } from '../batch/records.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { EventStore, NewEvent, StoreOutcome } from './event-store.ts'
import type { ExpectedVersion } from './expected-version.ts'

function event(id: string, size = 20): NewEvent {
  return { value: Buffer.alloc(size, 'x'), headers: [['ce_id', Buffer.from(id)]] }
}

function append(
  store: EventStore,
  stream: string,
  expectedVersion: ExpectedVersion,
  ...events: NewEvent[]
): Promise<StoreOutcome> {
  return store.append([{ stream, expectedVersion, events }])
}

/** In short: where it stands, or why not. */
function said(outcome: StoreOutcome): string {
  if (outcome.kind === 'refused') return outcome.reason.kind
  const { version, position } = outcome.streams[0]!
  return `${outcome.deduplicated ? 'known ' : ''}v${version} at ${position?.offset}`
}

async function open(t: TestContext, config: Record<string, string> = {}) {
  const { broker, connect } = await startTestBroker(t, { config })
  return { store: broker.eventStore(), connect }
}

async function batchesOf(connect: Awaited<ReturnType<typeof open>>['connect']) {
  const { records } = await fetchFrom(await connect(), 'streams')
  const batches = []
  for (let at = 0; at < records!.length; ) {
    const header = readBatchHeader(records!, at)
    const bytes = records!.subarray(at, at + header.sizeBytes)
    batches.push({ header, keys: [...readRecords(bytes)].map(({ key }) => String(key)) })
    at += header.sizeBytes
  }
  return batches
}

describe('appends that are called together', () => {
  it('share batches of some kilobytes, in the order of the calls', async (t) => {
    const { store, connect } = await open(t)
    const names = Array.from({ length: 2500 }, (_, i) => `stream-${i}`)
    await append(store, 'first', 'none', event('0'))

    const outcomes = await Promise.all(
      names.map((name) => append(store, name, 'none', event(name, 200))),
    )

    assert.deepEqual(
      outcomes.map(said),
      names.map((_, i) => `v0 at ${i + 1}`),
    )
    const [, ...batches] = await batchesOf(connect)
    assert.deepEqual(
      batches.flatMap(({ keys }) => keys),
      names,
    )
    assert.ok(batches.length < names.length / 5, `${batches.length} batches`)
    for (const { header } of batches) assert.ok(header.sizeBytes <= 6 * 1024)
  })

  it('are decided one by one, each after those before it', async (t) => {
    const { store } = await open(t)

    const outcomes = await Promise.all([
      append(store, 'a', 'none', event('a0')),
      append(store, 'a', 'none', event('other')),
      append(store, 'a', 0, event('a1'), event('a2')),
      append(store, 'a', 'none', event('a0')),
      append(store, 'b', 'exists', event('b0')),
      append(store, 'b', 'none', event('b0')),
      append(store, 'a', 2),
      append(store, 'a', 0, event('a1'), event('new')),
      append(store, 'a', 2, event('a3')),
    ])

    assert.deepEqual(outcomes.map(said), [
      'v0 at 0',
      'wrong-version',
      'v2 at 2',
      'known v0 at 0',
      'wrong-version',
      'v0 at 3',
      'v2 at undefined',
      'partly-there',
      'v3 at 4',
    ])
  })

  it('do not suffer from one that is too large, which leaves nothing behind', async (t) => {
    const { store } = await open(t, { 'message.max.bytes': '3000' })

    const outcomes = await Promise.all([
      append(store, 'a', 'none', event('a0')),
      append(store, 'large', 'none', event('l0', 4000)),
      append(store, 'b', 'none', event('b0')),
      append(store, 'large', 0, event('l1')),
    ])

    assert.deepEqual(outcomes.map(said), ['v0 at 0', 'log', 'v0 at 1', 'wrong-version'])
    const [, large] = outcomes
    assert.deepEqual(large?.kind === 'refused' && large.reason, {
      kind: 'log',
      errorCode: ErrorCode.MESSAGE_TOO_LARGE,
    })
    assert.equal((await store.head('large')).headVersion, -1)
    assert.equal(said(await append(store, 'large', 'none', event('l0'))), 'v0 at 2')
  })

  it('are refused together when the disk is full, and leave nothing behind', async (t) => {
    const { store } = await open(t)
    const size = 900_000
    const names = Array.from({ length: 90 }, (_, i) => `stream-${i}`)

    const outcomes = await Promise.all(
      names.map((name) => append(store, name, 'none', event(name, size))),
    )

    const refused = outcomes.filter(({ kind }) => kind === 'refused')
    assert.ok(refused.length > 0 && refused.length < names.length, `${refused.length} refused`)
    for (const [i, outcome] of outcomes.entries()) {
      const { headVersion } = await store.head(names[i]!)
      assert.equal(headVersion, outcome.kind === 'appended' ? 0 : -1)
    }
  })

  it('are all answered when the broker is closed meanwhile', async (t) => {
    const { broker } = await startTestBroker(t)
    const store = broker.eventStore()
    await append(store, 'a', 'none', event('a0'))

    const appends = Array.from({ length: 50 }, (_, i) => append(store, `s${i}`, 'none', event('0')))
    const closed = broker.close()

    const outcomes = await Promise.all(appends)
    await closed
    assert.ok(outcomes.every(({ kind }) => kind === 'appended' || kind === 'refused'))
  })

  it('say what is wrong with what is no event', async (t) => {
    const { store } = await open(t)
    const withEvent = (wrong: unknown) => append(store, 'a', 'none', wrong as NewEvent)

    const outcomes = [
      await withEvent({ value: 'text', headers: [] }),
      await withEvent({ value: null, headers: [['ce_id', 'text']] }),
      await withEvent({ value: null, headers: [], timestampMs: 1.5 }),
      await append(store, 'a', 'newest' as ExpectedVersion, event('a0')),
    ]

    assert.deepEqual(
      outcomes.map((outcome) => outcome.kind === 'refused' && outcome.message),
      [
        'Stream a: the value of an event is bytes or null.',
        'Stream a: a header of an event is a name and bytes or null.',
        'Stream a: the time of an event is whole milliseconds since 1970, not 1.5.',
        "The expected version newest of stream a is none: a stream without events is expected by 'none'.",
      ],
    )
  })
})
