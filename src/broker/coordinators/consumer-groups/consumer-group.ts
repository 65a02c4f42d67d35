// One consumer group of the new protocol (KIP-848): what its records say, and what follows from them.
// It changes by records and by nothing else, so that a group that is read back is the one that was.
// Invariants: a partition is in the hands of one member at most, those it still has to give up
// included; an epoch never goes back; a target belongs to a member.
// Source: KIP-848, KIP-1251 (a partition knows since which epoch its owner has it).

import type {
  ConsumerGroupRecord,
  CurrentAssignment,
  MemberMetadata,
  ResolvedRegex,
} from './records.ts'
import { hasPartition, type PartitionEpochs, type TopicPartitions } from './topic-partitions.ts'

export interface ConsumerMember extends MemberMetadata, CurrentAssignment {
  readonly memberId: string
}

export type ConsumerGroupState = 'Empty' | 'Assigning' | 'Reconciling' | 'Stable'

/** Of a request that joins, or joins again. */
export const JOINING_EPOCH = 0
/** A member's epoch once it has said that it leaves for good, and for a while (KIP-848). */
export const LEAVING_EPOCH = -1
export const STATIC_LEAVING_EPOCH = -2

/** Of a group whose members want nothing yet. */
const FIRST_EPOCH = 1

const NO_METADATA: MemberMetadata = {
  instanceId: null,
  rackId: null,
  clientId: '',
  clientHost: '',
  subscribedTopicNames: [],
  subscribedTopicRegex: '',
  rebalanceTimeoutMs: -1,
  serverAssignor: null,
}
const NOTHING: PartitionEpochs = new Map()
const NO_ASSIGNMENT: CurrentAssignment = {
  memberEpoch: 0,
  previousMemberEpoch: -1,
  state: 'stable',
  assigned: NOTHING,
  pendingRevocation: NOTHING,
}

/** Between the tombstones of a member that goes. */
const LEFT: CurrentAssignment = { ...NO_ASSIGNMENT, memberEpoch: LEAVING_EPOCH }

export const NO_TARGET: TopicPartitions = new Map()

/** A member before its first record. */
export function newMember(memberId: string): ConsumerMember {
  return { memberId, ...NO_METADATA, ...NO_ASSIGNMENT }
}

export class ConsumerGroup {
  readonly groupId: string
  #epoch = FIRST_EPOCH
  #metadataHash = 0
  #assignmentEpoch = FIRST_EPOCH
  #assignmentTimestampMs = 0
  #hasTopicsRecord = false
  readonly #members = new Map<string, ConsumerMember>()
  readonly #staticMembers = new Map<string, string>()
  readonly #targets = new Map<string, TopicPartitions>()
  readonly #regexes = new Map<string, ResolvedRegex>()
  /** By topic id, then by partition: the member that has it in its hands. */
  readonly #owners = new Map<string, Map<number, string>>()
  readonly #disputed = new Set<string>()
  /** How many members, or resolved expressions, subscribe to a topic. */
  readonly #topicCounts = new Map<string, number>()
  readonly #regexCounts = new Map<string, number>()
  readonly #assignorCounts = new Map<string, number>()
  /** The version of the topics that the group was last held against; none after a start. */
  topicsVersion = -1

  constructor(groupId: string) {
    this.groupId = groupId
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Of the topics that its members subscribe to, as of `epoch`. */
  get metadataHash(): number {
    return this.#metadataHash
  }

  /** The group epoch that the targets were computed for. */
  get assignmentEpoch(): number {
    return this.#assignmentEpoch
  }

  /** Calendar time; 0 when it is not known. */
  get assignmentTimestampMs(): number {
    return this.#assignmentTimestampMs
  }

  /** Kafka before 4.1 wrote one, which is to be deleted. */
  get hasTopicsRecord(): boolean {
    return this.#hasTopicsRecord
  }

  /** In the order in which they joined. */
  get members(): ReadonlyMap<string, ConsumerMember> {
    return this.#members
  }

  get regexes(): ReadonlyMap<string, ResolvedRegex> {
    return this.#regexes
  }

  get targets(): ReadonlyMap<string, TopicPartitions> {
    return this.#targets
  }

  /** Members whose records claim the same partition: part of them was never written. */
  get disputed(): ReadonlySet<string> {
    return this.#disputed
  }

  /** By name or by expression; topics that do not exist included. */
  get subscribedTopics(): ReadonlyMap<string, number> {
    return this.#topicCounts
  }

  /** How many members subscribe to each expression. */
  get subscribedRegexes(): ReadonlyMap<string, number> {
    return this.#regexCounts
  }

  /** How many members ask for each assignor. */
  get askedAssignors(): ReadonlyMap<string, number> {
    return this.#assignorCounts
  }

  get state(): ConsumerGroupState {
    if (this.#members.size === 0) return 'Empty'
    if (this.#epoch > this.#assignmentEpoch) return 'Assigning'
    for (const member of this.#members.values()) {
      if (!isReconciled(member, this.#assignmentEpoch)) return 'Reconciling'
    }
    return 'Stable'
  }

  staticMember(instanceId: string): ConsumerMember | undefined {
    const memberId = this.#staticMembers.get(instanceId)
    return memberId === undefined ? undefined : this.#members.get(memberId)
  }

  targetOf(memberId: string): TopicPartitions {
    return this.#targets.get(memberId) ?? NO_TARGET
  }

  ownerOf(topicId: string, partition: number): string | undefined {
    return this.#owners.get(topicId)?.get(partition)
  }

  /** The record was decided, or read back. */
  apply(record: ConsumerGroupRecord): void {
    switch (record.kind) {
      case 'consumer-group':
        this.#epoch = record.value?.epoch ?? FIRST_EPOCH
        this.#metadataHash = record.value?.metadataHash ?? 0
        return
      case 'consumer-group-topics':
        this.#hasTopicsRecord = record.value !== null
        return
      case 'consumer-target':
        this.#assignmentEpoch = record.value?.assignmentEpoch ?? FIRST_EPOCH
        this.#assignmentTimestampMs = record.value?.timestampMs ?? 0
        return
      case 'consumer-member-target':
        if (record.value === null) this.#targets.delete(record.memberId)
        else this.#targets.set(record.memberId, record.value)
        return
      case 'consumer-regex':
        this.#resolve(record.regex, record.value)
        return
      case 'consumer-member':
        if (record.value === null) this.#remove(record.memberId)
        else this.#setMetadata(record.memberId, record.value)
        return
      case 'consumer-member-assignment':
        this.#setAssignment(record.memberId, record.value ?? LEFT)
    }
  }

  #setMetadata(memberId: string, metadata: MemberMetadata): void {
    const before = this.#members.get(memberId)
    const after = { ...(before ?? newMember(memberId)), ...metadata }
    if (before !== undefined) this.#count(before, -1)
    this.#count(after, 1)
    this.#members.set(memberId, after)
  }

  #setAssignment(memberId: string, assignment: CurrentAssignment): void {
    const before = this.#members.get(memberId)
    const after = { ...(before ?? newMember(memberId)), ...assignment }
    if (before !== undefined) this.#release(before)
    this.#claim(after)
    this.#members.set(memberId, after)
  }

  #remove(memberId: string): void {
    const member = this.#members.get(memberId)
    if (member === undefined) return
    this.#members.delete(memberId)
    this.#count(member, -1)
    this.#release(member)
    this.#disputed.delete(memberId)
  }

  #count(member: ConsumerMember, by: 1 | -1): void {
    for (const name of member.subscribedTopicNames) add(this.#topicCounts, name, by)
    const { subscribedTopicRegex: regex, serverAssignor, instanceId, memberId } = member
    if (regex !== '') add(this.#regexCounts, regex, by)
    if (serverAssignor !== null) add(this.#assignorCounts, serverAssignor, by)
    if (instanceId === null) return
    if (by === 1) this.#staticMembers.set(instanceId, memberId)
    else if (this.#staticMembers.get(instanceId) === memberId) {
      this.#staticMembers.delete(instanceId)
    }
  }

  #resolve(regex: string, resolved: ResolvedRegex | null): void {
    for (const topic of this.#regexes.get(regex)?.topics ?? []) add(this.#topicCounts, topic, -1)
    if (resolved === null) this.#regexes.delete(regex)
    else this.#regexes.set(regex, resolved)
    for (const topic of resolved?.topics ?? []) add(this.#topicCounts, topic, 1)
  }

  #release({ memberId, assigned, pendingRevocation }: ConsumerMember): void {
    for (const epochs of [assigned, pendingRevocation]) {
      for (const [topicId, partitions] of epochs) {
        const owners = this.#owners.get(topicId)
        if (owners === undefined) continue
        for (const partition of partitions.keys()) {
          if (owners.get(partition) === memberId) owners.delete(partition)
        }
        if (owners.size === 0) this.#owners.delete(topicId)
      }
    }
  }

  #claim({ memberId, assigned, pendingRevocation }: ConsumerMember): void {
    for (const epochs of [assigned, pendingRevocation]) {
      for (const [topicId, partitions] of epochs) {
        const owners = this.#owners.get(topicId) ?? new Map<number, string>()
        this.#owners.set(topicId, owners)
        for (const partition of partitions.keys()) {
          const other = owners.get(partition)
          if (other !== undefined && other !== memberId) this.#dispute(other, memberId)
          owners.set(partition, memberId)
        }
      }
    }
  }

  #dispute(...memberIds: readonly string[]): void {
    for (const memberId of memberIds) this.#disputed.add(memberId)
  }
}

/** Has the member all that the target of that epoch gives it, and nothing else? */
export function isReconciled(member: ConsumerMember, assignmentEpoch: number): boolean {
  return member.state === 'stable' && member.memberEpoch === assignmentEpoch
}

/** The epoch since which the member has had a partition in its hands; undefined when it has not. */
export function assignedSince(
  { assigned, pendingRevocation }: ConsumerMember,
  topicId: string,
  partition: number,
): number | undefined {
  const epochs = hasPartition(assigned, topicId, partition) ? assigned : pendingRevocation
  return epochs.get(topicId)?.get(partition)
}

function add(counts: Map<string, number>, name: string, by: number): void {
  const count = (counts.get(name) ?? 0) + by
  if (count === 0) counts.delete(name)
  else counts.set(name, count)
}
