// Rules of streams that were deleted, tombstoned or truncated.

import assert from 'node:assert/strict'
import { StreamDeletedError, WrongExpectedVersionError } from '../../transport/errors.ts'
import { numbered } from './records.ts'
import type { Rule } from './rule.ts'
import { append, openStore, taken, versionsOf } from './store-events.ts'

const needs = ['expectedVersion'] as const

export const streamEndRules: readonly Rule[] = [
  {
    id: 'delete-stream',
    title: 'a deleted stream is one without events whose numbering goes on with the next append',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      await append(store, 'a', 'none', ['1', '2'])
      await assert.rejects(store.deleteStream('a', 0), WrongExpectedVersionError)

      const deleted = await store.deleteStream('a', 1)
      await assert.rejects(append(store, 'a', 'exists', ['3']), WrongExpectedVersionError)
      assert.deepEqual(await taken(store.readStream('a')), [])
      assert.deepEqual(await store.head('a'), { version: 1, firstVersion: 2, state: 'deleted' })
      const reborn = await append(store, 'a', 'none', ['3'])

      assert.equal(deleted.version, 1)
      assert.deepEqual(versionsOf(reborn), [['a', 2, 3]])
      assert.deepEqual(await taken(store.readStream('a')), ['a:2=3'])
      assert.deepEqual(await store.head('a'), { version: 2, firstVersion: 2, state: 'live' })
    },
  },
  {
    id: 'delete-stream-expected',
    title: 'of a deleted stream any, none and its last version are right',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)

      for (const expected of ['any', 'none', 0] as const) {
        const stream = `by ${expected}`
        await append(store, stream, 'none', [`${stream} 1`])
        await store.deleteStream(stream, 'exists')
        const [appended] = (await append(store, stream, expected, [`${stream} 2`])).streams
        assert.equal(appended!.version, 1, stream)
      }
    },
  },
  {
    id: 'delete-stream-again',
    title:
      'an append from before a deletion is answered as it was; what is new must fit the stream as it is',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      const first = await append(store, 'a', 'none', ['1', '2'])
      const second = await append(store, 'a', 1, ['3'])
      await store.deleteStream('a', 2)

      const again = await append(store, 'a', 'none', ['1', '2'])
      const later = await append(store, 'a', 1, ['3'])
      for (const wrong of [0, 1, 3] as const) {
        await assert.rejects(
          append(store, 'a', wrong, ['new']),
          (error) => error instanceof WrongExpectedVersionError && error.actualVersion === 2,
          `${wrong}`,
        )
      }

      assert.deepEqual(versionsOf(again), versionsOf(first))
      assert.deepEqual(versionsOf(later), versionsOf(second))
      assert.deepEqual([again.deduplicated, later.deduplicated], [true, true])
      assert.deepEqual(await taken(store.readStream('a')), [])
    },
  },
  {
    id: 'tombstone-stream',
    title: 'a tombstoned stream takes nothing any more; a check finds it without events',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      await append(store, 'a', 'none', ['1'])
      await store.tombstoneStream('a', 0)

      for (const expected of ['any', 'none', 'exists', 0] as const) {
        await assert.rejects(
          append(store, 'a', expected, ['2']),
          (error) => error instanceof StreamDeletedError && error.stream === 'a',
          `${expected}`,
        )
      }
      await assert.rejects(store.deleteStream('a', 'any'), StreamDeletedError)
      for (const expectedVersion of ['any', 'none'] as const) {
        await store.append([{ stream: 'a', expectedVersion, records: [] }])
      }
      await assert.rejects(
        store.append([{ stream: 'a', expectedVersion: 'exists', records: [] }]),
        WrongExpectedVersionError,
      )
      assert.equal((await store.head('a')).state, 'tombstoned')
      assert.deepEqual(await taken(store.readStream('a')), [])
    },
  },
  {
    id: 'truncate-stream',
    title: 'events below the version that a stream is truncated to are gone for readers',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      await append(store, 'a', 'none', numbered(4))

      const truncated = await store.truncateStream('a', 2)
      await store.truncateStream('a', 1)

      assert.equal(truncated.version, 3)
      assert.deepEqual(await taken(store.readStream('a')), ['a:2=2', 'a:3=3'])
      assert.deepEqual(await taken(store.readStream('a', { direction: 'backward' })), [
        'a:3=3',
        'a:2=2',
      ])
      assert.deepEqual(await store.head('a'), { version: 3, firstVersion: 2, state: 'live' })
      await append(store, 'a', 3, ['4'])
    },
  },
  {
    id: 'truncate-beyond',
    title: 'a truncation beyond the end empties the stream, and no more',
    needs,
    try: async (run) => {
      const { store } = await openStore(run)
      await append(store, 'a', 'none', ['1', '2'])

      await store.truncateStream('a', 100)
      const next = await append(store, 'a', 'exists', ['3'])

      assert.deepEqual(versionsOf(next)[0]!.slice(0, 2), ['a', 2])
      assert.deepEqual(await taken(store.readStream('a')), ['a:2=3'])
    },
  },
]
