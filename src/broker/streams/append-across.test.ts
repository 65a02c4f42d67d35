import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answerTogether, partsOf } from './append-across.ts'
import type { StoreOutcome, StreamAppend } from './event-store.ts'

const EVENT = { value: null, headers: [] }
const PARTITIONS = 2

function append(stream: string, count: number): StreamAppend {
  return { stream, expectedVersion: 'any', events: Array.from({ length: count }, () => EVENT) }
}

/** Every stream that is written stands at version 7 then. */
function taken(appends: readonly StreamAppend[], deduplicated = false): StoreOutcome {
  const streams = appends.map(({ stream, events }) => {
    const position = events.length > 0 ? { topic: 't', partition: 0, offset: 9 } : undefined
    return { stream, version: 7, position }
  })
  return { kind: 'appended', streams, deduplicated }
}

function conflict(stream: string, index: number): StoreOutcome {
  const reason = {
    kind: 'wrong-version',
    stream,
    index,
    expected: 1,
    actual: 3,
    life: 'live',
  } as const
  return { kind: 'refused', reason, message: `${stream} is elsewhere` }
}

const appends = ['a', 'b', 'c', 'd', 'e', 'f'].map((stream, i) => append(stream, i % 3))
const parts = partsOf(appends, PARTITIONS)

function answer(...outcomes: readonly StoreOutcome[]): StoreOutcome {
  return answerTogether(appends, parts, outcomes, { topic: 't', headOf: () => 5 })
}

const [one, two] = parts

describe('the parts of an append over partitions', () => {
  it('have each stream once, and know the places of their records', () => {
    assert.equal(parts.length, 2)
    const streams = parts.flatMap((part) => part.appends.map(({ stream }) => stream))
    assert.deepEqual(streams.toSorted(), ['a', 'b', 'c', 'd', 'e', 'f'])
    assert.deepEqual(
      parts.flatMap(({ places }) => places).toSorted((a, b) => a - b),
      [0, 1, 2, 3, 4, 5],
    )
  })

  it('are taken together, in the order of the append', () => {
    const outcome = answer(taken(one!.appends), taken(two!.appends))

    assert.ok(outcome.kind === 'appended' && !outcome.deduplicated)
    assert.deepEqual(
      outcome.streams.map(({ stream }) => stream),
      ['a', 'b', 'c', 'd', 'e', 'f'],
    )
  })

  it('are refused by the first that is, which names the record of the whole append', () => {
    const outcome = answer(taken(one!.appends), conflict('x', 1))

    assert.ok(outcome.kind === 'refused' && outcome.reason.kind === 'wrong-version')
    assert.equal(outcome.reason.index, two!.places[1])
  })

  it('are known when all are, whatever was to be checked', () => {
    const checks = ['a', 'b'].map((stream) => append(stream, 0))
    const all = [...checks, append('c', 1), append('d', 1)]
    const own = partsOf(all, 8)
    const outcomes = own.map(({ appends: some, places }) =>
      places.length > 0 ? taken(some, true) : conflict(some[0]!.stream, -1),
    )

    const outcome = answerTogether(all, own, outcomes, { topic: 't', headOf: () => 5 })

    assert.ok(outcome.kind === 'appended' && outcome.deduplicated)
    const versions = outcome.streams.map(({ stream, version }) => `${stream} ${version}`)
    assert.ok(versions.includes('c 7') && versions.includes('d 7'), `${versions}`)
  })

  it('are refused when only some are known', () => {
    const outcome = answer(taken(one!.appends), taken(two!.appends, true))

    assert.ok(outcome.kind === 'refused' && outcome.reason.kind === 'partly-there')
    assert.equal(outcome.reason.version, 7)
  })
})
