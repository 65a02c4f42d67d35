// Membership by the new protocol: a heartbeat says what the member holds and hears what it is to hold.
// It gives up first, not always at once, and what it was told it has is its own until it has said
// otherwise. After a lost answer it says all again; a member that is fenced or forgotten lets go of
// everything and joins anew, with the id that it made for itself.
// Source: KIP-848, KIP-1082 (member ids).

import { consumerGroupHeartbeat } from '../../../../src/broker/protocol/68-consumer-group-heartbeat.ts'
import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import { type Arena, TryAgain } from './arena.ts'
import type { GroupTimes, Hold, Membership } from './membership.ts'
import type { Claim, Place, Session } from './session.ts'
import { isTransient } from './transient.ts'

const JOINING = 0
const LEAVING = -1
const REST_MS = 10
/** Of giving up what it must, at each heartbeat. */
const GIVE_UP_CHANCE = 0.5

interface Answer {
  readonly errorCode: number
  readonly memberEpoch: number
  /** undefined: as it was told before. */
  readonly assigned: readonly Place[] | undefined
}

export class ConsumerMembership implements Membership {
  readonly group: string
  readonly #name: string
  readonly #places: readonly Place[]
  readonly #times: GroupTimes
  readonly #topicIds = new Map<string, string>()
  #ids = 0
  #beats = 0
  #memberId: string
  #epoch = JOINING
  #assigned: ReadonlySet<Place> = new Set()
  readonly #held = new Map<Place, Hold>()
  /** Given up, and not confirmed yet. */
  #givenUp: Hold[] = []
  #assignment = 0
  /** What the group heard last of what it holds. */
  #told: string | undefined

  constructor(name: string, group: string, places: readonly Place[], times: GroupTimes) {
    this.#name = name
    this.group = group
    this.#places = places
    this.#times = times
    this.#memberId = `${group} ${name}`
  }

  get claim(): Claim | undefined {
    return this.#epoch > JOINING
      ? { memberId: this.#memberId, generationId: this.#epoch }
      : undefined
  }

  get asker(): Claim | undefined {
    return this.claim
  }

  get held(): Hold[] {
    return [...this.#held.values()]
  }

  get assignment(): number {
    return this.#assignment
  }

  reconnected(): void {
    // It goes on where it was.
  }

  async goOn(session: Session, arena: Arena): Promise<boolean> {
    this.#giveUp(arena)
    const isJoin = this.#epoch === JOINING
    const givenUp = this.#givenUp
    // The group takes what is given up out of a member's hands all at once, with the last of it.
    const hasNothingToGiveUp = [...this.#held.keys()].every((place) => this.#assigned.has(place))
    const answer = await this.#beat(session, arena)
    if (answer.errorCode === ErrorCode.NONE) {
      if (hasNothingToGiveUp) for (const hold of givenUp) hold.isOver = true
      this.#givenUp = this.#givenUp.filter(({ isOver }) => !isOver)
      this.#take(answer)
      if (isJoin) arena.tally.count('consumers: joined')
      else arena.tally.count('consumers: given up', givenUp.length)
      return true
    }
    if (!FORGOTTEN.has(answer.errorCode)) throw new TryAgain()
    arena.tally.count(isJoin ? 'consumers: still fenced' : 'consumers: fenced')
    this.#lose()
    // It may still have what it had, for whoever it is now.
    if (answer.errorCode === ErrorCode.FENCED_MEMBER_EPOCH) this.#givenUp = []
    await arena.pass(REST_MS * (1 + arena.random.fraction()))
    return false
  }

  /** The next heartbeat says what is to be done. */
  hear(errorCode: number): boolean {
    if (errorCode === ErrorCode.NONE) return true
    if (!STALE.has(errorCode)) throw new TryAgain()
    return false
  }

  async wander(session: Session, arena: Arena): Promise<void> {
    if (arena.random.chance(0.5)) {
      await this.leave(session, arena)
      return
    }
    arena.tally.count('consumers: fell silent')
    const { sessionTimeoutMs } = this.#times
    await arena.pass(sessionTimeoutMs * (1 + 0.3 * arena.random.fraction()))
  }

  async leave(session: Session, arena: Arena): Promise<void> {
    if (this.#epoch === JOINING) return
    this.#epoch = LEAVING
    const leaving = this.#beat(session, arena)
    this.#lose()
    let isGone = false
    try {
      isGone = (await leaving).errorCode === ErrorCode.NONE
    } finally {
      // It may still be a member, with all that it had.
      if (!isGone) this.#givenUp = []
      // Another process comes, or the same one subscribes again.
      if (!isGone || arena.random.chance(0.5)) {
        this.#memberId = `${this.group} ${this.#name}.${++this.#ids}`
        this.#beats = 0
      }
    }
  }

  /** One request, written down. */
  async #beat(session: Session, arena: Arena): Promise<Answer> {
    const memberEpoch = this.#epoch
    const held = [...this.#held.keys()]
    const operation = arena.history.invoke(this.#name, {
      ...{ kind: 'heartbeat', group: this.group, member: this.#memberId, memberEpoch },
      number: this.#beats++,
      held: held.map(({ name }) => name),
    })
    const saying = held
      .map(({ name }) => name)
      .sort()
      .join(' ')
    const isAll = this.#told === undefined || memberEpoch <= JOINING
    const isNews = isAll || this.#told !== saying
    this.#told = undefined
    const request = {
      ...{ groupId: this.group, memberId: this.#memberId, memberEpoch },
      rebalanceTimeoutMs: isAll ? this.#times.rebalanceTimeoutMs : -1,
      subscribedTopicNames: isAll ? [...new Set(this.#places.map(({ topic }) => topic))] : null,
      topicPartitions: isNews ? await this.#byTopic(session, held) : null,
    }
    const answer = await session.ask(consumerGroupHeartbeat, request)
    const errorCode = session.heard(answer.errorCode)
    const assigned = answer.assignment === null ? undefined : this.#placesOf(answer.assignment)
    if (errorCode === ErrorCode.NONE) {
      this.#told = saying
      const all = [...(assigned ?? this.#assigned)]
      operation.ok({ epoch: answer.memberEpoch, assigned: all.map(({ name }) => name) })
    } else if (isTransient(errorCode)) operation.info(errorName(errorCode))
    else operation.fail(errorName(errorCode))
    return { errorCode, memberEpoch: answer.memberEpoch, assigned }
  }

  /** What it holds and is not to hold; some of it at a later heartbeat, for its work is not done. */
  #giveUp(arena: Arena): void {
    for (const [place, hold] of this.#held) {
      if (this.#assigned.has(place) || !arena.random.chance(GIVE_UP_CHANCE)) continue
      this.#held.delete(place)
      this.#givenUp.push(hold)
      this.#assignment++
    }
  }

  #take({ memberEpoch, assigned }: Answer): void {
    this.#epoch = memberEpoch
    if (assigned === undefined) return
    this.#assigned = new Set(assigned)
    const since = { memberId: this.#memberId, generationId: memberEpoch }
    for (const place of assigned) {
      if (this.#held.has(place)) continue
      this.#held.set(place, { place, since, offset: undefined, isOver: false })
      this.#assignment++
    }
  }

  #lose(): void {
    this.#epoch = JOINING
    this.#givenUp.push(...this.#held.values())
    this.#held.clear()
    this.#assigned = new Set()
    this.#told = undefined
    this.#assignment++
  }

  async #byTopic(session: Session, held: readonly Place[]) {
    for (const { topic } of this.#places) {
      if (this.#topicIds.has(topic)) continue
      this.#topicIds.set(topic, await session.topicId(topic))
    }
    return [...Map.groupBy(held, ({ topic }) => topic)].map(([topic, places]) => ({
      topicId: this.#topicIds.get(topic)!,
      partitions: places.map(({ partition }) => partition),
    }))
  }

  #placesOf({
    topicPartitions,
  }: {
    topicPartitions: readonly { topicId: string; partitions: readonly number[] }[]
  }): Place[] {
    return topicPartitions.flatMap(({ topicId, partitions }) =>
      partitions.map((partition) => {
        const isIt = (place: Place) =>
          this.#topicIds.get(place.topic) === topicId && place.partition === partition
        return this.#places.find(isIt)!
      }),
    )
  }
}

const FORGOTTEN: ReadonlySet<number> = new Set([
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.UNKNOWN_MEMBER_ID,
])

/** Of commits and of looks at what is committed; in transactions by the name of classic groups. */
const STALE: ReadonlySet<number> = new Set([
  ErrorCode.STALE_MEMBER_EPOCH,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.ILLEGAL_GENERATION,
])
