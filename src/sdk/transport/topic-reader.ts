// Reading by partition, without a group: nothing is joined, nothing is committed.

import type { FetchedPartition, TopicPartition } from './group-member.ts'

export interface TopicReader {
  /**
   * Records from `fromOffset` on, or from the first that is kept; none at the end, after `waitMs`
   * (none: at once) or when `signal` is aborted.
   * @param maxBytes soft limit: one batch is returned even when it is larger
   * @throws UnknownTopicError
   */
  read(request: ReadRequest): Promise<FetchedPartition>
  /**
   * First offset still kept, and the end of what can be read.
   * @throws UnknownTopicError
   */
  bounds(partitions: readonly TopicPartition[]): Promise<readonly PartitionBounds[]>
}

export interface ReadRequest extends TopicPartition {
  readonly fromOffset: number
  readonly maxBytes: number
  readonly waitMs?: number
  readonly signal?: AbortSignal
}

export interface PartitionBounds extends TopicPartition {
  readonly startOffset: number
  readonly endOffset: number
}
