import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../wire/error-codes.ts'
import { protocol, Scenario } from './scenario.ts'

function stable(scenario: Scenario): [string, string] {
  const [a, b] = scenario.stableWith({ groupInstanceId: 'i1' }, { groupInstanceId: 'i2' })
  return [a!, b!]
}

describe('a static member that restarts', () => {
  it('gets a new member id and keeps generation, place and assignment', () => {
    const scenario = new Scenario()
    const [a, b] = stable(scenario)

    const token = scenario.join({ groupInstanceId: 'i2', newMemberId: 'b2' })

    const reply = scenario.joinReply(token)
    assert.equal(reply?.errorCode, ErrorCode.NONE)
    assert.equal(reply?.generationId, 2)
    assert.equal(reply?.memberId, 'b2')
    assert.equal(reply?.skipAssignment, false)
    assert.deepEqual([...(scenario.group?.members.keys() ?? [])], [a, 'b2'])
    const synced = scenario.sync({ memberId: 'b2', groupInstanceId: 'i2' })
    assert.equal(String(scenario.syncReply(synced)?.assignment), b)
  })

  it('is written under its new member id', () => {
    const scenario = new Scenario()
    const [a] = stable(scenario)

    scenario.join({ groupInstanceId: 'i2', newMemberId: 'b2' })

    const written = scenario.records.at(-1)
    assert.deepEqual([...(written?.members.keys() ?? [])], [a, 'b2'])
  })

  it('as the leader is told to skip the assignment, with all members', () => {
    const scenario = new Scenario()
    const [, b] = stable(scenario)

    const token = scenario.join({ groupInstanceId: 'i1', newMemberId: 'a2' })

    const reply = scenario.joinReply(token)
    assert.equal(reply?.leader, 'a2')
    assert.equal(reply?.skipAssignment, true)
    assert.deepEqual(
      reply?.members.map(({ memberId }) => memberId),
      ['a2', b],
    )
  })

  it('as the leader, before v9, is told that its old id leads, so that it does not assign', () => {
    const scenario = new Scenario()
    const [a] = stable(scenario)

    const request = { groupInstanceId: 'i1', newMemberId: 'a2', maySkipAssignment: false }
    const reply = scenario.joinReply(scenario.join(request))

    assert.equal(reply?.leader, a)
    assert.equal(reply?.skipAssignment, false)
    assert.deepEqual(reply?.members, [])
  })

  it('fences its old member id everywhere', () => {
    const scenario = new Scenario()
    const [a] = stable(scenario)
    scenario.join({ groupInstanceId: 'i1', newMemberId: 'a2' })

    const claim = { groupInstanceId: 'i1' }
    const { FENCED_INSTANCE_ID } = ErrorCode
    assert.equal(scenario.heartbeat(a, claim), FENCED_INSTANCE_ID)
    assert.equal(scenario.commit(a, claim), FENCED_INSTANCE_ID)
    const join = scenario.join({ memberId: a, ...claim })
    assert.equal(scenario.joinReply(join)?.errorCode, FENCED_INSTANCE_ID)
    const sync = scenario.sync({ memberId: a, ...claim })
    assert.equal(scenario.syncReply(sync)?.errorCode, FENCED_INSTANCE_ID)
    assert.equal(scenario.heartbeat(a), ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(scenario.heartbeat('a2', claim), ErrorCode.NONE)
  })

  it('ends the JoinGroup that its old self has waiting', () => {
    const scenario = new Scenario()
    const [a, b] = stable(scenario)
    const waiting = scenario.join({ memberId: a, groupInstanceId: 'i1' })

    const token = scenario.join({ groupInstanceId: 'i1', newMemberId: 'a2' })

    assert.equal(scenario.joinReply(waiting)?.errorCode, ErrorCode.FENCED_INSTANCE_ID)
    assert.equal(scenario.joinReply(token), undefined)
    scenario.join({ memberId: b, groupInstanceId: 'i2' })
    assert.equal(scenario.joinReply(token)?.errorCode, ErrorCode.NONE)
  })

  it('with another preference that changes the vote starts a rebalance', () => {
    const scenario = new Scenario()
    const protocols = [protocol('range', ''), protocol('sticky', '')]
    scenario.stableWith({ groupInstanceId: 'i1', protocols })

    const token = scenario.join({ groupInstanceId: 'i1', protocols: [...protocols].reverse() })

    assert.equal(scenario.joinReply(token)?.generationId, 2)
    assert.equal(scenario.joinReply(token)?.protocolName, 'sticky')
  })

  it('before the assignment is there starts a rebalance', () => {
    const scenario = new Scenario()
    const [a, b] = stable(scenario)
    scenario.join({ memberId: a, groupInstanceId: 'i1' })
    scenario.join({ memberId: b, groupInstanceId: 'i2' })
    const waiting = scenario.sync({ memberId: b, groupInstanceId: 'i2' })

    scenario.join({ groupInstanceId: 'i1', newMemberId: 'a2' })

    assert.equal(scenario.group?.state, 'PreparingRebalance')
    assert.equal(scenario.syncReply(waiting)?.errorCode, ErrorCode.REBALANCE_IN_PROGRESS)
  })

  it('finds its place in a full group', () => {
    const scenario = new Scenario({ maxMembers: 2 })
    stable(scenario)

    const token = scenario.join({ groupInstanceId: 'i1', newMemberId: 'a2' })

    assert.equal(scenario.joinReply(token)?.errorCode, ErrorCode.NONE)
  })

  it('after its session ran out is a newcomer', () => {
    const scenario = new Scenario()
    scenario.stableWith({ groupInstanceId: 'i1' })
    scenario.advance(10_000)
    assert.equal(scenario.group?.state, 'Empty')

    const token = scenario.join({ groupInstanceId: 'i1' })

    assert.equal(scenario.joinReply(token)?.generationId, 3)
  })
})
