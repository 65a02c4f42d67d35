// A consumer group: who is a member and who holds which partition. A partition moves in two steps
// (cooperative, KIP-429): its holder gives it up, then it is given away; all others are left alone.
//
// Invariant: a partition has at most one holder.

import type { Timers } from '../../../host/clock.ts'
import { FencedMemberError } from '../../transport/errors.ts'
import type {
  AssignedPartition,
  OffsetCommit,
  TopicPartition,
} from '../../transport/group-member.ts'
import { assignPartitions } from './assignment.ts'
import { GroupOffsets, keyOf } from './group-offsets.ts'
import type { Topics } from './topics.ts'
import type { OpenTransaction } from './transactions.ts'

/** What a group asks of a member. */
export interface Participant {
  readonly topics: readonly string[]
  readonly startAt: 'earliest' | 'latest' | Date
  readonly rebalanceTimeoutMs: number
  assign(partitions: readonly AssignedPartition[]): void
  /** Resolves when they may go to another member. */
  revoke(partitions: readonly TopicPartition[]): Promise<void>
  /** The membership is over, and these are gone with it. */
  lose(partitions: readonly TopicPartition[]): void
}

/** One stay of a member in a group; who comes back gets another one. */
export class Membership {
  readonly participant: Participant
  readonly held = new Map<string, TopicPartition>()
  readonly revoking = new Set<string>()

  constructor(participant: Participant) {
    this.participant = participant
  }

  get topics(): readonly string[] {
    return this.participant.topics
  }

  /** What it holds and is not asked to give up. */
  get settled(): readonly TopicPartition[] {
    return [...this.held.values()].filter((place) => !this.revoking.has(keyOf(place)))
  }
}

export class Group {
  readonly name: string
  readonly offsets = new GroupOffsets()
  readonly #topics: Topics
  readonly #timers: Timers
  #members: readonly Membership[] = []

  constructor(name: string, topics: Topics, timers: Timers) {
    this.name = name
    this.#topics = topics
    this.#timers = timers
  }

  get isKnown(): boolean {
    return this.#members.length > 0 || !this.offsets.isEmpty
  }

  /** What is free may be assigned before this returns. */
  join(membership: Membership): void {
    this.#members = [...this.#members, membership]
    this.reconcile()
  }

  /** Its partitions are free at once: the member has given them up, or will never do so. */
  remove(membership: Membership): void {
    this.#members = this.#members.filter((other) => other !== membership)
    membership.held.clear()
    this.reconcile()
  }

  /** Puts a member out that didn't answer in time. */
  fence(membership: Membership): void {
    if (!this.#members.includes(membership)) return
    const lost = [...membership.held.values()]
    this.remove(membership)
    membership.participant.lose(lost)
  }

  /** @throws FencedMemberError when one of them is not the member's */
  commit(membership: Membership | undefined, offsets: readonly OffsetCommit[]): void {
    this.#checkHeld(membership, offsets)
    this.offsets.commit(offsets)
  }

  /** @throws FencedMemberError when one of them is not the member's */
  commitWith(
    transaction: OpenTransaction,
    membership: Membership | undefined,
    offsets: readonly OffsetCommit[],
  ): void {
    this.#checkHeld(membership, offsets)
    this.offsets.commitWith(transaction, offsets, () => this.reconcile())
  }

  /** Where a member would begin with a partition if it were given it now. */
  positionOf(member: Membership, place: TopicPartition): number {
    return this.offsets.get(place)?.offset ?? this.#firstOffset(place, member.participant.startAt)
  }

  /** A rebalance that nobody asked for: what the member gives up is given away anew. */
  takeAllBack(member: Membership): void {
    void this.#takeBack(member, member.settled)
  }

  /** Takes back what others should hold, and gives away what nobody holds. */
  reconcile(): void {
    const target = assignPartitions(
      this.#members,
      (topic) => this.#topics.partitionCount(topic),
      (topic, partition) => this.#holderOf({ topic, partition }),
    )
    const given = new Map<Membership, TopicPartition[]>()
    const taken = new Map<Membership, TopicPartition[]>()
    for (const [topic, wantedOwners] of target) {
      for (const [partition, wanted] of wantedOwners.entries()) {
        const place = { topic, partition }
        const holder = this.#holderOf(place)
        if (holder === wanted) continue
        if (holder === undefined) {
          if (!this.offsets.isUndecided(place)) addTo(given, wanted, place)
        } else if (!holder.revoking.has(keyOf(place))) addTo(taken, holder, place)
      }
    }
    for (const [member, places] of given) {
      for (const place of places) member.held.set(keyOf(place), place)
    }
    for (const [member, places] of taken) void this.#takeBack(member, places)
    for (const [member, places] of given) {
      // Who was told before it may have made a member go.
      const still = places.filter((place) => member.held.has(keyOf(place)))
      if (still.length > 0) this.#assign(member, still)
    }
  }

  #assign(member: Membership, places: readonly TopicPartition[]): void {
    member.participant.assign(
      places.map((place) => ({
        ...place,
        offset: this.positionOf(member, place),
        metadata: this.offsets.get(place)?.metadata ?? '',
      })),
    )
  }

  #firstOffset(place: TopicPartition, startAt: Participant['startAt']): number {
    if (startAt === 'earliest') return 0
    const log = this.#topics.log(place)
    return startAt === 'latest' ? log.lastStableOffset : log.offsetAt(startAt.getTime())
  }

  async #takeBack(member: Membership, places: readonly TopicPartition[]): Promise<void> {
    const { participant } = member
    for (const place of places) member.revoking.add(keyOf(place))
    const timer = this.#timers.after(participant.rebalanceTimeoutMs, () => this.fence(member))
    await participant.revoke(places)
    timer.cancel()
    for (const place of places) {
      member.revoking.delete(keyOf(place))
      member.held.delete(keyOf(place))
    }
    this.reconcile()
  }

  #holderOf(place: TopicPartition): Membership | undefined {
    return this.#members.find((member) => member.held.has(keyOf(place)))
  }

  #checkHeld(membership: Membership | undefined, places: readonly TopicPartition[]): void {
    const holdsAll = places.every((place) => membership?.held.has(keyOf(place)))
    if (!holdsAll) throw new FencedMemberError(this.name)
  }
}

function addTo<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}
