import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../wire/error-codes.ts'
import { protocol, Scenario } from './scenario.ts'

describe('a rebalance', () => {
  it('ends when all members have rejoined', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({}, {})
    const newcomer = scenario.join({ newMemberId: 'c' })
    const tokens = [newcomer, scenario.join({ memberId: a! }), scenario.join({ memberId: b! })]

    const replies = tokens.map((token) => scenario.joinReply(token))

    assert.deepEqual(
      replies.map((reply) => [reply?.generationId, reply?.leader, reply?.members.length]),
      [
        [3, a, 0],
        [3, a, 3],
        [3, a, 0],
      ],
    )
  })

  it('leaves behind who did not rejoin within the longest rebalance timeout', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({ rebalanceTimeoutMs: 5_000 }, { rebalanceTimeoutMs: 8_000 })
    const waiting = scenario.join({ memberId: b!, protocols: [protocol('range', 'new')] })

    scenario.advance(7_999)
    assert.equal(scenario.joinReply(waiting), undefined)
    scenario.advance(1)

    assert.equal(scenario.joinReply(waiting)?.leader, b)
    assert.equal(scenario.group?.members.has(a!), false)
  })

  it('keeps static members that missed it, with another leader if need be', () => {
    const scenario = new Scenario()
    const [, b] = scenario.stableWith(
      { groupInstanceId: 'i', sessionTimeoutMs: 600_000 },
      { sessionTimeoutMs: 600_000 },
    )
    const waiting = scenario.join({ memberId: b!, protocols: [protocol('range', 'new')] })

    scenario.advance(60_000)

    assert.equal(scenario.joinReply(waiting)?.leader, b)
    assert.equal(scenario.joinReply(waiting)?.members.length, 2)
  })

  it('that nobody came to is tried again until sessions run out', () => {
    const scenario = new Scenario()
    const [, b] = scenario.stableWith(
      { groupInstanceId: 'i', sessionTimeoutMs: 100_000, rebalanceTimeoutMs: 30_000 },
      { rebalanceTimeoutMs: 30_000 },
    )
    scenario.leave(b!)

    scenario.advance(40_000)
    assert.equal(scenario.group?.state, 'PreparingRebalance')
    assert.equal(scenario.group?.members.size, 1)
    scenario.advance(60_000)

    assert.equal(scenario.group?.state, 'Empty')
    assert.equal(scenario.timers.size, 0)
  })

  it('takes the protocol with the most votes among those that all support', () => {
    const scenario = new Scenario({ initialRebalanceDelayMs: 1_000 })
    const only = (...names: string[]) => names.map((name) => protocol(name, name))
    const token = scenario.join({ protocols: only('x', 'range', 'sticky') })
    scenario.join({ protocols: only('sticky', 'range') })
    scenario.join({ protocols: only('sticky', 'range', 'y') })

    scenario.advance(5_000)

    assert.equal(scenario.joinReply(token)?.protocolName, 'sticky')
    assert.deepEqual(
      scenario.joinReply(token)?.members.map(({ metadata }) => String(metadata)),
      ['sticky', 'sticky', 'sticky'],
    )
  })
})

describe('the first rebalance of an empty group', () => {
  it('waits, and longer with each newcomer', () => {
    const scenario = new Scenario({ initialRebalanceDelayMs: 3_000 })
    const first = scenario.join()
    scenario.advance(2_999)
    scenario.join()
    scenario.advance(3_000)
    assert.equal(scenario.joinReply(first), undefined)

    scenario.advance(1)

    assert.equal(scenario.joinReply(first)?.members.length, 2)
    assert.equal(scenario.group?.generationId, 1)
  })

  it('waits no longer than the rebalance timeout', () => {
    const scenario = new Scenario({ initialRebalanceDelayMs: 3_000 })
    const first = scenario.join({ rebalanceTimeoutMs: 7_000 })
    for (let elapsedMs = 0; elapsedMs < 7_000; elapsedMs += 500) {
      assert.equal(scenario.joinReply(first), undefined, `after ${elapsedMs} ms`)
      scenario.join({ rebalanceTimeoutMs: 7_000 })
      scenario.advance(500)
    }

    assert.equal(scenario.joinReply(first)?.errorCode, ErrorCode.NONE)
  })

  it('is over when everybody has left again', () => {
    const scenario = new Scenario({ initialRebalanceDelayMs: 3_000 })
    scenario.join({ newMemberId: 'a' })
    scenario.leave('a')

    scenario.advance(3_000)

    assert.equal(scenario.group?.state, 'Empty')
  })
})

describe('the assignment', () => {
  it('of the leader reaches who waited and who comes later, and is written once', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({}, {})
    scenario.join({ memberId: a! })
    scenario.join({ memberId: b! })
    const records = scenario.records.length
    const waited = scenario.sync({ memberId: b! })
    assert.equal(scenario.syncReply(waited), undefined)

    const leader = scenario.syncLeader()
    const later = scenario.sync({ memberId: b! })

    assert.equal(String(scenario.syncReply(waited)?.assignment), b)
    assert.equal(String(scenario.syncReply(leader)?.assignment), a)
    assert.equal(String(scenario.syncReply(later)?.assignment), b)
    assert.equal(scenario.records.length, records + 1)
    assert.equal(scenario.group?.state, 'Stable')
  })

  it('is empty for a member that the leader forgot', () => {
    const scenario = new Scenario()
    scenario.join({ newMemberId: 'a' })

    const token = scenario.sync({ memberId: 'a' })

    assert.equal(scenario.syncReply(token)?.assignment.length, 0)
  })

  it('has to be fetched within the rebalance timeout', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({}, { rebalanceTimeoutMs: 30_000 })
    scenario.join({ memberId: a!, sessionTimeoutMs: 1_000_000 })
    scenario.join({ memberId: b!, sessionTimeoutMs: 1_000_000 })
    scenario.syncLeader()

    scenario.advance(60_000)

    assert.equal(scenario.group?.members.has(b!), false)
    assert.equal(scenario.group?.state, 'PreparingRebalance')
  })

  it('that the leader never sends costs it its place', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({}, {})
    scenario.join({ memberId: a!, sessionTimeoutMs: 1_000_000 })
    scenario.join({ memberId: b!, sessionTimeoutMs: 1_000_000 })
    const waiting = scenario.sync({ memberId: b! })

    scenario.advance(60_000)

    assert.equal(scenario.syncReply(waiting)?.errorCode, ErrorCode.REBALANCE_IN_PROGRESS)
    assert.equal(scenario.group?.members.has(a!), false)
  })

  it('is refused to who asks with something wrong', () => {
    const scenario = new Scenario()
    const [a] = scenario.stableWith({ groupInstanceId: 'i' })
    const codeOf = (token: number) => scenario.syncReply(token)?.errorCode

    const { ILLEGAL_GENERATION, UNKNOWN_MEMBER_ID } = ErrorCode
    const { FENCED_INSTANCE_ID, INCONSISTENT_GROUP_PROTOCOL } = ErrorCode
    const ghost = scenario.sync({ memberId: 'ghost' })
    assert.equal(codeOf(ghost), UNKNOWN_MEMBER_ID)
    assert.equal(codeOf(scenario.sync({ memberId: a!, generationId: 7 })), ILLEGAL_GENERATION)
    const other = scenario.sync({ memberId: 'x', groupInstanceId: 'i' })
    assert.equal(codeOf(other), FENCED_INSTANCE_ID)
    const type = scenario.sync({ memberId: a!, protocolType: 'connect' })
    assert.equal(codeOf(type), INCONSISTENT_GROUP_PROTOCOL)
    const name = scenario.sync({ memberId: a!, protocolName: 'sticky' })
    assert.equal(codeOf(name), INCONSISTENT_GROUP_PROTOCOL)
    const nowhere = new Scenario()
    const lost = nowhere.sync({ memberId: 'a' })
    assert.equal(nowhere.syncReply(lost)?.errorCode, UNKNOWN_MEMBER_ID)
  })

  it('has to wait while members rejoin', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({}, {})
    scenario.join({ memberId: a! })

    const token = scenario.sync({ memberId: b! })

    assert.equal(scenario.syncReply(token)?.errorCode, ErrorCode.REBALANCE_IN_PROGRESS)
  })
})
