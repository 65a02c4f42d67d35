import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SeededRandom } from '../../testing/seeded-random.ts'
import type { LotRequest } from './lot-request.ts'
import { LotState } from './lot-state.ts'
import type { LotRecord, ParkedEvent } from './parked-record.ts'

const source = { topic: 'orders', partition: 0 }

function parked(offset: number, key: string, reason: ParkedEvent['reason'] = 'failed'): LotRecord {
  const failure = {
    attempts: 1,
    firstFailedMs: offset,
    lastFailedMs: offset,
    errorName: 'Error',
    errorMessage: '',
    errorCode: undefined,
    stack: undefined,
  }
  const record = {
    ...source,
    offset,
    key: Buffer.from(key),
    value: null,
    headers: [],
    timestampMs: 0,
  }
  return {
    kind: 'parked',
    fingerprint: 'f',
    parkedMs: 0,
    event: {
      record,
      reason,
      failure: reason === 'follows' ? undefined : failure,
      holdsKey: true,
      group: 'billing',
      codeVersion: '',
    },
  }
}

const left = (offset: number): LotRecord => ({ kind: 'left', source: { ...source, offset } })

function request(id: string, selection: LotRequest['selection']): LotRecord {
  return { kind: 'request', source, id, request: { kind: 'redrive', selection, perSecond: 1 } }
}

const runnable = (state: LotState) => [...state.runnable()].map((entry) => entry.source.offset)

/** Everything that decides what happens next. */
function view(state: LotState) {
  const queues = [...state.queues].map((queue) =>
    queue.map((entry) => `${entry.source.offset}@${entry.parkedOffset} ${entry.reason}`),
  )
  return { queues: queues.sort(), runnable: runnable(state).sort(), size: state.size }
}

describe('what is parked', () => {
  it('may run once it was asked for, and no more once it was parked again', () => {
    const state = new LotState()
    state.apply(parked(1, 'a'), 0)
    state.apply(parked(2, 'a', 'follows'), 1)
    assert.deepEqual(runnable(state), [])

    state.apply(request('r1', { kind: 'all' }), 2)
    assert.deepEqual(runnable(state), [1])
    state.apply(parked(1, 'a'), 3)
    assert.deepEqual(runnable(state), [])
  })

  it('runs by itself when all that it followed has left', () => {
    const state = new LotState()
    state.apply(parked(1, 'a'), 0)
    state.apply(parked(2, 'a', 'follows'), 1)

    state.apply(left(1), 2)

    assert.deepEqual(runnable(state), [2])
  })

  it('stands in the order of the source, in whatever order it was parked', () => {
    const state = new LotState()
    state.apply(parked(2, 'a'), 0)
    state.apply(parked(1, 'a', 'follows'), 1)

    const [queue] = state.queues

    assert.deepEqual(
      queue?.map((entry) => entry.source.offset),
      [1, 2],
    )
  })

  it('is the same to an owner that knows its own writes first as to one that reads them', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = new SeededRandom(seed)
      const pick = (below: number) => Math.floor(random.fraction() * below)
      const log: LotRecord[] = []
      const owner = new LotState()
      let read = 0
      for (let step = 0; step < 60; step++) {
        const offset = pick(6)
        const action = pick(4)
        if (action === 0) {
          const record = parked(offset, `k${offset % 2}`, pick(2) === 0 ? 'failed' : 'follows')
          owner.apply(record, log.length)
          log.push(record)
        } else if (action === 1 && owner.entry(offset) !== undefined) {
          owner.leave({ ...source, offset })
          log.push(left(offset))
        } else if (action === 2) {
          log.push(request(`r${step}`, { kind: 'event', event: `orders/0/${offset}` }))
        } else {
          for (const until = read + pick(4); read < Math.min(until, log.length); read++) {
            owner.apply(log[read]!, read)
          }
        }
      }
      for (; read < log.length; read++) owner.apply(log[read]!, read)

      const reader = new LotState()
      for (const [offset, record] of log.entries()) reader.apply(record, offset)

      assert.deepEqual(view(owner), view(reader), `seed ${seed}`)
    }
  })
})
