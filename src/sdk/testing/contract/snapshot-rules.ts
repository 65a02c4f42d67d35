// Rules of snapshots: what is kept, and that a state is the same with and without them.

import assert from 'node:assert/strict'
import { foldStream } from '../../sourcing/fold-stream.ts'
import { SnapshotNotKeptError } from '../../transport/errors.ts'
import { type EventStore, MAX_SNAPSHOT_BYTES } from '../../transport/event-store.ts'
import { numbered } from './records.ts'
import type { Rule } from './rule.ts'
import { append, openStore } from './store-events.ts'

const needs = ['expectedVersion'] as const

/** The ids of a stream's events, and how many of them had to be read for that. */
async function idsOf(
  store: EventStore,
  stream: string,
  { every = 2, definition = '1' }: { every?: number; definition?: string } = {},
) {
  let read = 0
  const { state, version, expectedVersion } = await foldStream<string[]>(store, stream, {
    initialState: [],
    evolve: (ids, { value }) => {
      read++
      return [...ids, Buffer.from(value ?? []).toString()]
    },
    snapshot: { name: 'ids', every, definition },
    onNotKept: (error) => assert.fail(error),
  })
  return { ids: state.join(' '), read, version, expectedVersion }
}

export const snapshotRules: readonly Rule[] = [
  {
    id: 'snapshot-kept',
    title: 'the newest snapshot of a stream and a name is kept, and nobody else gets it',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      const { snapshots } = store
      const textOf = async (stream: string, name: string) => {
        const bytes = await snapshots.load(stream, name)
        return bytes && Buffer.from(bytes).toString()
      }
      assert.equal(await textOf('a', 'sum'), undefined)
      await append(store, 'a', 'none', ['1'])

      await snapshots.save('a', 'sum', Buffer.from('older'))
      await snapshots.save('a', 'list', Buffer.from('other'))
      await snapshots.save('a', 'sum', Buffer.from('newer'))

      assert.equal(await textOf('a', 'sum'), 'newer')
      assert.equal(await textOf('a', 'list'), 'other')
      assert.equal(await textOf('b', 'sum'), undefined)
      assert.equal(await textOf('a', 'nobody'), undefined)
    },
  },
  {
    id: 'snapshot-too-large',
    title: 'a snapshot that is too large is refused, and the one before stays',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      const { snapshots } = store
      await append(store, 'a', 'none', ['1'])
      await snapshots.save('a', 'sum', Buffer.alloc(MAX_SNAPSHOT_BYTES, 1))

      await assert.rejects(
        snapshots.save('a', 'sum', Buffer.alloc(MAX_SNAPSHOT_BYTES + 1, 2)),
        (error) => error instanceof SnapshotNotKeptError && error.reason === 'too-large',
      )

      const kept = await snapshots.load('a', 'sum')
      assert.deepEqual([kept?.length, kept?.[0]], [MAX_SNAPSHOT_BYTES, 1])
    },
  },
  {
    id: 'snapshot-fold',
    title: 'from a snapshot on only the events after it are read, and the state is the same',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      const none = await idsOf(store, 'a')
      await append(store, 'a', none.expectedVersion, numbered(5))

      const first = await idsOf(store, 'a')
      const again = await idsOf(store, 'a')
      await append(store, 'a', again.expectedVersion, ['5'])
      const later = await idsOf(store, 'a')

      assert.deepEqual(none, { ids: '', read: 0, version: -1, expectedVersion: 'none' })
      assert.deepEqual(first, { ids: '0 1 2 3 4', read: 5, version: 4, expectedVersion: 4 })
      assert.deepEqual(again, { ...first, read: 0 })
      assert.deepEqual(later, { ids: '0 1 2 3 4 5', read: 1, version: 5, expectedVersion: 5 })
    },
  },
  {
    id: 'snapshot-ahead',
    title:
      'a snapshot of events that the stream does not have, as after a restore, is not believed',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      await append(store, 'a', 'none', numbered(4, 'a'))
      await idsOf(store, 'a')
      const ahead = (await store.snapshots.load('a', 'ids'))!
      const streams = { none: [], shorter: numbered(2, 's'), other: numbered(6, 'o') }

      for (const [stream, ids] of Object.entries(streams)) {
        if (ids.length > 0) await append(store, stream, 'none', ids)
        await store.snapshots.save(stream, 'ids', ahead)
        const { ids: folded, read } = await idsOf(store, stream)
        assert.deepEqual([folded, read], [ids.join(' '), ids.length], stream)
      }
    },
  },
  {
    id: 'snapshot-definition',
    title: 'a snapshot of another definition is not believed, and gives way to one of this',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      await append(store, 'a', 'none', numbered(3))
      await idsOf(store, 'a', { definition: '1' })

      const changed = await idsOf(store, 'a', { definition: '2' })
      const again = await idsOf(store, 'a', { definition: '2' })

      assert.deepEqual([changed.read, again.read], [3, 0])
      await store.snapshots.save('a', 'ids', Buffer.from('{"definition":'))
      assert.equal((await idsOf(store, 'a', { definition: '2' })).read, 3)
    },
  },
  {
    id: 'snapshot-ends',
    title: 'what was deleted, tombstoned or truncated is in no state, whatever a snapshot holds',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      for (const stream of ['deleted', 'tombstoned', 'truncated']) {
        await append(store, stream, 'none', numbered(4))
        await idsOf(store, stream)
      }

      await store.deleteStream('deleted', 3)
      await store.tombstoneStream('tombstoned', 3)
      await store.truncateStream('truncated', 2)

      assert.equal(await store.snapshots.load('deleted', 'ids'), undefined)
      assert.equal(await store.snapshots.load('tombstoned', 'ids'), undefined)
      assert.deepEqual(await idsOf(store, 'deleted'), {
        ...{ ids: '', read: 0, version: 3, expectedVersion: 3 },
      })
      assert.equal((await idsOf(store, 'tombstoned')).ids, '')
      assert.equal((await idsOf(store, 'truncated')).ids, '2 3')
      await append(store, 'deleted', 3, ['new'])
      assert.equal((await idsOf(store, 'deleted')).ids, 'new')
    },
  },
]
