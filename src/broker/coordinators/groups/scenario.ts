// For tests: one group, a clock that only they move, and short ways to say what members do. Timers
// that a decision asked for run when the clock passes them; answers are kept by token.

import type { ErrorCode } from '../../wire/error-codes.ts'
import { decide } from './decide.ts'
import type { Group } from './group.ts'
import type {
  Decision,
  GroupInput,
  GroupReply,
  GroupSettings,
  JoinReply,
  JoinRequest,
  LeaveReply,
  LeavingMember,
  SyncReply,
  SyncRequest,
} from './input.ts'

export const TEST_SETTINGS: GroupSettings = {
  minSessionTimeoutMs: 6_000,
  maxSessionTimeoutMs: 1_800_000,
  initialRebalanceDelayMs: 0,
  maxMembers: 100,
}

export const GROUP_ID = 'orders'

interface RunningTimer {
  readonly input: GroupInput
  readonly deadlineMs: number
}

export class Scenario {
  readonly settings: GroupSettings
  group: Group | undefined
  nowMs = 1_000_000
  readonly timers = new Map<string, RunningTimer>()
  readonly replies = new Map<number, GroupReply>()
  readonly waiting = new Set<number>()
  /** What was to be appended, oldest first: the group as it was, or null for its tombstone. */
  readonly records: (Group | null)[] = []
  #lastToken = 0

  constructor(settings: Partial<GroupSettings> = {}, group?: Group) {
    this.settings = { ...TEST_SETTINGS, ...settings }
    this.group = group
  }

  /** A member that is there asks again for what it had. @returns the token of the answer */
  join(request: Partial<JoinRequest> = {}): number {
    const token = this.#token()
    const member = this.group?.members.get(request.memberId ?? '')
    this.apply({
      kind: 'join',
      token,
      groupId: GROUP_ID,
      memberId: '',
      groupInstanceId: member?.groupInstanceId ?? null,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      sessionTimeoutMs: member?.sessionTimeoutMs ?? 10_000,
      rebalanceTimeoutMs: member?.rebalanceTimeoutMs ?? 60_000,
      protocolType: 'consumer',
      protocols: member?.protocols ?? [protocol('range', 'a')],
      newMemberId: `member-${token}`,
      requiresMemberId: false,
      maySkipAssignment: true,
      ...request,
    })
    return token
  }

  sync(request: Partial<SyncRequest> & Pick<SyncRequest, 'memberId'>): number {
    const token = this.#token()
    this.apply({
      kind: 'sync',
      token,
      groupInstanceId: null,
      generationId: this.group?.generationId ?? -1,
      protocolType: null,
      protocolName: null,
      assignments: [],
      ...request,
    })
    return token
  }

  /** The leader hands out `memberId`'s own id as everybody's assignment. */
  syncLeader(memberId = this.group?.leaderId ?? ''): number {
    const members = [...(this.group?.members.keys() ?? [])]
    const assignments = members.map((id) => ({ memberId: id, assignment: Buffer.from(id) }))
    return this.sync({ memberId, assignments })
  }

  heartbeat(memberId: string, claim: Partial<Claim> = {}): ErrorCode {
    return this.#plain({ kind: 'heartbeat', token: this.#token(), ...this.#claim(memberId, claim) })
  }

  commit(
    memberId: string,
    claim: Partial<Claim> & { knowsGroupIdNotFound?: boolean; isTransactional?: boolean } = {},
  ) {
    return this.#plain({
      kind: 'commit',
      token: this.#token(),
      groupId: GROUP_ID,
      knowsGroupIdNotFound: true,
      ...this.#claim(memberId, claim),
    })
  }

  delete(): ErrorCode {
    return this.#plain({ kind: 'delete', token: this.#token() })
  }

  leave(...leaving: (string | LeavingMember)[]): LeaveReply {
    const token = this.#token()
    const members = leaving.map((member) =>
      typeof member === 'string' ? { memberId: member, groupInstanceId: null } : member,
    )
    this.apply({ kind: 'leave', token, members })
    const answer = this.replies.get(token)
    if (answer?.kind !== 'leave') throw new Error('a leave is answered at once')
    return answer.reply
  }

  /** Members in one stable generation: the first is the leader. */
  stableWith(...requests: Partial<JoinRequest>[]): string[] {
    const tokens = requests.map((request) => this.join(request))
    this.#rejoinAll()
    const ids = [...(this.group?.members.keys() ?? [])]
    for (const memberId of ids) {
      if (memberId === this.group?.leaderId) this.syncLeader()
      else this.sync({ memberId })
    }
    if (tokens.length !== ids.length) throw new Error('a member was refused')
    return ids
  }

  joinReply(token: number): JoinReply | undefined {
    const answer = this.replies.get(token)
    if (answer !== undefined && answer.kind !== 'join') throw new Error(`a ${answer.kind} answer`)
    return answer?.reply
  }

  syncReply(token: number): SyncReply | undefined {
    const answer = this.replies.get(token)
    if (answer !== undefined && answer.kind !== 'sync') throw new Error(`a ${answer.kind} answer`)
    return answer?.reply
  }

  /** Moves the clock, running each timer at its own time. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const [name, timer] = this.#nextTimer() ?? []
      if (name === undefined || timer === undefined || timer.deadlineMs > untilMs) break
      this.timers.delete(name)
      this.nowMs = timer.deadlineMs
      this.apply(timer.input)
    }
    this.nowMs = untilMs
  }

  apply(input: GroupInput): Decision {
    if ('token' in input) this.waiting.add(input.token)
    const decision = decide(this.group, input, this.settings, this.nowMs)
    this.group = decision.group
    for (const reply of decision.replies) this.#keep(reply)
    for (const change of decision.timers) {
      const name = change.timer === 'session' ? `session ${change.memberId}` : change.timer
      if (change.afterMs === null) this.timers.delete(name)
      else {
        const deadlineMs = this.nowMs + change.afterMs
        this.timers.set(name, { deadlineMs, input: expiryOf(change) })
      }
    }
    if (decision.record === 'group') this.records.push(decision.group ?? null)
    if (decision.record === 'tombstone') this.records.push(null)
    return decision
  }

  #rejoinAll(): void {
    for (const { memberId, joinToken } of [...(this.group?.members.values() ?? [])]) {
      if (joinToken === null && this.group?.state === 'PreparingRebalance') this.join({ memberId })
    }
  }

  #keep(reply: GroupReply): void {
    if (!this.waiting.delete(reply.token)) throw new Error(`token ${reply.token} answered twice`)
    this.replies.set(reply.token, reply)
  }

  #plain(input: GroupInput & { readonly token: number }): ErrorCode {
    this.apply(input)
    const answer = this.replies.get(input.token)
    if (answer?.kind !== 'plain') throw new Error(`a ${input.kind} is answered at once`)
    return answer.errorCode
  }

  #claim(memberId: string, claim: Partial<Claim>): Claim {
    const generationId = this.group?.generationId ?? -1
    return { memberId, groupInstanceId: null, generationId, ...claim }
  }

  #nextTimer(): [string, RunningTimer] | undefined {
    return [...this.timers].sort(([, a], [, b]) => a.deadlineMs - b.deadlineMs)[0]
  }

  #token(): number {
    this.#lastToken += 1
    return this.#lastToken
  }
}

interface Claim {
  readonly memberId: string
  readonly groupInstanceId: string | null
  readonly generationId: number
}

export function protocol(name: string, metadata: string) {
  return { name, metadata: Buffer.from(metadata) }
}

function expiryOf(change: Decision['timers'][number]): GroupInput {
  if (change.timer === 'session') return { kind: 'session-expired', memberId: change.memberId }
  return { kind: change.timer === 'join' ? 'join-deadline' : 'sync-deadline' }
}
