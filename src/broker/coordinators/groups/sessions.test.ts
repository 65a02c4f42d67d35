import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../wire/error-codes.ts'
import { protocol, Scenario } from './scenario.ts'

type Setup = (scenario: Scenario) => string

/** Every state with a member `a` that has joined it. */
const states: Record<string, Setup> = {
  Stable: (scenario) => scenario.stableWith({}, {})[0]!,
  PreparingRebalance: (scenario) => {
    const [a, b] = scenario.stableWith({}, {})
    scenario.join({ memberId: b!, protocols: [protocol('range', 'new')] })
    return a!
  },
  CompletingRebalance: (scenario) => {
    scenario.join({ newMemberId: 'a' })
    return 'a'
  },
}

describe('heartbeat and commit', () => {
  const answers: [keyof typeof states, heartbeat: ErrorCode, commit: ErrorCode][] = [
    ['Stable', ErrorCode.NONE, ErrorCode.NONE],
    ['PreparingRebalance', ErrorCode.REBALANCE_IN_PROGRESS, ErrorCode.NONE],
    ['CompletingRebalance', ErrorCode.NONE, ErrorCode.REBALANCE_IN_PROGRESS],
  ]
  for (const [state, heartbeat, commit] of answers) {
    it(`in ${state} are answered as Kafka does`, () => {
      const scenario = new Scenario()
      const member = states[state]!(scenario)
      assert.equal(scenario.group?.state, state)

      assert.equal(scenario.heartbeat(member), heartbeat)
      assert.equal(scenario.commit(member), commit)
    })

    it(`in ${state} are refused to strangers and other generations`, () => {
      const scenario = new Scenario()
      const member = states[state]!(scenario)

      assert.equal(scenario.heartbeat('ghost'), ErrorCode.UNKNOWN_MEMBER_ID)
      assert.equal(scenario.commit('ghost'), ErrorCode.UNKNOWN_MEMBER_ID)
      for (const generationId of [0, 17]) {
        assert.equal(scenario.heartbeat(member, { generationId }), ErrorCode.ILLEGAL_GENERATION)
        assert.equal(scenario.commit(member, { generationId }), ErrorCode.ILLEGAL_GENERATION)
      }
      assert.equal(scenario.commit('', { generationId: -1 }), ErrorCode.UNKNOWN_MEMBER_ID)
    })
  }

  for (const state of Object.keys(states)) {
    it(`a commit within a transaction in ${state} need not name its member, but must name it right`, () => {
      const scenario = new Scenario()
      const member = states[state]!(scenario)
      const commit = (memberId: string, generationId?: number) =>
        scenario.commit(memberId, {
          isTransactional: true,
          ...(generationId !== undefined && { generationId }),
        })

      // KIP-447: older clients do not say who they are.
      assert.equal(commit('', -1), ErrorCode.NONE)
      assert.equal(commit(member), ErrorCode.NONE)
      assert.equal(commit(member, 17), ErrorCode.ILLEGAL_GENERATION)
      assert.equal(commit('ghost'), ErrorCode.UNKNOWN_MEMBER_ID)
    })
  }

  it('in an empty group only a commit without generation is taken', () => {
    const scenario = new Scenario()
    const [a] = scenario.stableWith({})
    scenario.leave(a!)

    assert.equal(scenario.heartbeat(a!), ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(scenario.commit(a!), ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(scenario.commit('', { generationId: -1 }), ErrorCode.NONE)
  })

  it('a commit without generation makes a simple group', () => {
    const scenario = new Scenario()

    assert.equal(scenario.commit('', { generationId: -1 }), ErrorCode.NONE)

    assert.equal(scenario.group?.state, 'Empty')
    assert.equal(scenario.group?.protocolType, null)
    assert.deepEqual(scenario.records, [])
  })

  it('a commit of a generation needs its group, and older clients hear it in their words', () => {
    const scenario = new Scenario()

    const claim = { generationId: 3 }
    assert.equal(scenario.commit('a', claim), ErrorCode.GROUP_ID_NOT_FOUND)
    const older = { ...claim, knowsGroupIdNotFound: false }
    assert.equal(scenario.commit('a', older), ErrorCode.ILLEGAL_GENERATION)
    assert.equal(scenario.heartbeat('a'), ErrorCode.UNKNOWN_MEMBER_ID)
  })
})

describe('a session', () => {
  it('that runs out takes the member out and makes the others rebalance', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({}, { sessionTimeoutMs: 20_000 })

    scenario.advance(10_000)

    assert.equal(scenario.group?.members.has(a!), false)
    assert.equal(scenario.group?.leaderId, b)
    assert.equal(scenario.group?.state, 'PreparingRebalance')
  })

  it('begins anew with every heartbeat and commit', () => {
    const scenario = new Scenario()
    const [a] = scenario.stableWith({})
    for (let round = 0; round < 5; round++) {
      scenario.advance(9_999)
      const code = round % 2 === 0 ? scenario.heartbeat(a!) : scenario.commit(a!)
      assert.equal(code, ErrorCode.NONE)
    }

    scenario.advance(10_000)

    assert.equal(scenario.group?.members.size, 0)
  })

  it('does not run while the member waits for the others', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({}, { sessionTimeoutMs: 50_000 })
    const waiting = scenario.join({ memberId: a! })

    scenario.advance(40_000)
    assert.equal(scenario.joinReply(waiting), undefined)
    scenario.join({ memberId: b! })

    assert.equal(scenario.joinReply(waiting)?.errorCode, ErrorCode.NONE)
    assert.equal(scenario.timers.has(`session ${a}`), true)
  })

  it('that ran out while the member waited for its assignment begins anew with it', () => {
    const scenario = new Scenario()
    const [a, b] = scenario.stableWith({ sessionTimeoutMs: 50_000 }, {})
    scenario.join({ memberId: a! })
    scenario.join({ memberId: b! })
    const waiting = scenario.sync({ memberId: b! })
    scenario.advance(20_000)
    assert.equal(scenario.timers.has(`session ${b}`), false)

    scenario.syncLeader()
    assert.equal(scenario.syncReply(waiting)?.errorCode, ErrorCode.NONE)
    scenario.advance(10_000)

    assert.equal(scenario.group?.members.has(b!), false)
  })

  it('of a new member that waits ends after five minutes', () => {
    const scenario = new Scenario()
    const old = { sessionTimeoutMs: 1_800_000, rebalanceTimeoutMs: 1_800_000 }
    scenario.stableWith(old)
    const waiting = scenario.join({ newMemberId: 'late' })

    scenario.advance(299_999)
    assert.equal(scenario.joinReply(waiting), undefined)
    scenario.advance(1)

    assert.equal(scenario.joinReply(waiting)?.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
  })

  it('is fresh for every member of a group that was loaded', () => {
    const before = new Scenario()
    before.stableWith({}, {})

    const scenario = new Scenario({}, before.group)
    scenario.apply({ kind: 'loaded' })

    assert.deepEqual(
      [...scenario.timers.values()].map(({ deadlineMs }) => deadlineMs - scenario.nowMs),
      [10_000, 10_000],
    )
  })

  it('of a group that was loaded and is too large begins with a rebalance', () => {
    const before = new Scenario()
    const [a, b] = before.stableWith({}, {})

    const scenario = new Scenario({ maxMembers: 1 }, before.group)
    scenario.apply({ kind: 'loaded' })
    const second = scenario.join({ memberId: b! })
    const first = scenario.join({ memberId: a! })

    assert.equal(scenario.joinReply(first)?.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
    assert.equal(scenario.joinReply(second)?.errorCode, ErrorCode.NONE)
    assert.deepEqual([...(scenario.group?.members.keys() ?? [])], [b])
  })
})
