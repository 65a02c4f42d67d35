// The partitions that a member has in hand: where each one is read on, and whether it may be read.

import type { AssignedPartition, TopicPartition } from '../../sdk/transport/group-member.ts'

export interface Holding extends TopicPartition {
  /** The next offset that `poll` gives. */
  nextOffset: number
  /** The member's owner knows that it is held. */
  isAnnounced: boolean
  isPaused: boolean
  /** It goes to another member soon: no more is read, what is finished can still be committed. */
  isLeaving: boolean
  /** On the monotonic clock: not asked for before. */
  restsUntilMs: number
  /** Those that gave records last stand last. */
  turn: number
}

export class Holdings {
  readonly #held = new Map<string, Holding>()
  #turns = 0

  get all(): readonly Holding[] {
    return [...this.#held.values()]
  }

  of(place: TopicPartition): Holding | undefined {
    return this.#held.get(keyOf(place))
  }

  /** The same stay, not one of the same partition before it. */
  isHeld(holding: Holding): boolean {
    return this.#held.get(keyOf(holding)) === holding
  }

  take(partitions: readonly AssignedPartition[]): void {
    for (const { topic, partition, offset } of partitions) {
      this.#held.set(keyOf({ topic, partition }), {
        topic,
        partition,
        nextOffset: offset,
        isAnnounced: false,
        isPaused: false,
        isLeaving: false,
        restsUntilMs: 0,
        turn: 0,
      })
    }
  }

  drop(partitions: readonly TopicPartition[]): void {
    for (const place of partitions) this.#held.delete(keyOf(place))
  }

  gaveRecords(holding: Holding): void {
    this.#turns += 1
    holding.turn = this.#turns
  }

  /** In turns. */
  readable(): readonly Holding[] {
    return this.all.filter(isReadable).sort((one, other) => one.turn - other.turn)
  }
}

export function isReadable({ isAnnounced, isPaused, isLeaving }: Holding): boolean {
  return isAnnounced && !isPaused && !isLeaving
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`
}
