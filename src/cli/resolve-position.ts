// From a position as a person writes it to an offset in each partition, within what is there.

import type { Cluster, TopicPartition } from './client/cluster.ts'
import {
  EARLIEST,
  type Isolation,
  LATEST,
  listOffsetsOf,
  type OffsetQuery,
} from './client/offsets.ts'
import type { Position } from './position.ts'

export interface ResolvedPosition extends TopicPartition {
  readonly startOffset: number
  /** Exclusive. */
  readonly endOffset: number
  /** Within startOffset..endOffset. */
  readonly offset: number
  /** What was asked for lies outside of what is there. */
  readonly wasMoved: boolean
}

/** One answer per partition, in their order. A time after the last record means the end. */
export async function resolvePositions(
  cluster: Cluster,
  partitions: readonly TopicPartition[],
  options: { position: Position; isolation?: Isolation },
): Promise<ResolvedPosition[]> {
  const { position, isolation = 'read_uncommitted' } = options
  const ask = (timestamp: number) => {
    const queries: OffsetQuery[] = partitions.map(({ topic, partition }) => {
      return { topic, partition, timestamp }
    })
    return listOffsetsOf(cluster, queries, { isolation })
  }
  const [starts, ends, times] = await Promise.all([
    ask(EARLIEST),
    ask(LATEST),
    position.kind === 'time' ? ask(position.timeMs) : undefined,
  ])
  return partitions.map(({ topic, partition }, index) => {
    const startOffset = starts[index]!.offset
    const endOffset = ends[index]!.offset
    const foundByTime = times?.[index]?.offset ?? -1
    const wanted = wantedOffset(position, { startOffset, endOffset, foundByTime })
    const offset = Math.min(Math.max(wanted, startOffset), endOffset)
    const wasMoved = position.kind === 'offset' && offset !== wanted
    return { topic, partition, startOffset, endOffset, offset, wasMoved }
  })
}

function wantedOffset(
  position: Position,
  bounds: { startOffset: number; endOffset: number; foundByTime: number },
): number {
  switch (position.kind) {
    case 'start':
      return bounds.startOffset
    case 'end':
      return bounds.endOffset
    case 'before-end':
      return bounds.endOffset - position.count
    case 'offset':
      return position.offset
    case 'time':
      return bounds.foundByTime < 0 ? bounds.endOffset : bounds.foundByTime
  }
}
