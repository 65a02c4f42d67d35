// The partitions of some topics while they are given out: which are taken, and which come next.
// Invariant: a partition is taken by one member at most.

import type { TopicPartitions } from './topic-partitions.ts'

export interface Share {
  readonly target: TopicPartitions
  readonly count: number
}

export class PartitionPool {
  /** All partitions of the topics. */
  readonly total: number
  readonly #topicIds: readonly string[]
  /** By topic id, then by partition: 1 for taken. */
  readonly #taken = new Map<string, Uint8Array>()
  #nextTopic = 0
  #nextPartition = 0

  constructor(topicIds: readonly string[], partitionsOf: (topicId: string) => number) {
    this.#topicIds = topicIds
    let total = 0
    for (const topicId of topicIds) {
      const count = partitionsOf(topicId)
      this.#taken.set(topicId, new Uint8Array(count))
      total += count
    }
    this.total = total
  }

  /** Takes what is there and not taken, up to `most`. @returns the same object when that is all of it */
  keep(target: TopicPartitions, most: number): Share {
    let count = 0
    let isWhole = true
    const kept = new Map<string, readonly number[]>()
    for (const [topicId, partitions] of target) {
      const taken = this.#taken.get(topicId)
      const mine = partitions.filter((partition) => {
        // A partition that does not exist is undefined here, and one of another member is 1.
        if (count === most || taken?.[partition] !== 0) return false
        taken[partition] = 1
        count += 1
        return true
      })
      if (mine.length > 0) kept.set(topicId, mine)
      if (mine.length < partitions.length) isWhole = false
    }
    return { target: isWhole ? target : kept, count }
  }

  /** Gives back all but `count` partitions. */
  shrink(target: TopicPartitions, count: number): Share {
    for (const [topicId, partitions] of target) {
      for (const partition of partitions) this.#taken.get(topicId)![partition] = 0
    }
    return this.keep(target, count)
  }

  /** Adds free partitions, in the order of topics and partitions. @returns the same object for none */
  fill(target: TopicPartitions, count: number): TopicPartitions {
    if (count === 0) return target
    const added = new Map<string, number[]>()
    for (let left = count; left > 0; left--) {
      const place = this.#takeNext()
      if (place === undefined) break
      const partitions = added.get(place.topicId)
      if (partitions === undefined) added.set(place.topicId, [place.partition])
      else partitions.push(place.partition)
    }
    const filled = new Map(target)
    for (const [topicId, partitions] of added) {
      const all = [...(target.get(topicId) ?? []), ...partitions]
      filled.set(
        topicId,
        all.sort((a, b) => a - b),
      )
    }
    return filled
  }

  /** Takes what is left of one topic. */
  takeAll(topicId: string): readonly number[] {
    const taken = this.#taken.get(topicId)!
    const free: number[] = []
    for (let at = taken.indexOf(0); at !== -1; at = taken.indexOf(0, at + 1)) {
      taken[at] = 1
      free.push(at)
    }
    return free
  }

  #takeNext(): { topicId: string; partition: number } | undefined {
    while (this.#nextTopic < this.#topicIds.length) {
      const topicId = this.#topicIds[this.#nextTopic]!
      const taken = this.#taken.get(topicId)!
      const partition = taken.indexOf(0, this.#nextPartition)
      if (partition !== -1) {
        taken[partition] = 1
        this.#nextPartition = partition + 1
        return { topicId, partition }
      }
      this.#nextTopic += 1
      this.#nextPartition = 0
    }
    return undefined
  }
}
