import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AssignedMember, Assignment } from './assignment.ts'
import { ASSIGNORS } from './assignors.ts'
import type { TopicPartitions } from './topic-partitions.ts'

type Targets = Record<string, Record<string, readonly number[]>>

/** Subscriptions by member, partitions by topic, and what members had before. */
function assign(
  assignor: string,
  topics: Record<string, number>,
  subscriptions: Record<string, readonly string[]>,
  before: Targets = {},
): Targets {
  const shared = new Map<string, readonly string[]>()
  const members: AssignedMember[] = Object.entries(subscriptions).map(([memberId, names]) => {
    const key = names.join()
    const topicIds = shared.get(key) ?? names
    shared.set(key, topicIds)
    const target: TopicPartitions = new Map(Object.entries(before[memberId] ?? {}))
    return { memberId, instanceId: null, topicIds, target }
  })
  const partitionsOf = (topicId: string) => topics[topicId] ?? 0
  return asTargets(ASSIGNORS[assignor]!({ members, partitionsOf }))
}

function asTargets(assignment: Assignment): Targets {
  return Object.fromEntries(
    [...assignment].map(([memberId, target]) => [memberId, Object.fromEntries(target)]),
  )
}

function sizes(targets: Targets): number[] {
  return Object.values(targets).map((target) => Object.values(target).flat().length)
}

/** How many partitions are with somebody else than before. */
function moved(before: Targets, after: Targets): number {
  const owners = (targets: Targets) =>
    new Map(
      Object.entries(targets).flatMap(([memberId, target]) =>
        Object.entries(target).flatMap(([topic, partitions]) =>
          partitions.map((partition) => [`${topic}-${partition}`, memberId] as const),
        ),
      ),
    )
  const [then, now] = [owners(before), owners(after)]
  return [...now].filter(([place, memberId]) => then.get(place) !== memberId).length
}

function assertComplete(topics: Record<string, number>, targets: Targets): void {
  const places = Object.values(targets).flatMap((target) =>
    Object.entries(target).flatMap(([topic, indexes]) =>
      indexes.map((index) => `${topic} ${index}`),
    ),
  )
  const all = Object.entries(topics).flatMap(([topic, count]) =>
    Array.from({ length: count }, (_, index) => `${topic} ${index}`),
  )
  assert.deepEqual(places.sort(), all.sort())
}

describe('uniform', () => {
  it('gives everybody as much, one more or less', () => {
    const targets = assign(
      'uniform',
      { t: 7, u: 4 },
      { a: ['t', 'u'], b: ['t', 'u'], c: ['t', 'u'] },
    )

    assertComplete({ t: 7, u: 4 }, targets)
    assert.deepEqual(sizes(targets), [4, 4, 3])
  })

  it('moves no more than a newcomer needs', () => {
    const before = assign('uniform', { t: 12 }, { a: ['t'], b: ['t'], c: ['t'] })

    const after = assign('uniform', { t: 12 }, { a: ['t'], b: ['t'], c: ['t'], d: ['t'] }, before)

    assert.deepEqual(sizes(after), [3, 3, 3, 3])
    assert.equal(moved(before, after), 3)
  })

  it('gives what a member leaves behind to the others, who keep theirs', () => {
    const { c: _, ...rest } = assign('uniform', { t: 12 }, { a: ['t'], b: ['t'], c: ['t'] })

    const after = assign('uniform', { t: 12 }, { a: ['t'], b: ['t'] }, rest)

    assertComplete({ t: 12 }, after)
    assert.deepEqual(sizes(after), [6, 6])
    assert.equal(moved(rest, after), 4)
  })

  it('leaves members without partitions when there are too few', () => {
    const targets = assign('uniform', { t: 2 }, { a: ['t'], b: ['t'], c: ['t'] })

    assert.deepEqual(sizes(targets), [1, 1, 0])
  })

  it('takes back topics that are gone or no longer wanted', () => {
    const before = { a: { t: [0, 1], gone: [0] }, b: { t: [2, 3] } }

    const after = assign('uniform', { t: 4 }, { a: ['t'], b: ['t'] }, before)

    assert.deepEqual(after, { a: { t: [0, 1] }, b: { t: [2, 3] } })
  })

  it('gives a partition that two members had to one of them', () => {
    const before = { a: { t: [0, 1] }, b: { t: [1] } }

    const after = assign('uniform', { t: 2 }, { a: ['t'], b: ['t'] }, before)

    assertComplete({ t: 2 }, after)
    assert.deepEqual(sizes(after), [1, 1])
  })

  it('is nearly even among members that want different topics', () => {
    const subscriptions = { a: ['t'], b: ['t', 'u'], c: ['u'], d: ['u'] }

    const targets = assign('uniform', { t: 4, u: 8 }, subscriptions)

    assertComplete({ t: 4, u: 8 }, targets)
    assert.ok(Math.max(...sizes(targets)) - Math.min(...sizes(targets)) <= 2, `${sizes(targets)}`)
    for (const [memberId, topics] of Object.entries(subscriptions)) {
      assert.ok(Object.keys(targets[memberId]!).every((topic) => topics.includes(topic)))
    }
  })

  it('moves no more than it must when subscriptions differ', () => {
    const subscriptions = { a: ['t', 'u'], b: ['t', 'u'], c: ['u'] }
    const before = assign('uniform', { t: 6, u: 6 }, subscriptions)

    const again = assign('uniform', { t: 6, u: 6 }, subscriptions, before)
    const after = assign('uniform', { t: 6, u: 6 }, { ...subscriptions, d: ['t'] }, before)

    assert.equal(moved(before, again), 0)
    assertComplete({ t: 6, u: 6 }, after)
    assert.ok(Math.max(...sizes(after)) - Math.min(...sizes(after)) <= 2, `${sizes(after)}`)
    assert.ok(moved(before, after) <= 4, `${moved(before, after)} moved`)
  })

  it('returns the same target where nothing changes', () => {
    const target: TopicPartitions = new Map([['t', [0]]])
    const member = { memberId: 'a', instanceId: null, target }
    for (const topicIds of [['t'], ['t', 'u']]) {
      const other = { ...member, memberId: 'b', topicIds: ['t'], target: new Map() }
      const members = topicIds.length === 1 ? [] : [other]
      const task = { members: [{ ...member, topicIds }, ...members], partitionsOf: () => 1 }

      const assignment = ASSIGNORS['uniform']!({
        ...task,
        partitionsOf: (topicId) => (topicId === 't' ? 1 : 0),
      })

      assert.equal(assignment.get('a'), target)
    }
  })
})

describe('range', () => {
  it('cuts each topic into ranges by the order of the members, the first one larger', () => {
    const targets = assign('range', { t: 5, u: 2 }, { b: ['t', 'u'], a: ['t', 'u'], c: ['t', 'u'] })

    assert.deepEqual(targets, {
      a: { t: [0, 1], u: [0] },
      b: { t: [2, 3], u: [1] },
      c: { t: [4] },
    })
  })

  it('counts only the subscribers of a topic', () => {
    const targets = assign('range', { t: 3, u: 2 }, { a: ['t'], b: ['t', 'u'], c: ['u'] })

    assert.deepEqual(targets, { a: { t: [0, 1] }, b: { t: [2], u: [0] }, c: { u: [1] } })
  })

  it('takes static members first, by their instance ids', () => {
    const member = { topicIds: ['t'], target: new Map() }
    const members = [
      { ...member, memberId: 'a', instanceId: null },
      { ...member, memberId: 'y', instanceId: 'i2' },
      { ...member, memberId: 'z', instanceId: 'i1' },
    ]

    const assignment = ASSIGNORS['range']!({ members, partitionsOf: () => 3 })

    assert.deepEqual(asTargets(assignment), { z: { t: [0] }, y: { t: [1] }, a: { t: [2] } })
  })
})

describe('the work of sharing 10,000 partitions among 1,000 members', () => {
  const topics = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`t${index}`, 100]))
  const names = Object.keys(topics)
  const memberIds = Array.from({ length: 1_000 }, (_, index) => `m${index}`)

  it('ends even and complete when all want the same', () => {
    const subscriptions = Object.fromEntries(memberIds.map((memberId) => [memberId, names]))

    const targets = assign('uniform', topics, subscriptions)

    assertComplete(topics, targets)
    assert.deepEqual(new Set(sizes(targets)), new Set([10]))
  })

  it('ends complete and nearly even when all want something else', () => {
    const subscriptions = Object.fromEntries(
      memberIds.map((memberId, index) => [memberId, names.filter((_, at) => (at + index) % 7 > 2)]),
    )

    const targets = assign('uniform', topics, subscriptions)

    assertComplete(topics, targets)
    assert.ok(Math.max(...sizes(targets)) - Math.min(...sizes(targets)) <= 2)
  })
})
