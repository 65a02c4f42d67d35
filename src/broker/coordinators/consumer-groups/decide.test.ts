// What the story told to a real Kafka does not reach: timers, restarts, clocks, and records that
// contradict each other (server/handlers/consumer-group-story.ts tells the rest).
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../wire/error-codes.ts'
import type { HeartbeatReply } from './input.ts'
import { assignmentOf } from './members.ts'
import { keyOf } from './records.ts'
import { Scenario } from './scenario.ts'
import type { TopicPartitionList } from './topic-partitions.ts'

/** Two members: `a` has all four partitions and is told to give up two, which `b` waits for. */
function revoking(settings = {}) {
  const scenario = new Scenario(settings)
  scenario.topics.set('t', 4)
  const all = scenario.join('a', ['t']).assignment!
  scenario.join('b', ['t'])
  const told = scenario.heartbeat({ memberId: 'a', memberEpoch: 2, topicPartitions: all })
  return { scenario, all, kept: told.assignment! }
}

function partitions(list: TopicPartitionList | null): readonly number[] {
  return (list ?? []).flatMap((topic) => topic.partitions)
}

function goOn(scenario: Scenario, memberId: string, owned: TopicPartitionList): HeartbeatReply {
  const { memberEpoch } = scenario.group.members.get(memberId)!
  return scenario.heartbeat({ memberId, memberEpoch, topicPartitions: owned })
}

describe('a member that never confirms revocation', () => {
  it('keeps its partitions until its rebalance timeout, and nobody else gets them', () => {
    const { scenario, all } = revoking()

    for (let beat = 0; beat < 5; beat++) {
      scenario.advance(5_000)
      goOn(scenario, 'a', all)
      assert.deepEqual(partitions(goOn(scenario, 'b', []).assignment), [])
    }

    assert.equal(scenario.group.members.get('a')?.state, 'unrevoked')
    assert.deepEqual(scenario.expired, [])
  })

  it('is put out after its rebalance timeout, and the other one gets all', () => {
    const { scenario, all } = revoking()
    for (let beat = 0; beat < 5; beat++) {
      scenario.advance(5_000)
      goOn(scenario, 'a', all)
      goOn(scenario, 'b', [])
    }

    scenario.advance(5_001)

    assert.deepEqual(scenario.expired, ['a'])
    assert.deepEqual(partitions(goOn(scenario, 'b', []).assignment), [0, 1, 2, 3])
    const late = scenario.heartbeat({ memberId: 'a', memberEpoch: 2, topicPartitions: all })
    assert.equal(late.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  })

  it('has its whole timeout again after a restart', () => {
    const { scenario, all } = revoking()
    scenario.advance(29_000)
    goOn(scenario, 'a', all)

    scenario.restart()

    scenario.advance(29_000)
    assert.deepEqual(scenario.expired, [])
    goOn(scenario, 'a', all)
    scenario.advance(1_001)
    assert.deepEqual(scenario.expired, ['a'])
  })

  it('is not put out once it has confirmed', () => {
    const { scenario, kept } = revoking()
    goOn(scenario, 'a', kept)

    scenario.advance(44_000)

    assert.deepEqual(scenario.expired, [])
  })
})

describe('a session', () => {
  it('ends when nothing is heard of the member, whose partitions go to the others', () => {
    const { scenario, kept } = revoking()
    goOn(scenario, 'a', kept)
    scenario.advance(40_000)
    goOn(scenario, 'b', [])

    scenario.advance(5_001)

    assert.deepEqual(scenario.expired, ['a'])
    assert.deepEqual(partitions(goOn(scenario, 'b', []).assignment), [0, 1, 2, 3])
  })

  it('of a static member that left for a while ends as well', () => {
    const scenario = new Scenario()
    scenario.topics.set('t', 2)
    scenario.join('a', ['t'], { instanceId: 'i' })
    scenario.heartbeat({ memberId: 'a', memberEpoch: -2, instanceId: 'i' })
    assert.equal(scenario.group.members.size, 1)

    scenario.advance(45_000)

    assert.equal(scenario.group.state, 'Empty')
  })
})

describe('a restart', () => {
  it('keeps epochs, targets and what members have in hand, and members go on', () => {
    const { scenario, kept } = revoking()
    goOn(scenario, 'a', kept)
    const taken = goOn(scenario, 'b', []).assignment!
    const before = { ...scenario.group.members.get('a')! }

    scenario.restart()

    assert.deepEqual(scenario.group.members.get('a'), before)
    assert.equal(scenario.group.state, 'Stable')
    for (const [memberId, owned] of [
      ['a', kept],
      ['b', taken],
    ] as const) {
      const reply = goOn(scenario, memberId, owned)
      assert.deepEqual([reply.errorCode, reply.memberEpoch, reply.assignment], [0, 3, null])
    }
  })

  it('puts members out whose records claim the same partition', () => {
    const scenario = new Scenario()
    scenario.topics.set('t', 2)
    scenario.join('a', ['t'])
    const key = { groupId: scenario.group.groupId, memberId: 'b' }
    const value = assignmentOf(scenario.group.members.get('a')!)
    const current = { kind: 'consumer-member-assignment', ...key, value } as const
    scenario.written.set(keyOf(current), current)

    scenario.restart()

    assert.equal(scenario.group.members.size, 0)
    assert.equal(scenario.join('a', ['t']).errorCode, ErrorCode.NONE)
  })
})

describe('a new target', () => {
  it('waits for the assignment interval', () => {
    const scenario = new Scenario({ assignmentIntervalMs: 1_000 })
    scenario.topics.set('t', 2)
    scenario.join('a', ['t'])

    const early = scenario.join('b', ['t'])

    assert.deepEqual([early.memberEpoch, scenario.group.state], [2, 'Assigning'])
    scenario.advance(1_000)
    assert.equal(goOn(scenario, 'b', []).memberEpoch, 3)
  })

  it('does not wait for a clock that was set back', () => {
    const scenario = new Scenario({ assignmentIntervalMs: 1_000 })
    scenario.topics.set('t', 2)
    scenario.join('a', ['t'])
    scenario.nowMs -= 3_600_000

    assert.equal(scenario.join('b', ['t']).memberEpoch, 3)
  })

  it('comes when a topic that an expression matches is made, and when it goes', () => {
    const scenario = new Scenario()
    scenario.topics.set('orders-eu', 1)
    const pattern = { subscribedTopicNames: null, subscribedTopicRegex: 'orders-.*' }
    const first = scenario.join('a', [], pattern).assignment!
    assert.deepEqual(first, [{ topicId: 'ORDERS-EU1', partitions: [0] }])

    scenario.topics.set('orders-us', 1)
    scenario.topics.set('payments', 1)
    const both = goOn(scenario, 'a', first).assignment!
    scenario.topics.remove('orders-eu')
    const last = goOn(scenario, 'a', both).assignment

    assert.deepEqual(both.map(({ topicId }) => topicId).sort(), ['ORDERS-EU1', 'ORDERS-US2'])
    assert.deepEqual(last, [{ topicId: 'ORDERS-US2', partitions: [0] }])
  })

  it('forgets an expression with its last subscriber', () => {
    const scenario = new Scenario()
    scenario.topics.set('t', 1)
    const pattern = { subscribedTopicNames: null, subscribedTopicRegex: 't' }
    scenario.join('a', [], pattern)
    scenario.join('b', [], pattern)

    scenario.heartbeat({ memberId: 'a', memberEpoch: -1 })
    assert.equal(scenario.group.regexes.size, 1)
    scenario.heartbeat({ memberId: 'b', memberEpoch: -1 })

    assert.equal(scenario.group.regexes.size, 0)
    assert.equal(scenario.group.subscribedTopics.size, 0)
  })
})

describe('a member that was fenced', () => {
  it('comes back with epoch 0 under its own id, and is told what it has', () => {
    const { scenario, kept } = revoking()
    goOn(scenario, 'a', kept)
    scenario.topics.set('t', 6)
    const { assignment } = goOn(scenario, 'a', kept)
    const late = scenario.heartbeat({ memberId: 'a', memberEpoch: 2, topicPartitions: kept })
    assert.equal(late.errorCode, ErrorCode.FENCED_MEMBER_EPOCH)

    const back = scenario.join('a', ['t'])

    assert.equal(back.errorCode, ErrorCode.NONE)
    assert.equal(back.memberEpoch, 4)
    assert.deepEqual(back.assignment, assignment)
  })

  it('has given up by coming back what it was to give up', () => {
    const { scenario } = revoking()
    goOn(scenario, 'b', [])
    scenario.topics.set('t', 5)
    goOn(scenario, 'b', [])

    const back = scenario.join('a', ['t'])

    assert.equal(back.errorCode, ErrorCode.NONE)
    assert.equal(scenario.group.members.get('a')?.pendingRevocation.size, 0)
    goOn(scenario, 'b', [])
    assert.equal(scenario.group.state, 'Stable')
  })
})

describe('a join is refused', () => {
  it('with an expression that cannot be read, and the group stays as it was', () => {
    const scenario = new Scenario()

    const reply = scenario.join('a', [], { subscribedTopicRegex: 'bad(' })

    assert.equal(reply.errorCode, ErrorCode.INVALID_REGULAR_EXPRESSION)
    assert.equal(scenario.written.size, 0)
  })

  it('when the group is full, but not for a static member that comes back', () => {
    const scenario = new Scenario({ maxMembers: 1 })
    scenario.topics.set('t', 1)
    scenario.join('a', ['t'], { instanceId: 'i' })

    const stranger = scenario.join('x', ['t'])
    scenario.heartbeat({ memberId: 'a', memberEpoch: -2, instanceId: 'i' })
    const back = scenario.join('b', ['t'], { instanceId: 'i' })

    assert.equal(stranger.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
    assert.equal(back.errorCode, ErrorCode.NONE)
    assert.deepEqual(partitions(back.assignment), [0])
  })
})
