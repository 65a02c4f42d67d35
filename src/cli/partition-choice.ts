// Which partitions a command is about: whole topics, or `-p 0,3` of them.

import type { Cluster, TopicPartition } from './client/cluster.ts'
import { CliError, ExitCode } from './exit-code.ts'
import { parseCount } from './key-values.ts'

/** @param text comma-separated partition numbers; undefined for all of them */
export function parsePartitions(text: string | undefined): readonly number[] | undefined {
  return text?.split(',').map((part) => parseCount(part.trim(), '--partition'))
}

/** @throws CliError (not found) when a topic lacks one of the partitions */
export async function choosePartitions(
  cluster: Cluster,
  topics: readonly string[],
  wanted: readonly number[] | undefined,
): Promise<TopicPartition[]> {
  const chosen: TopicPartition[] = []
  for (const topic of new Set(topics)) {
    const { partitions } = await cluster.topic(topic)
    const missing = wanted?.find((number) => number >= partitions.length)
    if (missing !== undefined) {
      const message = `Topic ${topic} has no partition ${missing}: it has 0 to ${partitions.length - 1}.`
      throw new CliError(ExitCode.NOT_FOUND, message)
    }
    for (const { partition } of partitions) {
      if (wanted === undefined || wanted.includes(partition)) chosen.push({ topic, partition })
    }
  }
  return chosen
}
