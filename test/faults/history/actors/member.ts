// A member of a consumer group (the classic protocol): joins, reads what it is given from where the
// group is, commits, leaves, comes back. Now and then it commits as the member that it was in an older
// generation, which must be refused.
// Source: KIP-394 (member ids), KIP-447 (require_stable).

import { joinGroup } from '../../../../src/broker/protocol/11-join-group.ts'
import { heartbeat } from '../../../../src/broker/protocol/12-heartbeat.ts'
import { leaveGroup } from '../../../../src/broker/protocol/13-leave-group.ts'
import { syncGroup } from '../../../../src/broker/protocol/14-sync-group.ts'
import { ErrorCode } from '../../../../src/broker/wire/error-codes.ts'
import { Actor, type Arena, TryAgain } from './arena.ts'
import { commitOnce } from './follower.ts'
import { askCommitted, pollOnce } from './polling.ts'
import type { Membership, Place, Session } from './session.ts'

const PROTOCOL_TYPE = 'history'
const PROTOCOL_NAME = 'round-robin'
const POLL_MS = 10
const MAX_BYTES = 1_000
const LEAVE_CHANCE = 0.04
const STALE_CHANCE = 0.3

export interface GroupTimes {
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}

export class Member extends Actor {
  readonly group: string
  readonly places: readonly Place[]
  readonly #times: GroupTimes
  #memberId = ''
  #assignment = 0
  #last: { membership: Membership; place: Place; offset: number } | undefined

  constructor(name: string, group: string, places: readonly Place[], times: GroupTimes) {
    super(name)
    this.group = group
    this.places = places
    this.#times = times
  }

  readonly isDone = true

  protected async work(session: Session, arena: Arena): Promise<void> {
    while (!arena.isEnding) {
      const membership = await this.#join(session)
      if (membership === undefined) continue
      arena.tally.count('generations')
      await this.#stale(session, arena, membership)
      await this.#read(session, arena, membership)
      if (arena.isEnding) await this.#leave(session)
    }
  }

  /** @returns undefined when it has to ask again */
  async #join(session: Session): Promise<(Membership & { assigned: Place[] }) | undefined> {
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.#times
    const timeoutMs = 4 * rebalanceTimeoutMs
    const joined = await session.ask(
      joinGroup,
      {
        groupId: this.group,
        ...{ sessionTimeoutMs, rebalanceTimeoutMs, memberId: this.#memberId },
        protocolType: PROTOCOL_TYPE,
        protocols: [{ name: PROTOCOL_NAME, metadata: Buffer.alloc(0) }],
      },
      { timeoutMs },
    )
    if (joined.errorCode === ErrorCode.MEMBER_ID_REQUIRED) this.#memberId = joined.memberId
    if (this.#isRefused(session, joined.errorCode)) return undefined
    this.#memberId = joined.memberId
    const { memberId, generationId, members } = joined
    const synced = await session.ask(
      syncGroup,
      {
        ...{ groupId: this.group, generationId, memberId },
        protocolType: PROTOCOL_TYPE,
        protocolName: PROTOCOL_NAME,
        assignments: joined.leader === memberId ? this.#assign(members) : [],
      },
      { timeoutMs },
    )
    if (this.#isRefused(session, synced.errorCode)) return undefined
    const assigned = [...synced.assignment].map((index) => this.places[index]!)
    return { memberId, generationId, assigned }
  }

  /** @throws TryAgain when a rest may help */
  #isRefused(session: Session, errorCode: number): boolean {
    session.heard(errorCode)
    if (errorCode === ErrorCode.NONE) return false
    if (errorCode === ErrorCode.MEMBER_ID_REQUIRED) return true
    if (errorCode === ErrorCode.REBALANCE_IN_PROGRESS) return true
    const isForgotten =
      errorCode === ErrorCode.UNKNOWN_MEMBER_ID || errorCode === ErrorCode.ILLEGAL_GENERATION
    if (!isForgotten) throw new TryAgain()
    this.#memberId = ''
    return true
  }

  /** Partitions in turn; an assignment is a byte for each. */
  #assign(members: readonly { memberId: string }[]) {
    const all = this.places.map((_, index) => index)
    return members.map(({ memberId }, index) => ({
      memberId,
      assignment: Buffer.from(all.filter((place) => place % members.length === index)),
    }))
  }

  async #stale(session: Session, arena: Arena, now: Membership): Promise<void> {
    const last = this.#last
    this.#last = undefined
    // Who joins again without need stays in its generation.
    if (last === undefined || last.membership.generationId === now.generationId) return
    if (!arena.random.chance(STALE_CHANCE)) return
    await commitOnce(session, arena, { who: this.name, group: this.group, ...last })
  }

  async #read(
    session: Session,
    arena: Arena,
    membership: Membership & { assigned: readonly Place[] },
  ): Promise<void> {
    this.#assignment++
    const positions = new Map<Place, number>()
    for (const place of membership.assigned) {
      const about = { who: this.name, group: this.group, place }
      positions.set(place, Math.max(0, await askCommitted(session, arena, about)))
    }
    while (!arena.isEnding && !arena.random.chance(LEAVE_CHANCE)) {
      for (const place of membership.assigned) {
        const isMember = await this.#advance(session, arena, { membership, place, positions })
        if (!isMember) return
      }
      const { memberId, generationId } = membership
      const beat = await session.ask(heartbeat, { groupId: this.group, memberId, generationId })
      if (this.#isRefused(session, beat.errorCode)) return
      await arena.pass(POLL_MS * arena.random.fraction())
    }
    if (arena.random.chance(0.5)) await this.#leave(session)
  }

  /** @returns whether it still belongs to the group */
  async #advance(
    session: Session,
    arena: Arena,
    at: { membership: Membership; place: Place; positions: Map<Place, number> },
  ): Promise<boolean> {
    const { membership, place, positions } = at
    const fromOffset = positions.get(place)!
    const polled = await pollOnce(session, arena, {
      ...{ reader: this.name, group: this.group, assignment: this.#assignment },
      ...{ isolation: 'read_committed', place, fromOffset },
      ...{ maxWaitMs: POLL_MS, maxBytes: MAX_BYTES },
    })
    if (polled.errorCode !== ErrorCode.NONE) throw new TryAgain()
    if (polled.records.length === 0) return true
    const offset = polled.nextOffset
    const commit = { who: this.name, group: this.group, place, offset, membership }
    const errorCode = await commitOnce(session, arena, commit)
    if (this.#isRefused(session, errorCode)) return false
    this.#last ??= { membership, place, offset }
    positions.set(place, offset)
    return true
  }

  async #leave(session: Session): Promise<void> {
    const memberId = this.#memberId
    this.#memberId = ''
    const body = { groupId: this.group, memberId, members: [{ memberId }] }
    session.heard((await session.ask(leaveGroup, body)).errorCode)
  }
}
