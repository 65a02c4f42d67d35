// Membership by the classic protocol: all join, one of them shares out, and with each generation
// everybody begins anew. A static member that comes back has a new member id and its old place; whoever
// still comes with the old id is fenced.
// Source: KIP-394 (member ids), KIP-345 (static members), KIP-814 (their leader does not assign again).

import { joinGroup } from '../../../../src/broker/protocol/11-join-group.ts'
import { heartbeat } from '../../../../src/broker/protocol/12-heartbeat.ts'
import { leaveGroup } from '../../../../src/broker/protocol/13-leave-group.ts'
import { syncGroup } from '../../../../src/broker/protocol/14-sync-group.ts'
import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import type { Subscription } from '../operations.ts'
import { type Arena, TryAgain } from './arena.ts'
import type { Hold, MemberOptions, Membership } from './membership.ts'
import type { Claim, Session } from './session.ts'
import { isTransient } from './transient.ts'

const PROTOCOL_TYPE = 'history'
const PROTOCOL_NAME = 'round-robin'
/** Of coming back as another process, each time that a static member wanders. */
const RESTART_CHANCE = 0.7
/** Of the restarts those that take longer than a session. */
const LONG_RESTART_CHANCE = 0.2
/** At each sign of life, of a member that has a choice. */
const CHANGE_CHANCE = 0.03

export class ClassicMembership implements Membership {
  readonly group: string
  readonly asker = undefined
  readonly keptId = undefined
  readonly #options: MemberOptions
  #subscription: Subscription
  #memberId = ''
  #claim: Claim | undefined
  #held: readonly Hold[] = []
  #assignment = 0

  constructor(options: MemberOptions) {
    this.group = options.group
    this.#options = options
    this.#subscription = options.subscriptions[0]
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

  subscribe(subscription: Subscription): void {
    this.#subscription = subscription
    this.#claim = undefined
  }

  async goOn(session: Session, arena: Arena): Promise<boolean> {
    this.#maybeChange(arena)
    if (this.#claim === undefined) return await this.#join(session, arena)
    const { memberId, generationId } = this.#claim
    const groupInstanceId = this.#options.instance ?? null
    const body = { groupId: this.group, memberId, generationId, groupInstanceId }
    return this.hear(session.heard((await session.ask(heartbeat, body)).errorCode))
  }

  hear(errorCode: number): boolean {
    if (errorCode === ErrorCode.NONE) return true
    this.#claim = undefined
    if (FORGOTTEN.has(errorCode)) this.#memberId = ''
    else if (errorCode !== ErrorCode.REBALANCE_IN_PROGRESS) throw new TryAgain()
    return false
  }

  async wander(session: Session, arena: Arena): Promise<void> {
    if (this.#options.instance !== undefined && arena.random.chance(RESTART_CHANCE)) {
      await this.#restart(arena)
    } else if (arena.random.chance(0.5)) await this.#leave(session)
    else this.#claim = undefined
  }

  /** A static member just goes: it may be back soon. */
  async leave(session: Session): Promise<void> {
    if (this.#options.instance === undefined) await this.#leave(session)
    else {
      this.#memberId = ''
      this.#claim = undefined
    }
  }

  async #leave(session: Session): Promise<void> {
    const memberId = this.#memberId
    this.#memberId = ''
    this.#claim = undefined
    const { instance: groupInstanceId = null } = this.#options
    const body = { groupId: this.group, memberId, members: [{ memberId, groupInstanceId }] }
    session.heard((await session.ask(leaveGroup, body)).errorCode)
  }

  async #restart({ random, tally, pass }: Arena): Promise<void> {
    this.#memberId = ''
    this.#claim = undefined
    tally.count('static members: restarted')
    const { sessionTimeoutMs } = this.#options.times
    const isLong = random.chance(LONG_RESTART_CHANCE)
    await pass(sessionTimeoutMs * (isLong ? 1.2 : 0.3 * random.fraction()))
  }

  /**
   * Not a static one: when it restarts nobody looks at what it wants, as long as the protocol stays
   * (KIP-345).
   */
  #maybeChange({ random, tally }: Arena): void {
    const { subscriptions, instance } = this.#options
    if (subscriptions.length === 1 || instance !== undefined) return
    if (!random.chance(CHANGE_CHANCE)) return
    const other = random.pick(subscriptions)
    if (other === this.#subscription) return
    this.subscribe(other)
    tally.count('subscriptions changed')
  }

  async #join(session: Session, arena: Arena): Promise<boolean> {
    const { times, instance } = this.#options
    const { sessionTimeoutMs, rebalanceTimeoutMs } = times
    const timeoutMs = 4 * rebalanceTimeoutMs
    const subscribed = this.#subscription
    const groupInstanceId = instance ?? null
    const operation = arena.history.invoke(this.#options.name, {
      ...{ kind: 'join', group: this.group, member: this.#memberId, subscribed },
      ...(instance !== undefined && { instance }),
    })
    const refuse = (errorCode: number) => {
      if (isTransient(errorCode)) operation.info(errorName(errorCode))
      else operation.fail(errorName(errorCode))
    }
    const joined = await session.ask(
      joinGroup,
      {
        groupId: this.group,
        ...{ sessionTimeoutMs, rebalanceTimeoutMs, memberId: this.#memberId, groupInstanceId },
        protocolType: PROTOCOL_TYPE,
        protocols: [{ name: PROTOCOL_NAME, metadata: this.#metadata() }],
      },
      { timeoutMs },
    )
    const joinError = session.heard(joined.errorCode)
    if (joinError !== ErrorCode.NONE) refuse(joinError)
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
        ...{ groupId: this.group, generationId, memberId, groupInstanceId },
        protocolType: PROTOCOL_TYPE,
        protocolName: PROTOCOL_NAME,
        assignments:
          joined.leader === memberId && !joined.skipAssignment ? this.#assign(members) : [],
      },
      { timeoutMs },
    )
    const syncError = session.heard(synced.errorCode)
    if (syncError !== ErrorCode.NONE) refuse(syncError)
    if (!this.hear(syncError)) return false
    const { places } = this.#options
    const assigned = [...synced.assignment].map((index) => places[index]!.name)
    operation.ok({ member: memberId, generation: generationId, assigned })
    const claim = {
      memberId,
      generationId,
      ...(instance !== undefined && { instanceId: instance }),
    }
    this.#begin(claim, [...synced.assignment])
    arena.tally.count('generations')
    if (instance !== undefined) arena.tally.count('static members: joined')
    return true
  }

  #begin(claim: Claim, assigned: readonly number[]): void {
    for (const hold of this.#held) {
      // Who joins again without need stays in its generation; a static member that restarted does, too,
      // and is somebody else.
      const { generationId, memberId } = hold.since
      if (generationId !== claim.generationId || memberId !== claim.memberId) hold.isOver = true
    }
    this.#claim = claim
    this.#assignment++
    this.#held = assigned.map((index) => {
      const place = this.#options.places[index]!
      return { place, since: claim, offset: undefined, isOver: false }
    })
  }

  /** Nothing where nobody has a choice. */
  #metadata(): Buffer {
    const { subscriptions } = this.#options
    const isAll = subscriptions.length === 1 && this.#subscription === subscriptions[0]
    return Buffer.from(isAll ? '' : this.#subscription.topics.join(' '))
  }

  /** Each partition to one of those who want it, in turn; an assignment is a byte for each. */
  #assign(members: readonly { memberId: string; metadata: Buffer }[]) {
    const wishes = members.map(({ metadata }) => String(metadata).split(' '))
    const owners = this.#options.places.map(({ topic }, index) => {
      const wanting = [...members.keys()].filter((member) => {
        const [first] = wishes[member]!
        return first === '' || wishes[member]!.includes(topic)
      })
      return wanting.length === 0 ? undefined : wanting[index % wanting.length]
    })
    return members.map(({ memberId }, member) => {
      const mine = [...owners.keys()].filter((index) => owners[index] === member)
      return { memberId, assignment: Buffer.from(mine) }
    })
  }
}

/** Who hears this is somebody new the next time; a static member that is fenced is another process. */
const FORGOTTEN: ReadonlySet<number> = new Set([
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.FENCED_INSTANCE_ID,
])
