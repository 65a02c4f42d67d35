// Membership by the new protocol: a heartbeat says what the member holds and hears what it is to hold.
// It gives up first, not always at once, and what it was told it has is its own until it has said
// otherwise. After a lost answer it says all again; a member that is fenced or forgotten lets go of
// everything and joins anew, with the id that it made for itself. A static member leaves for a while and
// comes back, as itself or as another process; or it goes without a word, and nobody can take its place
// before its session is over. Who has a choice wants other topics now and then.
// Source: KIP-848 (static members: epoch -2), KIP-1082 (member ids).

import { consumerGroupHeartbeat } from '../../../../src/broker/protocol/68-consumer-group-heartbeat.ts'
import { ErrorCode, errorName } from '../../../../src/broker/wire/error-codes.ts'
import type { Subscription } from '../operations.ts'
import { type Arena, TryAgain } from './arena.ts'
import type { Hold, MemberOptions, Membership } from './membership.ts'
import { type Claim, type Place, placeOf, type Session } from './session.ts'
import { isTransient } from './transient.ts'

const JOINING = 0
const LEAVING = -1
const LEAVING_FOR_A_WHILE = -2
const REST_MS = 10
/** Of giving up what it must, at each heartbeat. */
const GIVE_UP_CHANCE = 0.5
/** Of a static member: of leaving for a while only, of going without a word instead of falling silent. */
const FOR_A_WHILE_CHANCE = 0.8
const CRASH_CHANCE = 0.3
/** Of one more sign of life of whom it was before, once somebody else has its place. */
const GHOST_CHANCE = 0.5
/** Of wanting something else, at each heartbeat of a member that has a choice. */
const CHANGE_CHANCE = 0.03

interface Answer {
  readonly errorCode: number
  readonly memberEpoch: number
  /** undefined: as it was told before. */
  readonly assigned: readonly Place[] | undefined
}

export class ConsumerMembership implements Membership {
  readonly group: string
  readonly #options: MemberOptions
  readonly #places: Map<string, Place>
  readonly #topicIds = new Map<string, string>()
  #subscription: Subscription
  /** What the group has heard of what it wants. */
  #wanted: Subscription | undefined
  #hasExpressed = false
  #keptId: string | undefined
  /** Whom somebody else has taken the place of, by the same instance id. */
  #former: Who | undefined
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

  constructor(options: MemberOptions) {
    const { name, group, places, subscriptions } = options
    this.#options = options
    this.group = group
    this.#places = new Map(places.map((place) => [place.name, place]))
    this.#subscription = subscriptions[0]
    this.#memberId = `${group} ${name}`
  }

  get claim(): Claim | undefined {
    return this.#epoch > JOINING ? this.#claimAt(this.#epoch) : undefined
  }

  get asker(): Claim | undefined {
    return this.claim
  }

  get held(): Hold[] {
    return [...this.#held.values()]
  }

  get keptId(): string | undefined {
    return this.#keptId
  }

  get assignment(): number {
    return this.#assignment
  }

  reconnected(): void {
    // It goes on where it was.
  }

  subscribe(subscription: Subscription): void {
    this.#subscription = subscription
  }

  async goOn(session: Session, arena: Arena): Promise<boolean> {
    this.#giveUp(arena)
    this.#maybeChange(arena)
    const isJoin = this.#epoch === JOINING
    const givenUp = this.#givenUp
    // The group takes what is given up out of a member's hands all at once, with the last of it.
    const hasNothingToGiveUp = [...this.#held.keys()].every((place) => this.#assigned.has(place))
    const answer = await this.#beat(session, arena)
    if (answer.errorCode === ErrorCode.NONE) {
      if (hasNothingToGiveUp) for (const hold of givenUp) hold.isOver = true
      this.#givenUp = this.#givenUp.filter(({ isOver }) => !isOver)
      this.#take(answer)
      if (isJoin) {
        arena.tally.count('consumers: joined')
        await this.#cameBack(session, arena)
      } else arena.tally.count('consumers: given up', givenUp.length)
      return true
    }
    if (!FORGOTTEN.has(answer.errorCode)) throw new TryAgain()
    arena.tally.count(isJoin ? 'consumers: still fenced' : 'consumers: fenced')
    this.#lose()
    // It may still have what it had, for whoever it is now.
    if (FENCED.has(answer.errorCode)) this.#givenUp = []
    if (answer.errorCode === ErrorCode.FENCED_INSTANCE_ID) this.#becomeAnother()
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
    if (this.#options.instance !== undefined && arena.random.chance(CRASH_CHANCE)) {
      this.#crash(arena)
      return
    }
    arena.tally.count('consumers: fell silent')
    const { sessionTimeoutMs } = this.#options.times
    await arena.pass(sessionTimeoutMs * (1 + 0.3 * arena.random.fraction()))
  }

  async leave(session: Session, arena: Arena): Promise<void> {
    if (this.#epoch === JOINING) return
    const { random, tally } = arena
    const isStatic = this.#options.instance !== undefined
    const isForAWhile = isStatic && random.chance(FOR_A_WHILE_CHANCE)
    const who = this.#who()
    this.#epoch = isForAWhile ? LEAVING_FOR_A_WHILE : LEAVING
    const leaving = this.#beat(session, arena)
    this.#lose()
    let isGone = false
    try {
      isGone = (await leaving).errorCode === ErrorCode.NONE
    } finally {
      // It may still be a member, with all that it had.
      if (!isGone) this.#givenUp = []
      if (isGone && isForAWhile) tally.count('static members: left for a while')
      // Another process comes, or the same one subscribes again.
      if (!isGone || random.chance(0.5)) {
        if (isStatic) this.#former = { ...who, beats: this.#beats }
        this.#becomeAnother()
      } else if (isForAWhile) {
        this.#keptId = this.#memberId
        this.#givenUp = [] // all of it is its own again
      }
    }
  }

  /** Without a word, and another process comes at once. */
  #crash({ tally }: Arena): void {
    tally.count('static members: crashed')
    if (this.#epoch > JOINING) this.#former = this.#who()
    this.#lose()
    this.#becomeAnother()
  }

  #becomeAnother(): void {
    this.#memberId = `${this.group} ${this.#options.name}.${++this.#ids}`
    this.#beats = 0
  }

  #who(): Who {
    return { memberId: this.#memberId, epoch: this.#epoch, beats: this.#beats }
  }

  #claimAt(generationId: number): Claim {
    const { instance: instanceId } = this.#options
    const memberId = this.#memberId
    return { memberId, generationId, ...(instanceId !== undefined && { instanceId }) }
  }

  /** Under its instance id; whoever had that before may not know yet. */
  async #cameBack(session: Session, arena: Arena): Promise<void> {
    const { instance } = this.#options
    const former = this.#former
    this.#former = undefined
    if (instance === undefined) return
    arena.tally.count('static members: joined')
    if (former === undefined || !arena.random.chance(GHOST_CHANCE)) return
    const { memberId, epoch: memberEpoch, beats: number } = former
    const operation = arena.history.invoke(this.#options.name, {
      ...{ kind: 'heartbeat', group: this.group, member: memberId, memberEpoch, number },
      ...{ held: [], instance },
    })
    const answer = await session.ask(consumerGroupHeartbeat, {
      ...{ groupId: this.group, memberId, memberEpoch, instanceId: instance },
      ...{ rebalanceTimeoutMs: -1, subscribedTopicNames: null, topicPartitions: null },
    })
    const errorCode = session.heard(answer.errorCode)
    if (errorCode === ErrorCode.NONE) operation.ok({ epoch: answer.memberEpoch, assigned: [] })
    else operation.fail(errorName(errorCode))
  }

  #maybeChange({ random, tally }: Arena): void {
    const { subscriptions } = this.#options
    if (subscriptions.length === 1 || !random.chance(CHANGE_CHANCE)) return
    const other = random.pick(subscriptions)
    if (other === this.#subscription) return
    this.#subscription = other
    tally.count('subscriptions changed')
    if (other.expression !== undefined) tally.count('subscribed by an expression')
  }

  /** One request, written down. */
  async #beat(session: Session, arena: Arena): Promise<Answer> {
    const memberEpoch = this.#epoch
    const held = [...this.#held.keys()]
    const subscribed = this.#subscription
    const { name: who, instance, times } = this.#options
    const operation = arena.history.invoke(who, {
      ...{ kind: 'heartbeat', group: this.group, member: this.#memberId, memberEpoch, subscribed },
      ...(instance !== undefined && { instance }),
      number: this.#beats++,
      held: held.map(({ name }) => name),
    })
    const saying = held
      .map(({ name }) => name)
      .sort()
      .join(' ')
    const isAll = this.#told === undefined || memberEpoch <= JOINING
    const isNews = isAll || this.#told !== saying
    const isNewWish = isAll || this.#wanted !== subscribed
    this.#told = undefined
    const request = {
      ...{ groupId: this.group, memberId: this.#memberId, memberEpoch },
      instanceId: instance ?? null,
      rebalanceTimeoutMs: isAll ? times.rebalanceTimeoutMs : -1,
      subscribedTopicNames: isNewWish ? [...subscribed.topics] : null,
      subscribedTopicRegex: isNewWish ? this.#expressionOf(subscribed) : null,
      topicPartitions: isNews ? await this.#byTopic(session, held) : null,
    }
    const answer = await session.ask(consumerGroupHeartbeat, request)
    const errorCode = session.heard(answer.errorCode)
    const { assignment } = answer
    const assigned = assignment === null ? undefined : await this.#placesOf(session, assignment)
    if (errorCode === ErrorCode.NONE) {
      this.#told = saying
      this.#wanted = subscribed
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
    const since = this.#claimAt(memberEpoch)
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
    for (const topic of [
      ...this.#options.subscriptions[0].topics,
      ...held.map((one) => one.topic),
    ]) {
      if (this.#topicIds.has(topic)) continue
      this.#topicIds.set(topic, await session.topicId(topic))
    }
    return [...Map.groupBy(held, ({ topic }) => topic)].map(([topic, places]) => ({
      topicId: this.#topicIds.get(topic)!,
      partitions: places.map(({ partition }) => partition),
    }))
  }

  async #placesOf(
    session: Session,
    {
      topicPartitions,
    }: { topicPartitions: readonly { topicId: string; partitions: readonly number[] }[] },
  ): Promise<Place[]> {
    const places: Place[] = []
    for (const { topicId, partitions } of topicPartitions) {
      const topic = await this.#topicOf(session, topicId)
      for (const partition of partitions) places.push(this.#placeOf(topic, partition))
    }
    return places
  }

  /** The same object for the same place. */
  #placeOf(topic: string, partition: number): Place {
    const made = placeOf(topic, partition)
    const known = this.#places.get(made.name)
    if (known === undefined) this.#places.set(made.name, made)
    return known ?? made
  }

  async #topicOf(session: Session, topicId: string): Promise<string> {
    for (const [topic, id] of this.#topicIds) if (id === topicId) return topic
    const topic = await session.topicName(topicId)
    if (topic === undefined) throw new TryAgain() // metadata is behind
    this.#topicIds.set(topic, topicId)
    return topic
  }

  /** '' takes back an earlier one, null says nothing about it. */
  #expressionOf({ expression }: Subscription): string | null {
    if (expression !== undefined) this.#hasExpressed = true
    return expression ?? (this.#hasExpressed ? '' : null)
  }
}

/** As whom somebody came, and how often. */
interface Who {
  readonly memberId: string
  readonly epoch: number
  readonly beats: number
}

const FORGOTTEN: ReadonlySet<number> = new Set([
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.FENCED_INSTANCE_ID,
  ErrorCode.UNRELEASED_INSTANCE_ID,
])

const FENCED: ReadonlySet<number> = new Set([
  ErrorCode.FENCED_MEMBER_EPOCH,
  ErrorCode.FENCED_INSTANCE_ID,
])

/** Of commits and of looks at what is committed; in transactions by the name of classic groups. */
const STALE: ReadonlySet<number> = new Set([
  ErrorCode.STALE_MEMBER_EPOCH,
  ErrorCode.UNKNOWN_MEMBER_ID,
  ErrorCode.ILLEGAL_GENERATION,
  ErrorCode.FENCED_INSTANCE_ID,
])
