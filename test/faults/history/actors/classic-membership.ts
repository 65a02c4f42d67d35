// Membership by the classic protocol: all join, one of them shares out, and with each generation
// everybody begins anew.
// Source: KIP-394 (member ids).

import { joinGroup } from '../../../../src/broker/protocol/11-join-group.ts'
import { heartbeat } from '../../../../src/broker/protocol/12-heartbeat.ts'
import { leaveGroup } from '../../../../src/broker/protocol/13-leave-group.ts'
import { syncGroup } from '../../../../src/broker/protocol/14-sync-group.ts'
import { ErrorCode } from '../../../../src/broker/wire/error-codes.ts'
import { type Arena, TryAgain } from './arena.ts'
import type { GroupTimes, Hold, Membership } from './membership.ts'
import type { Claim, Place, Session } from './session.ts'

const PROTOCOL_TYPE = 'history'
const PROTOCOL_NAME = 'round-robin'

export class ClassicMembership implements Membership {
  readonly group: string
  readonly asker = undefined
  readonly #places: readonly Place[]
  readonly #times: GroupTimes
  #memberId = ''
  #claim: Claim | undefined
  #held: readonly Hold[] = []
  #assignment = 0

  constructor(group: string, places: readonly Place[], times: GroupTimes) {
    this.group = group
    this.#places = places
    this.#times = times
  }

  get claim(): Claim | undefined {
    return this.#claim
  }

  get held(): readonly Hold[] {
    return this.#claim === undefined ? [] : this.#held
  }

  get assignment(): number {
    return this.#assignment
  }

  reconnected(): void {
    this.#claim = undefined
  }

  async goOn(session: Session, arena: Arena): Promise<boolean> {
    if (this.#claim === undefined) return await this.#join(session, arena)
    const { memberId, generationId } = this.#claim
    const body = { groupId: this.group, memberId, generationId }
    return this.hear(session.heard((await session.ask(heartbeat, body)).errorCode))
  }

  hear(errorCode: number): boolean {
    if (errorCode === ErrorCode.NONE) return true
    this.#claim = undefined
    const isForgotten =
      errorCode === ErrorCode.UNKNOWN_MEMBER_ID || errorCode === ErrorCode.ILLEGAL_GENERATION
    if (isForgotten) this.#memberId = ''
    else if (errorCode !== ErrorCode.REBALANCE_IN_PROGRESS) throw new TryAgain()
    return false
  }

  async wander(session: Session, arena: Arena): Promise<void> {
    if (arena.random.chance(0.5)) await this.leave(session)
    else this.#claim = undefined
  }

  async leave(session: Session): Promise<void> {
    const memberId = this.#memberId
    this.#memberId = ''
    this.#claim = undefined
    const body = { groupId: this.group, memberId, members: [{ memberId }] }
    session.heard((await session.ask(leaveGroup, body)).errorCode)
  }

  async #join(session: Session, arena: Arena): Promise<boolean> {
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
    const joinError = session.heard(joined.errorCode)
    if (joinError === ErrorCode.MEMBER_ID_REQUIRED) {
      this.#memberId = joined.memberId
      return false
    }
    if (!this.hear(joinError)) return false
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
    if (!this.hear(session.heard(synced.errorCode))) return false
    this.#begin({ memberId, generationId }, [...synced.assignment])
    arena.tally.count('generations')
    return true
  }

  #begin(claim: Claim, assigned: readonly number[]): void {
    for (const hold of this.#held) {
      // Who joins again without need stays in its generation.
      if (hold.since.generationId !== claim.generationId) hold.isOver = true
    }
    this.#claim = claim
    this.#assignment++
    this.#held = assigned.map((index) => {
      return { place: this.#places[index]!, since: claim, offset: undefined, isOver: false }
    })
  }

  /** Partitions in turn; an assignment is a byte for each. */
  #assign(members: readonly { memberId: string }[]) {
    const all = this.#places.map((_, index) => index)
    return members.map(({ memberId }, index) => ({
      memberId,
      assignment: Buffer.from(all.filter((place) => place % members.length === index)),
    }))
  }
}
