import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { assignCooperatively, type Candidate } from './cooperative-assignment.ts'

const partition = (index: number, topic = 'a') => ({ topic, partition: index })

function candidate(memberId: string, owned: number[] = [], more: Partial<Candidate> = {}) {
  return {
    memberId,
    topics: ['a'],
    owned: owned.map((index) => partition(index)),
    generation: 1,
    ...more,
  }
}

function shares(candidates: readonly Candidate[], counts: Record<string, number>) {
  const shared = assignCooperatively(candidates, new Map(Object.entries(counts)))
  return Object.fromEntries(
    [...shared].map(([memberId, places]) => [
      memberId,
      places.map((place) => `${place.topic}${place.partition}`).sort(),
    ]),
  )
}

describe('the leader of a classic group', () => {
  it('shares partitions out evenly, over all topics together', () => {
    const members = ['x', 'y', 'z'].map((id) => candidate(id, [], { topics: ['a', 'b', 'c'] }))

    assert.deepEqual(shares(members, { a: 1, b: 1, c: 1 }), { x: ['a0'], y: ['b0'], z: ['c0'] })
  })

  it('gives a partition that is to move to nobody, until its holder has given it up', () => {
    const first = shares([candidate('x', [0, 1]), candidate('y')], { a: 2 })
    const second = shares([candidate('x', [0]), candidate('y')], { a: 2 })

    assert.deepEqual(first, { x: ['a0'], y: [] })
    assert.deepEqual(second, { x: ['a0'], y: ['a1'] })
  })

  it('leaves to everybody what it has, where that is even', () => {
    const members = [candidate('x', [1, 3]), candidate('y', [0, 2])]

    assert.deepEqual(shares(members, { a: 5 }), { x: ['a1', 'a3', 'a4'], y: ['a0', 'a2'] })
  })

  it('believes the younger of two claims, and neither of two that are as old', () => {
    const younger = [candidate('x', [0]), candidate('y', [0], { generation: 2 })]
    const even = [candidate('x', [0]), candidate('y', [0])]

    assert.deepEqual(shares(younger, { a: 1 }), { x: [], y: ['a0'] })
    assert.deepEqual(shares(even, { a: 1 }), { x: ['a0'], y: [] })
  })

  it('gives a topic only to those that ask for it, and nothing that is not there', () => {
    const members = [candidate('x', [0, 7]), candidate('y', [], { topics: ['b'] })]

    assert.deepEqual(shares(members, { a: 2, b: 1 }), { x: ['a0', 'a1'], y: ['b0'] })
  })
})
