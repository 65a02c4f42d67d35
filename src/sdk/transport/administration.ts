// Topics and groups of an engine, as far as an application needs them.

import type { OffsetCommit, TopicPartition } from './group-member.ts'

export interface TopicSpec {
  readonly name: string
  /** Undefined: as many as the engine gives by default. */
  readonly partitions?: number
  /** Kafka's topic configuration, as far as the engine has it. */
  readonly config?: Readonly<Record<string, string>>
}

export interface TopicDescription {
  readonly name: string
  readonly partitions: number
}

export interface Administration {
  /** Makes those that are missing; existing ones are left as they are. Answers with what stands now. */
  ensureTopics(topics: readonly TopicSpec[]): Promise<readonly TopicDescription[]>
  /** Only those that exist. */
  describeTopics(names: readonly string[]): Promise<readonly TopicDescription[]>
  /** What a group has committed for these partitions; those without a commit are left out. */
  committed(group: string, partitions: readonly TopicPartition[]): Promise<readonly OffsetCommit[]>
  /** Names of the groups that have members or commits. */
  groups(): Promise<readonly string[]>
}
