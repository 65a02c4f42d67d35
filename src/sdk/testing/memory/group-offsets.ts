// What a group has committed. Offsets of an open transaction wait for its end; until then the
// partitions that they are for are undecided, and no member may begin to read them (KIP-447).

import type { OffsetCommit, TopicPartition } from '../../transport/group-member.ts'
import type { OpenTransaction } from './transactions.ts'

export class GroupOffsets {
  readonly #committed = new Map<string, OffsetCommit>()
  readonly #undecided = new Map<string, number>()

  get isEmpty(): boolean {
    return this.#committed.size === 0
  }

  get(partition: TopicPartition): OffsetCommit | undefined {
    return this.#committed.get(keyOf(partition))
  }

  isUndecided(partition: TopicPartition): boolean {
    return (this.#undecided.get(keyOf(partition)) ?? 0) > 0
  }

  commit(offsets: readonly OffsetCommit[]): void {
    for (const offset of offsets) this.#committed.set(keyOf(offset), { ...offset })
  }

  commitWith(
    transaction: OpenTransaction,
    offsets: readonly OffsetCommit[],
    onDecided: () => void,
  ): void {
    for (const offset of offsets) this.#addUndecided(offset, 1)
    transaction.onEnd((outcome) => {
      for (const offset of offsets) this.#addUndecided(offset, -1)
      if (outcome === 'committed') this.commit(offsets)
      onDecided()
    })
  }

  #addUndecided(partition: TopicPartition, count: number): void {
    const key = keyOf(partition)
    this.#undecided.set(key, (this.#undecided.get(key) ?? 0) + count)
  }
}

export function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
