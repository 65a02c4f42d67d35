// Thousands of random histories of one group: clients that behave and clients that don't, timeouts,
// crashes with replay of what was written. After each step the invariants hold; when everything has
// gone quiet nobody waits. A failure prints its seed: SEED=n node --test <this file>

import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../../wire/error-codes.ts'
import type { Group, Member } from './group.ts'
import { groupFrom, metadataOf } from './group-metadata.ts'
import type { GroupSettings } from './input.ts'
import { suitsEveryMember } from './protocol-vote.ts'
import { decodeRecord, encodeRecord } from './records.ts'
import { GROUP_ID, protocol, Scenario } from './scenario.ts'

const HISTORIES = 1_000
const STEPS = 120

/** mulberry32: small, seeded, good enough to shuffle with. */
function randomFrom(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound
  }
}

class History {
  readonly random: (bound: number) => number
  readonly settings: Partial<GroupSettings>
  scenario: Scenario
  /** What a generation assigned to a member must never change. */
  readonly assigned = new Map<string, string>()
  lastGenerationId = 0
  lastMember = 0
  /** Members as they once were: their clients may still be alive. */
  readonly former: Member[] = []
  readonly seen: Set<string>

  constructor(seed: number, seen: Set<string>) {
    this.random = randomFrom(seed)
    this.seen = seen
    const initialRebalanceDelayMs = this.random(2) * 3_000
    this.settings = { initialRebalanceDelayMs, maxMembers: 2 + this.random(6) }
    this.scenario = new Scenario(this.settings)
  }

  step(): void {
    const actions = [
      () => this.join(),
      () => this.join(),
      () => this.sync(),
      () => this.sync(),
      () => this.heartbeat(),
      () => this.commit(),
      () => this.leave(),
      () => this.scenario.advance(this.random(4_000)),
      () => this.scenario.advance(this.random(70_000)),
      () => (this.random(8) === 0 ? this.crash() : undefined),
      () => (this.random(8) === 0 ? this.scenario.delete() : undefined),
    ]
    actions[this.random(actions.length)]!()
    this.check()
  }

  join(): void {
    const groupInstanceId = this.random(3) === 0 ? `i${this.random(3)}` : null
    const isNew = this.random(3) === 0
    this.lastMember += 1
    this.scenario.join({
      newMemberId: `m${this.lastMember}`,
      ...(isNew ? { groupInstanceId } : { memberId: this.anyMember() }),
      ...(this.random(10) === 0 && { groupInstanceId }),
      ...((isNew || this.random(4) === 0) && { protocols: this.anyProtocols() }),
      requiresMemberId: this.random(2) === 0,
      maySkipAssignment: this.random(2) === 0,
      sessionTimeoutMs: 6_000 + this.random(30_000),
      rebalanceTimeoutMs: this.random(60_000),
    })
  }

  sync(): void {
    const { memberId, groupInstanceId } = this.anyClient()
    const assignments = [...(this.scenario.group?.members.keys() ?? [])]
      .filter(() => this.random(10) > 0)
      .map((id) => ({ memberId: id, assignment: Buffer.from(`${id} ${this.random(1e9)}`) }))
    const wrongGeneration = this.random(10) === 0 ? { generationId: this.random(5) } : {}
    this.scenario.sync({ memberId, groupInstanceId, assignments, ...wrongGeneration })
  }

  heartbeat(): void {
    this.seen.add(`heartbeat ${this.scenario.heartbeat(this.anyMember())}`)
  }

  commit(): void {
    const noGeneration = this.random(4) === 0 && { memberId: '', generationId: -1 }
    const anyGeneration = this.random(8) === 0 && { generationId: this.random(5) }
    const { memberId, groupInstanceId } = this.anyClient()
    const claim = { groupInstanceId, ...anyGeneration, ...noGeneration }
    this.seen.add(`commit ${this.scenario.commit(memberId, claim)}`)
  }

  leave(): void {
    if (this.random(3) > 0) return
    const groupInstanceId = `i${this.random(3)}`
    this.scenario.leave(this.random(2) === 0 ? this.anyMember() : { memberId: '', groupInstanceId })
  }

  /** The broker dies: requests, sessions and unwritten generations with it. */
  crash(): void {
    const durable = this.replayed()
    this.scenario = Object.assign(new Scenario(this.settings, durable), {
      nowMs: this.scenario.nowMs,
      records: [...this.scenario.records],
    })
    this.scenario.apply({ kind: 'loaded' })
    // Generations that were never written may come again, with other members.
    this.lastGenerationId = durable?.generationId ?? 0
  }

  /** All records, through their bytes. */
  replayed(): Group | undefined {
    let group: Group | undefined
    for (const written of this.scenario.records) {
      const metadata = written === null ? null : metadataOf(written)
      const { key, value } = encodeRecord({ kind: 'group', groupId: GROUP_ID, metadata })
      const record = decodeRecord(key, value)
      assert.equal(record?.kind, 'group')
      group = record.metadata === null ? undefined : groupFrom(record.groupId, record.metadata)
    }
    return group
  }

  anyMember(): string {
    const group = this.scenario.group
    const ids = [...(group?.members.keys() ?? []), ...(group?.pendingMembers ?? []), 'ghost']
    return ids[this.random(ids.length)]!
  }

  anyClient(): { memberId: string; groupInstanceId: string | null } {
    const member = this.scenario.group?.members.get(this.anyMember())
    if (member !== undefined) this.former.push(member)
    const isFormer = member === undefined || this.random(5) === 0
    const client = isFormer ? this.former[this.random(this.former.length)] : member
    return client ?? { memberId: 'ghost', groupInstanceId: null }
  }

  anyProtocols() {
    const names = ['range', 'sticky', 'roundrobin'].filter(() => this.random(4) > 0)
    if (this.random(2) === 0) names.reverse()
    return names.map((name) => protocol(name, `v${this.random(2)}`))
  }

  check(): void {
    const { group, waiting, timers } = this.scenario
    const members = [...(group?.members.values() ?? [])]
    const tokens = members.flatMap(({ joinToken, syncToken }) =>
      [joinToken, syncToken].filter((token) => token !== null),
    )
    assert.deepEqual(new Set(tokens), waiting, 'every waiting request is held by one member')
    assert.equal(tokens.length, waiting.size)
    this.checkAnswers()
    if (group === undefined) {
      assert.equal(timers.size, 0)
      this.lastGenerationId = 0
      return
    }
    checkShape(group, members)
    this.checkTimers(group, members)
    assert.ok(group.generationId >= this.lastGenerationId, 'generations only grow')
    this.lastGenerationId = group.generationId
    this.seen.add(group.state)
  }

  checkTimers(group: Group, members: Member[]): void {
    const { timers } = this.scenario
    const hasLateSync = members.some(({ hasSynced }) => !hasSynced)
    const isRebalancing = group.state === 'PreparingRebalance'
    const isAssigned = group.state === 'CompletingRebalance' || group.state === 'Stable'
    assert.equal(timers.has('join'), isRebalancing, 'a rebalance has an end')
    assert.equal(timers.has('sync'), isAssigned && hasLateSync, 'waiting for syncs has an end')
    for (const member of members) {
      const isWaiting = member.joinToken !== null || member.syncToken !== null
      const hasSession = timers.has(`session ${member.memberId}`)
      assert.ok(hasSession || (isWaiting && !member.isNew), `${member.memberId} has a session`)
    }
    for (const memberId of group.pendingMembers) assert.ok(timers.has(`session ${memberId}`))
  }

  /** A generation has one leader, and a member's assignment in it is durable and final. */
  checkAnswers(): void {
    for (const answer of this.scenario.replies.values()) {
      if (answer.kind === 'plain' || answer.kind === 'leave') continue
      this.seen.add(`${answer.kind} ${answer.reply.errorCode}`)
      if (answer.kind !== 'sync' || answer.reply.errorCode !== ErrorCode.NONE) continue
      const written = this.scenario.records.at(-1)
      const assignments = [...(written?.members.values() ?? [])].map(({ assignment }) => assignment)
      assert.ok(assignments.some((assignment) => assignment.equals(answer.reply.assignment)))
    }
    this.scenario.replies.clear()
  }

  settle(): void {
    this.scenario.advance(4 * 3_600_000)
    this.check()
    const { group, waiting, timers } = this.scenario
    assert.equal(waiting.size, 0, 'nobody waits for ever')
    assert.equal(timers.size, 0)
    assert.equal(group?.members.size ?? 0, 0)
    assert.equal(group?.pendingMembers.size ?? 0, 0)
  }
}

function checkShape(group: Group, members: Member[]): void {
  const { state, leaderId, staticMembers } = group
  if (state === 'Empty') assert.equal(members.length, 0)
  else if (state !== 'PreparingRebalance') assert.ok(members.length > 0)
  assert.ok(members.length === 0 ? leaderId === null : group.members.has(leaderId ?? ''))
  const instances = members.filter(({ groupInstanceId }) => groupInstanceId !== null)
  assert.deepEqual(
    new Map(instances.map(({ groupInstanceId, memberId }) => [groupInstanceId, memberId])),
    staticMembers,
  )
  for (const member of members) {
    const { joinToken, syncToken, memberId } = member
    assert.equal(group.pendingMembers.has(memberId), false)
    assert.ok(joinToken === null || state === 'PreparingRebalance')
    assert.ok(syncToken === null || state === 'CompletingRebalance')
    assert.ok(suitsEveryMember(group, group.protocolType ?? '', member.protocols))
    if (state === 'Stable' || state === 'CompletingRebalance') {
      assert.ok(member.protocols.some(({ name }) => name === group.protocolName))
    }
  }
}

describe('random histories of a group', () => {
  const seen = new Set<string>()

  it('keep every invariant', () => {
    const only = process.env['SEED']
    const first = only === undefined ? 1 : Number(only)
    const count = only === undefined ? HISTORIES : 1
    for (let seed = first; seed < first + count; seed++) {
      const history = new History(seed, seen)
      try {
        for (let step = 0; step < STEPS; step++) history.step()
        if (history.scenario.group?.state === 'Stable') {
          assert.equal(history.replayed()?.generationId, history.scenario.group.generationId)
        }
        history.settle()
      } catch (error) {
        throw new Error(`SEED=${seed}`, { cause: error })
      }
    }
  })

  it('reached every state and answer', { skip: process.env['SEED'] !== undefined }, () => {
    const joins = [0, 23, 25, 27, 79, 81, 82]
    const expected = [
      ...['Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable'],
      ...joins.map((code) => `join ${code}`),
      ...[0, 22, 25, 27, 82].map((code) => `sync ${code}`),
      ...[0, 25, 27].map((code) => `heartbeat ${code}`),
      ...[0, 25, 27, 69].map((code) => `commit ${code}`),
    ]
    assert.deepEqual(
      expected.filter((what) => !seen.has(what)),
      [],
    )
  })
})
