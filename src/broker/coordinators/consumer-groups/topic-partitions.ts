// Sets of partitions by topic id, as members report them, targets name them and records keep them.

/** Partitions ascending. */
export type TopicPartitions = ReadonlyMap<string, readonly number[]>

/** Partitions ascending, each with the epoch in which its owner was given it (KIP-1251). */
export type PartitionEpochs = ReadonlyMap<string, ReadonlyMap<number, number>>

/** As requests and answers carry them. */
export type TopicPartitionList = readonly {
  readonly topicId: string
  readonly partitions: readonly number[]
}[]

export function hasPartition(epochs: PartitionEpochs, topicId: string, partition: number): boolean {
  return epochs.get(topicId)?.has(partition) ?? false
}

export function listOf(epochs: PartitionEpochs): TopicPartitionList {
  return [...epochs].map(([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions.keys()],
  }))
}

/** The same partitions, whatever their epochs. */
export function isSamePartitions(a: PartitionEpochs, b: PartitionEpochs): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId)
    if (others === undefined || others.size !== partitions.size) return false
    for (const partition of partitions.keys()) if (!others.has(partition)) return false
  }
  return true
}

/** The same partitions in the same hands since the same epochs. */
export function isSameEpochs(a: PartitionEpochs, b: PartitionEpochs): boolean {
  if (!isSamePartitions(a, b)) return false
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId)
    for (const [partition, epoch] of partitions) if (others?.get(partition) !== epoch) return false
  }
  return true
}

export function isSameTarget(a: TopicPartitions, b: TopicPartitions): boolean {
  if (a === b) return true
  if (a.size !== b.size) return false
  for (const [topicId, partitions] of a) {
    const others = b.get(topicId)
    if (others === undefined || others.length !== partitions.length) return false
    if (partitions.some((partition, index) => others[index] !== partition)) return false
  }
  return true
}
