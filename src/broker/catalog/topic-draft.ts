// The topics of one request that are allowed but not written yet, seen together with those that
// exist: two topics of one request must not collide, and their partitions count together.

import { collisionKey } from './topic-name.ts'

/** What a decision on a new topic looks at. */
export interface KnownTopics {
  readonly partitionCount: number
  hasTopic(name: string): boolean
  /** The topic whose name differs from this one by '.' and '_' alone. */
  collidingTopic(name: string): string | undefined
}

export class TopicDraft implements KnownTopics {
  readonly #existing: KnownTopics
  readonly #nameByCollisionKey = new Map<string, string>()
  #partitionCount = 0

  constructor(existing: KnownTopics) {
    this.#existing = existing
  }

  add(name: string, partitions: number): void {
    this.#nameByCollisionKey.set(collisionKey(name), name)
    this.#partitionCount += partitions
  }

  clear(): void {
    this.#nameByCollisionKey.clear()
    this.#partitionCount = 0
  }

  get partitionCount(): number {
    return this.#existing.partitionCount + this.#partitionCount
  }

  hasTopic(name: string): boolean {
    return (
      this.#existing.hasTopic(name) || this.#nameByCollisionKey.get(collisionKey(name)) === name
    )
  }

  collidingTopic(name: string): string | undefined {
    const drafted = this.#nameByCollisionKey.get(collisionKey(name))
    return drafted === undefined || drafted === name ? this.#existing.collidingTopic(name) : drafted
  }
}
