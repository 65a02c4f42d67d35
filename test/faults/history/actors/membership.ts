// Being a member of a group, whichever protocol the group speaks: joining, giving signs of life,
// hearing what to read, leaving. Whoever reads or processes does so by what it holds here.

import type { Subscription } from '../operations.ts'
import type { Arena } from './arena.ts'
import type { Claim, Place, Session } from './session.ts'

export interface GroupTimes {
  readonly sessionTimeoutMs: number
  readonly rebalanceTimeoutMs: number
}

/** Who somebody is, wherever its member id comes from. */
export interface MemberOptions {
  readonly name: string
  readonly group: string
  /** All that it may come to read, in an order that the members of its group agree on. */
  readonly places: readonly Place[]
  /** What it may want: the first one at first. */
  readonly subscriptions: readonly [Subscription, ...Subscription[]]
  readonly times: GroupTimes
  /** Of a static member (KIP-345). */
  readonly instance?: string | undefined
}

/** A partition in the hands of a member, from when it was told so. */
export interface Hold {
  readonly place: Place
  /** As whom the member was told. */
  readonly since: Claim
  /** The next to read; undefined until the group was asked where it is. */
  offset: number | undefined
  /** The group knows that the member has it no longer: what comes in its name is to be refused. */
  isOver: boolean
}

export interface Membership {
  readonly group: string
  readonly held: Iterable<Hold>
  /** As whom it commits; undefined while it is no member. */
  readonly claim: Claim | undefined
  /** As whom it asks where the group is; undefined where that needs no member. */
  readonly asker: Claim | undefined
  /** The last id that it left for a while and came back under. */
  readonly keptId: string | undefined
  /** Counted up whenever it holds something else. */
  readonly assignment: number
  /** The connection is another one. */
  reconnected(): void
  /** Joins, or gives a sign of life. @returns whether it is a member, by now */
  goOn(session: Session, arena: Arena): Promise<boolean>
  /** From the next sign of life on. */
  subscribe(subscription: Subscription): void
  /** What it was told about a commit. @returns whether it may go on as it is. @throws TryAgain */
  hear(errorCode: number): boolean
  /** Now and then: leaves and comes back, or whatever members do without need. */
  wander(session: Session, arena: Arena): Promise<void>
  leave(session: Session, arena: Arena): Promise<void>
}

/**
 * Whether what comes as the member that somebody was, for a partition that it held, is to be refused.
 * Within its epoch a member may commit whatever it likes, and who comes back under the same id may be
 * given the same epoch, when the partitions have not been shared out anew meanwhile (KIP-848, KIP-1263).
 * A static member that left for a while and is back under its id is taken to have had what it has for
 * ever, and so may commit it with any epoch that it ever had (KIP-1251 and Kafka).
 */
export function isStale(
  was: { readonly claim: Claim; readonly hold: Hold },
  { claim: now, keptId }: Membership,
): boolean {
  const { memberId, generationId } = was.claim
  const isSame = now?.memberId === memberId && now.generationId === generationId
  return was.hold.isOver && !isSame && memberId !== keptId
}

/** In groups of the new protocol the broker says how long a session is. */
export function consumerGroupConfig(
  { sessionTimeoutMs }: GroupTimes,
  heartbeatMs: number,
): Record<string, string> {
  return {
    'group.consumer.min.session.timeout.ms': String(sessionTimeoutMs),
    'group.consumer.session.timeout.ms': String(sessionTimeoutMs),
    'group.consumer.min.heartbeat.interval.ms': String(heartbeatMs),
    'group.consumer.heartbeat.interval.ms': String(heartbeatMs),
    'group.consumer.assignment.interval.ms': String(heartbeatMs),
  }
}
