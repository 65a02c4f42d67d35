import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../wire/error-codes.ts'
import type { JoinRequest } from './input.ts'
import { protocol, Scenario } from './scenario.ts'

describe('joining', () => {
  it('the first member leads a generation of its own at once', () => {
    const scenario = new Scenario()

    const reply = scenario.joinReply(scenario.join({ newMemberId: 'a' }))

    assert.equal(reply?.errorCode, ErrorCode.NONE)
    assert.equal(reply?.generationId, 1)
    assert.equal(reply?.leader, 'a')
    assert.deepEqual(
      reply?.members.map(({ memberId, metadata }) => [memberId, String(metadata)]),
      [['a', 'a']],
    )
    assert.equal(scenario.group?.state, 'CompletingRebalance')
  })

  it('a client without an id gets one to come back with from v4 on', () => {
    const scenario = new Scenario()

    const first = scenario.joinReply(scenario.join({ requiresMemberId: true, newMemberId: 'a' }))
    assert.equal(first?.errorCode, ErrorCode.MEMBER_ID_REQUIRED)
    assert.equal(first?.memberId, 'a')
    assert.equal(scenario.group?.members.size, 0)

    const second = scenario.joinReply(scenario.join({ requiresMemberId: true, memberId: 'a' }))
    assert.equal(second?.errorCode, ErrorCode.NONE)
    assert.deepEqual([...(scenario.group?.members.keys() ?? [])], ['a'])
    assert.equal(scenario.group?.pendingMembers.size, 0)
  })

  it('an id that was handed out is forgotten after the session timeout', () => {
    const scenario = new Scenario()
    scenario.join({ requiresMemberId: true, newMemberId: 'a', sessionTimeoutMs: 10_000 })

    scenario.advance(10_000)

    const late = scenario.joinReply(scenario.join({ memberId: 'a' }))
    assert.equal(late?.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  })

  it('a pending id is not for a static member', () => {
    const scenario = new Scenario()
    scenario.join({ requiresMemberId: true, newMemberId: 'a' })

    const reply = scenario.joinReply(scenario.join({ memberId: 'a', groupInstanceId: 'i' }))

    assert.equal(reply?.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  })

  it('a rebalance waits for a member that was given an id', () => {
    const scenario = new Scenario()
    const [a] = scenario.stableWith({})
    scenario.join({ requiresMemberId: true, newMemberId: 'b' })
    const rejoining = scenario.join({ memberId: a!, protocols: [protocol('range', 'changed')] })
    assert.equal(scenario.joinReply(rejoining), undefined)

    scenario.join({ memberId: 'b' })

    assert.equal(scenario.joinReply(rejoining)?.generationId, 2)
    assert.equal(scenario.joinReply(rejoining)?.members.length, 2)
  })

  const refusals: [string, Partial<JoinRequest>, ErrorCode][] = [
    ['an unknown member id', { memberId: 'ghost' }, ErrorCode.UNKNOWN_MEMBER_ID],
    ['another protocol type', { protocolType: 'connect' }, ErrorCode.INCONSISTENT_GROUP_PROTOCOL],
    [
      'no protocol in common',
      { protocols: [protocol('sticky', '')] },
      ErrorCode.INCONSISTENT_GROUP_PROTOCOL,
    ],
    ['no protocol at all', { protocols: [] }, ErrorCode.INCONSISTENT_GROUP_PROTOCOL],
    ['too short a session', { sessionTimeoutMs: 5_999 }, ErrorCode.INVALID_SESSION_TIMEOUT],
    ['too long a session', { sessionTimeoutMs: 1_800_001 }, ErrorCode.INVALID_SESSION_TIMEOUT],
    ['an unknown instance', { memberId: 'x', groupInstanceId: 'i' }, ErrorCode.UNKNOWN_MEMBER_ID],
  ]
  for (const [what, request, errorCode] of refusals) {
    it(`${what} is refused and changes nothing`, () => {
      const scenario = new Scenario()
      scenario.stableWith({})
      const before = scenario.group

      const reply = scenario.joinReply(scenario.join(request))

      assert.equal(reply?.errorCode, errorCode)
      assert.deepEqual(scenario.group, before)
    })
  }

  it('a group that does not exist has no members to rejoin', () => {
    const scenario = new Scenario()

    const reply = scenario.joinReply(scenario.join({ memberId: 'a' }))

    assert.equal(reply?.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(scenario.group, undefined)
  })

  it('an empty group needs a protocol type and a protocol', () => {
    for (const request of [{ protocolType: '' }, { protocols: [] }]) {
      const reply = new Scenario()
      const token = reply.join(request)
      assert.equal(reply.joinReply(token)?.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
    }
  })

  it('the limit on members refuses the one too many and keeps the others', () => {
    const scenario = new Scenario({ maxMembers: 2 })
    scenario.stableWith({}, {})

    const reply = scenario.joinReply(scenario.join())

    assert.equal(reply?.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
    assert.equal(scenario.group?.members.size, 2)
    assert.equal(scenario.group?.state, 'Stable')
  })

  it('ids that were handed out are bounded by the limit on members', () => {
    const scenario = new Scenario({ maxMembers: 2 })
    scenario.join({ requiresMemberId: true })
    scenario.join({ requiresMemberId: true })

    const reply = scenario.joinReply(scenario.join({ requiresMemberId: true }))

    assert.equal(reply?.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
  })

  it('a second JoinGroup of a waiting member takes the place of the first', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({}, {})
    const first = scenario.join({ memberId: a! })

    const second = scenario.join({ memberId: a! })

    assert.equal(scenario.joinReply(first)?.errorCode, ErrorCode.REBALANCE_IN_PROGRESS)
    scenario.join({ memberId: b! })
    assert.equal(scenario.joinReply(second)?.errorCode, ErrorCode.NONE)
  })
})

describe('a member that joins again', () => {
  it('as a follower without news keeps the generation', () => {
    const scenario = new Scenario()
    const [, follower] = scenario.stableWith({}, {})

    const reply = scenario.joinReply(scenario.join({ memberId: follower! }))

    assert.equal(reply?.generationId, 2)
    assert.deepEqual(reply?.members, [])
    assert.equal(scenario.group?.state, 'Stable')
  })

  it('as the leader asks for a rebalance', () => {
    const scenario = new Scenario()
    const [leader] = scenario.stableWith({}, {})

    const token = scenario.join({ memberId: leader! })

    assert.equal(scenario.joinReply(token), undefined)
    assert.equal(scenario.group?.state, 'PreparingRebalance')
  })

  it('with other metadata asks for a rebalance', () => {
    const scenario = new Scenario()
    const [, follower] = scenario.stableWith({}, {})

    scenario.join({ memberId: follower!, protocols: [protocol('range', 'other')] })

    assert.equal(scenario.group?.state, 'PreparingRebalance')
  })

  it('before the assignment is there hears the same again, the leader with all members', () => {
    const scenario = new Scenario()
    const token = scenario.join({ newMemberId: 'a' })

    const again = scenario.joinReply(scenario.join({ memberId: 'a' }))

    assert.deepEqual(again, scenario.joinReply(token))
    assert.equal(again?.members.length, 1)
  })

  it('before the assignment is there, with other metadata, sends the others back to join', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({}, {})
    scenario.join({ memberId: a! })
    scenario.join({ memberId: b! })
    const waiting = scenario.sync({ memberId: b! })

    scenario.join({ memberId: a!, protocols: [protocol('range', 'other')] })

    assert.equal(scenario.syncReply(waiting)?.errorCode, ErrorCode.REBALANCE_IN_PROGRESS)
    assert.equal(scenario.group?.state, 'PreparingRebalance')
  })
})

describe('leaving', () => {
  it('makes the others rebalance', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({}, {})

    const reply = scenario.leave(a!)

    assert.deepEqual(reply.members, [
      { memberId: a, groupInstanceId: null, errorCode: ErrorCode.NONE },
    ])
    assert.equal(scenario.group?.state, 'PreparingRebalance')
    assert.equal(scenario.group?.leaderId, b)
  })

  it('of the last member empties the group and writes it', () => {
    const scenario = new Scenario()
    const [a] = scenario.stableWith({})

    scenario.leave(a!)

    assert.equal(scenario.group?.state, 'Empty')
    assert.equal(scenario.group?.generationId, 2)
    assert.equal(scenario.group?.protocolName, null)
    assert.equal(scenario.group?.protocolType, 'consumer')
    assert.deepEqual(scenario.records.at(-1), scenario.group)
    assert.equal(scenario.timers.size, 0)
  })

  it('by an operator names the instance only', () => {
    const scenario = new Scenario()
    scenario.stableWith({ groupInstanceId: 'i' }, {})

    const reply = scenario.leave(
      { memberId: '', groupInstanceId: 'i' },
      { memberId: '', groupInstanceId: 'nobody' },
      { memberId: 'ghost', groupInstanceId: null },
    )

    const codes = reply.members.map(({ errorCode }) => errorCode)
    const { NONE, UNKNOWN_MEMBER_ID } = ErrorCode
    assert.deepEqual(codes, [NONE, UNKNOWN_MEMBER_ID, UNKNOWN_MEMBER_ID])
    assert.equal(scenario.group?.members.size, 1)
  })

  it('with a member id that the instance has lost is fenced', () => {
    const scenario = new Scenario()
    const [a] = scenario.stableWith({ groupInstanceId: 'i' })
    scenario.join({ groupInstanceId: 'i' })

    const reply = scenario.leave({ memberId: a!, groupInstanceId: 'i' })

    assert.equal(reply.members[0]?.errorCode, ErrorCode.FENCED_INSTANCE_ID)
  })

  it('of a pending member disturbs nobody in a stable group', () => {
    const scenario = new Scenario()
    scenario.stableWith({})
    scenario.join({ requiresMemberId: true, newMemberId: 'p' })

    const reply = scenario.leave('p')

    assert.equal(reply.members[0]?.errorCode, ErrorCode.NONE)
    assert.equal(scenario.group?.state, 'Stable')
  })

  it('during a rebalance lets those that came go on', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({}, {})
    const waiting = scenario.join({ memberId: a! })

    scenario.leave(b!)

    assert.equal(scenario.joinReply(waiting)?.generationId, 3)
  })

  it('ends a JoinGroup that waits, so that the client starts anew if it lives', () => {
    const scenario = new Scenario()
    const [a] = scenario.stableWith({}, {})
    const waiting = scenario.join({ memberId: a! })

    scenario.leave(a!)

    assert.equal(scenario.joinReply(waiting)?.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  })

  it('a group that does not exist has nobody to leave it', () => {
    const reply = new Scenario().leave('a')

    assert.equal(reply.errorCode, ErrorCode.NONE)
    assert.equal(reply.members[0]?.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  })
})

describe('deleting', () => {
  it('needs an empty group', () => {
    const scenario = new Scenario()
    assert.equal(scenario.delete(), ErrorCode.GROUP_ID_NOT_FOUND)
    const [a] = scenario.stableWith({})
    assert.equal(scenario.delete(), ErrorCode.NON_EMPTY_GROUP)

    scenario.leave(a!)

    assert.equal(scenario.delete(), ErrorCode.NONE)
    assert.equal(scenario.group, undefined)
    assert.equal(scenario.records.at(-1), null)
  })
})
