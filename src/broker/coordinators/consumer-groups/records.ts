// Keys and values of a consumer group in __consumer_offsets, as Kafka 4.3 lays them out, so that its
// tools read our folders and we open folders that it wrote. All keys are of version 0 of their type,
// all values of version 0.
//
//   type  3  group: epoch, hash of the topics       6  target: epoch, when it was computed
//         4  topics (before Kafka 4.1)              7  a member's target
//         5  a member: who it is, what it wants     8  a member's epoch and partitions
//        16  a regular expression: the topics that it matched
//
// Source: Kafka's ConsumerGroupMetadataKey and -Value, and their siblings.

import { DecodeError } from '../../bytes/reader.ts'
import {
  array,
  bytes,
  int8,
  int32,
  int64,
  saturatingInt64,
  string,
  struct,
  uuid,
} from '../../wire/field.ts'
import { decodeVersioned, defineMessage, encodeVersioned } from '../../wire/message.ts'
import type { PartitionEpochs, TopicPartitions } from './topic-partitions.ts'

export interface MemberMetadata {
  /** KIP-345; null for a dynamic member. */
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly clientId: string
  readonly clientHost: string
  readonly subscribedTopicNames: readonly string[]
  /** '' for none. */
  readonly subscribedTopicRegex: string
  readonly rebalanceTimeoutMs: number
  /** null leaves it to the others, or to the broker. */
  readonly serverAssignor: string | null
}

/**
 * `unrevoked`: it has to give up partitions first. `unreleased`: others have to, before it has all
 * of its target.
 */
export type MemberState = 'stable' | 'unrevoked' | 'unreleased'

export interface CurrentAssignment {
  readonly memberEpoch: number
  /** Accepted from a member that missed the answer with the new one. */
  readonly previousMemberEpoch: number
  readonly state: MemberState
  readonly assigned: PartitionEpochs
  readonly pendingRevocation: PartitionEpochs
}

export interface ResolvedRegex {
  /** Ascending. */
  readonly topics: readonly string[]
  readonly version: number
  readonly timestampMs: number
}

interface Keyed<Kind extends string, Value> {
  readonly kind: Kind
  readonly groupId: string
  /** null is the tombstone. */
  readonly value: Value | null
}

interface KeyedByMember<Kind extends string, Value> extends Keyed<Kind, Value> {
  readonly memberId: string
}

/** One record as data. */
export type ConsumerGroupRecord =
  | Keyed<'consumer-group', { readonly epoch: number; readonly metadataHash: number }>
  /** Only deleted, never written, and not looked into. */
  | Keyed<'consumer-group-topics', 'unread'>
  | KeyedByMember<'consumer-member', MemberMetadata>
  | Keyed<'consumer-target', { readonly assignmentEpoch: number; readonly timestampMs: number }>
  | KeyedByMember<'consumer-member-target', TopicPartitions>
  | KeyedByMember<'consumer-member-assignment', CurrentAssignment>
  | (Keyed<'consumer-regex', ResolvedRegex> & { readonly regex: string })

type Kind = ConsumerGroupRecord['kind']

const GROUP = 3
const GROUP_TOPICS = 4
const MEMBER = 5
const TARGET = 6
const MEMBER_TARGET = 7
const MEMBER_ASSIGNMENT = 8
const REGEX = 16
const VALUE_VERSION = 0

const groupKeys = new Map(
  ([GROUP, GROUP_TOPICS, TARGET] as const).map((type) => [type, groupKey(type)]),
)
const memberKeys = new Map(
  ([MEMBER, MEMBER_TARGET, MEMBER_ASSIGNMENT] as const).map((type) => [type, memberKey(type)]),
)

function groupKey(type: number) {
  return defineMessage({
    name: `ConsumerGroupKey of type ${type}`,
    versions: [type, type],
    flexibleFrom: 'never',
    fields: { groupId: string('0+') },
  })
}

function memberKey(type: number) {
  return defineMessage({
    name: `ConsumerGroupMemberKey of type ${type}`,
    versions: [type, type],
    flexibleFrom: 'never',
    fields: { groupId: string('0+'), memberId: string('0+') },
  })
}

const regexKey = defineMessage({
  name: 'ConsumerGroupRegularExpressionKey',
  versions: [REGEX, REGEX],
  flexibleFrom: 'never',
  fields: { groupId: string('0+'), regularExpression: string('0+') },
})

const groupValue = defineMessage({
  name: 'ConsumerGroupMetadataValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    epoch: int32('0+'),
    // Of 64 bits in Kafka: one of its own only has to differ from ours, which makes it one of ours.
    metadataHash: saturatingInt64('0+', { tag: 0, default: 0 }),
  },
})

const memberValue = defineMessage({
  name: 'ConsumerGroupMemberMetadataValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    instanceId: string('0+', { nullable: '0+' }),
    rackId: string('0+', { nullable: '0+' }),
    clientId: string('0+'),
    clientHost: string('0+'),
    subscribedTopicNames: array('0+', 'string'),
    subscribedTopicRegex: string('0+', { nullable: '0+' }),
    rebalanceTimeoutMs: int32('0+', { default: -1 }),
    serverAssignor: string('0+', { nullable: '0+' }),
    // Of members that speak the classic protocol in a group of the new one. Kafka's default is an
    // empty one, so that every other member says that it has none.
    classicMemberMetadata: struct(
      '0+',
      { nullable: '0+', tag: 0 },
      {
        sessionTimeoutMs: int32('0+'),
        supportedProtocols: array('0+', { name: string('0+'), metadata: bytes('0+') }),
      },
    ),
  },
})

const targetValue = defineMessage({
  name: 'ConsumerGroupTargetAssignmentMetadataValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    assignmentEpoch: int32('0+'),
    assignmentTimestamp: int64('0+', { tag: 0, default: 0 }),
  },
})

const memberTargetValue = defineMessage({
  name: 'ConsumerGroupTargetAssignmentMemberValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    topicPartitions: array('0+', { topicId: uuid('0+'), partitions: array('0+', 'int32') }),
  },
})

const ownedPartitions = {
  topicId: uuid('0+'),
  partitions: array('0+', 'int32'),
  assignmentEpochs: array('0+', { nullable: '0+', tag: 0, default: null }, 'int32'),
} as const

const memberAssignmentValue = defineMessage({
  name: 'ConsumerGroupCurrentMemberAssignmentValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: {
    memberEpoch: int32('0+'),
    previousMemberEpoch: int32('0+'),
    state: int8('0+'),
    assignedPartitions: array('0+', ownedPartitions),
    partitionsPendingRevocation: array('0+', ownedPartitions),
  },
})

const regexValue = defineMessage({
  name: 'ConsumerGroupRegularExpressionValue',
  versions: [0, 0],
  flexibleFrom: 0,
  fields: { topics: array('0+', 'string'), version: int64('0+'), timestamp: int64('0+') },
})

/** In the order of their bytes. */
const STATES: readonly MemberState[] = ['stable', 'unrevoked', 'unreleased']

export function encodeConsumerRecord(record: ConsumerGroupRecord): {
  key: Buffer
  value: Buffer | null
} {
  return { key: encodeKey(record), value: record.value === null ? null : encodeValue(record) }
}

/** @returns undefined for types of records that a consumer group has not */
export function decodeConsumerRecord(
  type: number,
  key: Buffer,
  value: Buffer | null,
): ConsumerGroupRecord | undefined {
  if (type === REGEX) {
    const { groupId, regularExpression: regex } = decodeVersioned(regexKey, key).value
    return { kind: 'consumer-regex', groupId, regex, value: value && decodeRegex(value) }
  }
  const groupKeyOfType = groupKeys.get(type as never)
  if (groupKeyOfType !== undefined) {
    return decodeOfGroup(type, decodeVersioned(groupKeyOfType, key).value.groupId, value)
  }
  const memberKeyOfType = memberKeys.get(type as never)
  if (memberKeyOfType === undefined) return undefined
  const { groupId, memberId } = decodeVersioned(memberKeyOfType, key).value
  return decodeOfMember(type, { groupId, memberId }, value)
}

/** What a later record of the same kind replaces; also the order in which records are applied. */
export function keyOf(record: ConsumerGroupRecord): string {
  if (record.kind === 'consumer-regex') return `${record.kind} ${record.regex}`
  return 'memberId' in record ? `${record.kind} ${record.memberId}` : record.kind
}

const TYPES: Readonly<Record<Kind, number>> = {
  'consumer-group': GROUP,
  'consumer-group-topics': GROUP_TOPICS,
  'consumer-member': MEMBER,
  'consumer-target': TARGET,
  'consumer-member-target': MEMBER_TARGET,
  'consumer-member-assignment': MEMBER_ASSIGNMENT,
  'consumer-regex': REGEX,
}

function encodeKey(record: ConsumerGroupRecord): Buffer {
  const type = TYPES[record.kind]
  const { groupId } = record
  if (record.kind === 'consumer-regex') {
    return encodeVersioned(regexKey, type, { groupId, regularExpression: record.regex })
  }
  if ('memberId' in record) {
    return encodeVersioned(memberKeys.get(type as never)!, type, {
      groupId,
      memberId: record.memberId,
    })
  }
  return encodeVersioned(groupKeys.get(type as never)!, type, { groupId })
}

function encodeValue(record: ConsumerGroupRecord): Buffer | null {
  switch (record.kind) {
    case 'consumer-group':
      return encodeVersioned(groupValue, VALUE_VERSION, record.value!)
    case 'consumer-group-topics':
      throw new Error('the topics of a group are no longer written')
    case 'consumer-member':
      return encodeVersioned(memberValue, VALUE_VERSION, {
        ...record.value!,
        classicMemberMetadata: null,
      })
    case 'consumer-target': {
      const { assignmentEpoch, timestampMs } = record.value!
      const value = { assignmentEpoch, assignmentTimestamp: timestampMs }
      return encodeVersioned(targetValue, VALUE_VERSION, value)
    }
    case 'consumer-member-target': {
      const topicPartitions = [...record.value!].map(([topicId, partitions]) => ({
        topicId,
        partitions,
      }))
      return encodeVersioned(memberTargetValue, VALUE_VERSION, { topicPartitions })
    }
    case 'consumer-member-assignment':
      return encodeAssignment(record.value!)
    case 'consumer-regex': {
      const { topics, version, timestampMs: timestamp } = record.value!
      return encodeVersioned(regexValue, VALUE_VERSION, { topics, version, timestamp })
    }
  }
}

function encodeAssignment(assignment: CurrentAssignment): Buffer {
  return encodeVersioned(memberAssignmentValue, VALUE_VERSION, {
    memberEpoch: assignment.memberEpoch,
    previousMemberEpoch: assignment.previousMemberEpoch,
    state: STATES.indexOf(assignment.state),
    assignedPartitions: encodeEpochs(assignment.assigned),
    partitionsPendingRevocation: encodeEpochs(assignment.pendingRevocation),
  })
}

function encodeEpochs(epochs: PartitionEpochs) {
  return [...epochs].map(([topicId, partitions]) => ({
    topicId,
    partitions: [...partitions.keys()],
    assignmentEpochs: [...partitions.values()],
  }))
}

function decodeOfGroup(type: number, groupId: string, value: Buffer | null): ConsumerGroupRecord {
  if (type === GROUP_TOPICS) {
    return { kind: 'consumer-group-topics', groupId, value: value && 'unread' }
  }
  if (type === GROUP) {
    const decoded = value && decodeVersioned(groupValue, value).value
    return { kind: 'consumer-group', groupId, value: decoded }
  }
  if (value === null) return { kind: 'consumer-target', groupId, value }
  const { assignmentEpoch, assignmentTimestamp } = decodeVersioned(targetValue, value).value
  const target = { assignmentEpoch, timestampMs: assignmentTimestamp }
  return { kind: 'consumer-target', groupId, value: target }
}

function decodeOfMember(
  type: number,
  key: { readonly groupId: string; readonly memberId: string },
  value: Buffer | null,
): ConsumerGroupRecord {
  if (type === MEMBER) {
    return { kind: 'consumer-member', ...key, value: value && decodeMember(value) }
  }
  if (type === MEMBER_ASSIGNMENT) {
    return { kind: 'consumer-member-assignment', ...key, value: value && decodeAssignment(value) }
  }
  if (value === null) return { kind: 'consumer-member-target', ...key, value }
  const { topicPartitions } = decodeVersioned(memberTargetValue, value).value
  const target = new Map(
    topicPartitions.map(({ topicId, partitions }) => [topicId, ascending(partitions)]),
  )
  return { kind: 'consumer-member-target', ...key, value: target }
}

function decodeMember(value: Buffer): MemberMetadata {
  const { classicMemberMetadata: _, ...member } = decodeVersioned(memberValue, value).value
  return { ...member, subscribedTopicRegex: member.subscribedTopicRegex ?? '' }
}

function decodeAssignment(bytesOfValue: Buffer): CurrentAssignment {
  const { value } = decodeVersioned(memberAssignmentValue, bytesOfValue)
  const { memberEpoch, previousMemberEpoch } = value
  const state = STATES[value.state]
  if (state === undefined) throw new DecodeError(`there is no member state ${value.state}`, 0)
  return {
    memberEpoch,
    previousMemberEpoch,
    state,
    assigned: decodeEpochs(value.assignedPartitions, memberEpoch),
    pendingRevocation: decodeEpochs(value.partitionsPendingRevocation, memberEpoch),
  }
}

/** @param memberEpoch stands for epochs that Kafka before 4.3 did not write */
function decodeEpochs(
  list: readonly {
    readonly topicId: string
    readonly partitions: readonly number[]
    readonly assignmentEpochs: readonly number[] | null
  }[],
  memberEpoch: number,
): PartitionEpochs {
  return new Map(
    list.map(({ topicId, partitions, assignmentEpochs }) => {
      const epochs = partitions.map(
        (partition, index) => [partition, assignmentEpochs?.[index] ?? memberEpoch] as const,
      )
      return [topicId, new Map(epochs.sort(([a], [b]) => a - b))]
    }),
  )
}

function decodeRegex(value: Buffer): ResolvedRegex {
  const { topics, version, timestamp } = decodeVersioned(regexValue, value).value
  return { topics: [...topics].sort(), version, timestampMs: timestamp }
}

function ascending(partitions: readonly number[]): readonly number[] {
  return [...partitions].sort((a, b) => a - b)
}
