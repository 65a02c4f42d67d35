// The topics of a memory engine. Nothing is ever removed, and a topic keeps the partitions it was made with.

import type { TopicDescription, TopicSpec } from '../../transport/administration.ts'
import { UnknownTopicError } from '../../transport/errors.ts'
import type { TopicPartition } from '../../transport/group-member.ts'
import { PartitionLog } from './partition-log.ts'

export class Topics {
  readonly #defaultPartitions: number
  readonly #logs = new Map<string, readonly PartitionLog[]>()

  constructor(defaultPartitions: number) {
    this.#defaultPartitions = defaultPartitions
  }

  ensure(specs: readonly TopicSpec[]): void {
    for (const { name, partitions = this.#defaultPartitions } of specs) {
      if (this.#logs.has(name)) continue
      this.#logs.set(
        name,
        Array.from({ length: partitions }, (_, partition) => new PartitionLog(name, partition)),
      )
    }
  }

  describe(names: readonly string[]): readonly TopicDescription[] {
    return names.flatMap((name) => {
      const logs = this.#logs.get(name)
      return logs === undefined ? [] : [{ name, partitions: logs.length }]
    })
  }

  partitionCount(topic: string): number {
    return this.#logs.get(topic)?.length ?? 0
  }

  /** @throws UnknownTopicError also for a partition that the topic has not */
  log({ topic, partition }: TopicPartition): PartitionLog {
    const log = this.#logs.get(topic)?.[partition]
    if (log === undefined) throw new UnknownTopicError(topic)
    return log
  }
}
