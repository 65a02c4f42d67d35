// The committed offsets of one group, and when they may be forgotten. What is in the table is
// durable: a commit enters it once its record is, so a failed append needs no undoing. Partitions
// whose record is still under way are counted, so that a deletion reaches those as well. Offsets of a
// transaction are staged beside the table until it ends; what is committed plainly after them stays.
// Source: KIP-98 (staged offsets), KIP-211 (offsets of a living group never expire), KIP-848 (topic ids in commits).

import { ZERO_UUID } from '../../bytes/uuid.ts'
import { CONSUMER_PROTOCOL_TYPE, type Group, isSubscribedTo } from './group.ts'

export interface CommittedOffset {
  readonly offset: number
  /** -1 when the client didn't say. */
  readonly leaderEpoch: number
  /** The client's own; '' when it gave none. */
  readonly metadata: string
  readonly commitTimestampMs: number
  /** Set by clients older than KIP-211, which chose a retention per commit; else -1. */
  readonly expireTimestampMs: number
  /** ZERO_UUID in records that Kafka wrote before 4.1. */
  readonly topicId: string
}

export interface TopicPartition {
  readonly topic: string
  readonly partition: number
}

export class GroupOffsets {
  readonly #topics = new Map<string, Map<number, CommittedOffset>>()
  /** Partitions with records under way, by how many. */
  readonly #underWay = new Map<string, Map<number, number>>()
  /** By producer id, then by partition. */
  readonly #staged = new Map<number, Map<string, StagedOffset>>()

  /** Neither committed offsets nor any under way or staged. */
  get isEmpty(): boolean {
    return this.#topics.size === 0 && this.#underWay.size === 0 && this.#staged.size === 0
  }

  /** The record is durable. @param committed null to forget the partition */
  apply({ topic, partition }: TopicPartition, committed: CommittedOffset | null): void {
    for (const [producerId, staged] of this.#staged) {
      staged.delete(stagedKey({ topic, partition }))
      if (staged.size === 0) this.#staged.delete(producerId)
    }
    const partitions = this.#topics.get(topic)
    if (committed !== null) {
      if (partitions === undefined) this.#topics.set(topic, new Map([[partition, committed]]))
      else partitions.set(partition, committed)
      return
    }
    partitions?.delete(partition)
    if (partitions?.size === 0) this.#topics.delete(topic)
  }

  /** The record is durable, and counts from the commit of its producer's transaction on. */
  stage(producerId: number, place: TopicPartition, committed: CommittedOffset | null): void {
    const staged = this.#staged.get(producerId) ?? new Map<string, StagedOffset>()
    staged.set(stagedKey(place), { place, committed })
    this.#staged.set(producerId, staged)
  }

  /** The producer's transaction is over. @returns whether it had staged anything here */
  endTransaction(producerId: number, isCommit: boolean): boolean {
    const staged = this.#staged.get(producerId)
    if (staged === undefined) return false
    this.#staged.delete(producerId)
    const settled = isCommit ? [...staged.values()] : []
    for (const { place, committed } of settled) this.apply(place, committed)
    return true
  }

  /** Whether a transaction that is still open may change the offset of this partition. */
  isUnstable(place: TopicPartition): boolean {
    if (this.#staged.size === 0) return false
    const key = stagedKey(place)
    for (const staged of this.#staged.values()) if (staged.has(key)) return true
    return false
  }

  /**
   * @param topicId the topic as it is now, to leave out what was committed to an older topic of the
   * same name; ZERO_UUID asks by name only
   */
  get({ topic, partition }: TopicPartition, topicId: string): CommittedOffset | undefined {
    const committed = this.#topics.get(topic)?.get(partition)
    if (committed === undefined) return undefined
    const isById = committed.topicId !== ZERO_UUID && topicId !== ZERO_UUID
    return isById && committed.topicId !== topicId ? undefined : committed
  }

  topics(): Iterable<[string, ReadonlyMap<number, CommittedOffset>]> {
    return this.#topics
  }

  /** Records for these partitions were handed to the log. */
  begin(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const counts = this.#underWay.get(topic) ?? new Map<number, number>()
      counts.set(partition, (counts.get(partition) ?? 0) + 1)
      this.#underWay.set(topic, counts)
    }
  }

  /** Those records are durable or failed. */
  end(partitions: readonly TopicPartition[]): void {
    for (const { topic, partition } of partitions) {
      const counts = this.#underWay.get(topic)
      if (counts === undefined) continue
      const left = (counts.get(partition) ?? 1) - 1
      if (left > 0) counts.set(partition, left)
      else counts.delete(partition)
      if (counts.size === 0) this.#underWay.delete(topic)
    }
  }

  /** Everything that a tombstone has to be written for, records under way and staged included. */
  partitions(topic?: string): TopicPartition[] {
    const found: TopicPartition[] = []
    const staged = this.#stagedPlaces()
    const names = topic === undefined ? this.#names(staged) : [topic]
    for (const name of names) {
      const known = new Set(this.#topics.get(name)?.keys())
      for (const partition of this.#underWay.get(name)?.keys() ?? []) known.add(partition)
      for (const place of staged) if (place.topic === name) known.add(place.partition)
      for (const partition of known) found.push({ topic: name, partition })
    }
    return found
  }

  #names(staged: readonly TopicPartition[]): Set<string> {
    const stagedNames = staged.map(({ topic }) => topic)
    return new Set([...this.#topics.keys(), ...this.#underWay.keys(), ...stagedNames])
  }

  #stagedPlaces(): TopicPartition[] {
    return [...this.#staged.values()].flatMap((staged) =>
      [...staged.values()].map(({ place }) => place),
    )
  }
}

interface StagedOffset {
  readonly place: TopicPartition
  readonly committed: CommittedOffset | null
}

/** Topics have no space in their names. */
function stagedKey({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`
}

/** When the offsets of a group that may expire do. */
export interface ExpiryRule {
  /** The group lost its last member then; null when it is the commit that counts. */
  readonly emptySinceMs: number | null
  isSubscribedTo(topic: string): boolean
}

/** @returns undefined while no offset of the group may expire */
export function expiryRuleOf(group: Group): ExpiryRule | undefined {
  if (!mayExpire(group)) return undefined
  const isEmptyOne = group.protocolType !== null && group.state === 'Empty'
  return {
    emptySinceMs: isEmptyOne ? group.stateSinceMs : null,
    isSubscribedTo: (topic) => isSubscribedTo(group, topic),
  }
}

/**
 * Partitions whose offset has expired: `retentionMs` after the group lost its last member, or, where
 * there is no such moment (a group that only holds offsets, one of the new protocol, a topic that no
 * member subscribes to any more), after the commit.
 */
export function expiredOffsets(
  rule: ExpiryRule | undefined,
  offsets: GroupOffsets,
  { nowMs, retentionMs }: { readonly nowMs: number; readonly retentionMs: number },
): TopicPartition[] {
  if (rule === undefined) return []
  const expired: TopicPartition[] = []
  for (const [topic, partitions] of offsets.topics()) {
    if (rule.isSubscribedTo(topic)) continue
    for (const [partition, { commitTimestampMs, expireTimestampMs }] of partitions) {
      if (offsets.isUnstable({ topic, partition })) continue
      const sinceMs = rule.emptySinceMs ?? commitTimestampMs
      const expiresAtMs = expireTimestampMs === -1 ? sinceMs + retentionMs : expireTimestampMs
      if (nowMs >= expiresAtMs) expired.push({ topic, partition })
    }
  }
  return expired
}

/** In a group with members only a stable consumer group tells what is no longer read. */
function mayExpire(group: Group): boolean {
  if (group.protocolType === null || group.state === 'Empty') return true
  const isStable = group.state === 'Stable'
  return (
    isStable && group.protocolType === CONSUMER_PROTOCOL_TYPE && group.subscribedTopics !== null
  )
}
