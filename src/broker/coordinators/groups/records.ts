// Keys and values of __consumer_offsets, as Kafka lays them out, so that its tools read our folders
// and we open folders that it wrote. A key begins with its record type, a value with its version; a
// value of null is a tombstone.
//
//   key   int16 type (0, 1 offset; 2 group), fields     value   int16 version, fields
//
// Those of consumer groups (KIP-848) are in consumer-groups/records.ts.
//
// Source: Kafka's OffsetCommitKey, OffsetCommitValue, GroupMetadataKey, GroupMetadataValue.

import { ZERO_UUID } from '../../bytes/uuid.ts'
import { array, bytes, int32, int64, string, uuid } from '../../wire/field.ts'
import { decodeVersioned, defineMessage, encodeVersioned, readVersion } from '../../wire/message.ts'
import {
  type ConsumerGroupRecord,
  decodeConsumerRecord,
  encodeConsumerRecord,
} from '../consumer-groups/records.ts'
import type { GroupMetadata } from './group-metadata.ts'
import type { CommittedOffset, TopicPartition } from './offsets.ts'

/** One record as data; `null` stands for the tombstone. */
export type GroupRecord =
  | { readonly kind: 'group'; readonly groupId: string; readonly metadata: GroupMetadata | null }
  | ({
      readonly kind: 'offset'
      readonly groupId: string
      readonly committed: CommittedOffset | null
    } & TopicPartition)
  /** Of groups of the new protocol (KIP-848). */
  | ConsumerGroupRecord

const LEGACY_OFFSET_KEY = 0
const OFFSET_KEY = 1
const GROUP_KEY = 2
/** What Kafka 4.3 writes. */
const OFFSET_VALUE_VERSION = 4
const GROUP_VALUE_VERSION = 3
/** The only version with an expiry of its own, for clients older than KIP-211. */
const EXPIRING_OFFSET_VALUE_VERSION = 1

const offsetKey = defineMessage({
  name: 'OffsetCommitKey',
  versions: [LEGACY_OFFSET_KEY, OFFSET_KEY],
  flexibleFrom: 'never',
  fields: { group: string('0+'), topic: string('0+'), partition: int32('0+') },
})

const offsetValue = defineMessage({
  name: 'OffsetCommitValue',
  versions: [0, 4],
  flexibleFrom: 4,
  fields: {
    offset: int64('0+'),
    leaderEpoch: int32('3+', { default: -1 }),
    metadata: string('0+'),
    commitTimestamp: int64('0+'),
    expireTimestamp: int64('1', { default: -1 }),
    topicId: uuid('4+', { tag: 0, default: ZERO_UUID }),
  },
})

const groupKey = defineMessage({
  name: 'GroupMetadataKey',
  versions: [GROUP_KEY, GROUP_KEY],
  flexibleFrom: 'never',
  fields: { group: string('0+') },
})

const groupValue = defineMessage({
  name: 'GroupMetadataValue',
  versions: [0, 4],
  flexibleFrom: 4,
  fields: {
    protocolType: string('0+'),
    generation: int32('0+'),
    protocol: string('0+', { nullable: '0+' }),
    leader: string('0+', { nullable: '0+' }),
    currentStateTimestamp: int64('2+', { default: -1 }),
    members: array('0+', {
      memberId: string('0+'),
      groupInstanceId: string('3+', { nullable: '3+', default: null }),
      clientId: string('0+'),
      clientHost: string('0+'),
      rebalanceTimeout: int32('1+', { default: -1 }),
      sessionTimeout: int32('0+'),
      subscription: bytes('0+'),
      assignment: bytes('0+'),
    }),
  },
})

export function encodeRecord(record: GroupRecord): { key: Buffer; value: Buffer | null } {
  if (record.kind === 'group') {
    const key = encodeVersioned(groupKey, GROUP_KEY, { group: record.groupId })
    const { metadata } = record
    if (metadata === null) return { key, value: null }
    return { key, value: encodeVersioned(groupValue, GROUP_VALUE_VERSION, metadata) }
  }
  if (record.kind !== 'offset') return encodeConsumerRecord(record)
  const { groupId, topic, partition, committed } = record
  const key = encodeVersioned(offsetKey, OFFSET_KEY, { group: groupId, topic, partition })
  return { key, value: committed === null ? null : encodeOffset(committed) }
}

/**
 * @returns undefined for record types that are not ours to keep (share groups and what else Kafka
 * keeps in the same topic)
 * @throws ProtocolError when the bytes are not what their type says
 */
export function decodeRecord(key: Buffer, value: Buffer | null): GroupRecord | undefined {
  const type = readVersion(key)
  if (offsetKey.has(type)) {
    const { group: groupId, topic, partition } = decodeVersioned(offsetKey, key).value
    const committed = value === null ? null : decodeOffset(value)
    return { kind: 'offset', groupId, topic, partition, committed }
  }
  if (!groupKey.has(type)) return decodeConsumerRecord(type, key, value)
  const { group: groupId } = decodeVersioned(groupKey, key).value
  return { kind: 'group', groupId, metadata: value === null ? null : decodeGroup(value) }
}

/** Copies what members keep: a view would hold on to the whole piece of log it was read from. */
function decodeGroup(bytesOfValue: Buffer): GroupMetadata {
  const { value } = decodeVersioned(groupValue, bytesOfValue)
  const members = value.members.map((member) => ({
    ...member,
    subscription: Buffer.from(member.subscription),
    assignment: Buffer.from(member.assignment),
  }))
  return { ...value, members }
}

function encodeOffset(committed: CommittedOffset): Buffer {
  const { offset, leaderEpoch, metadata, topicId } = committed
  const expires = committed.expireTimestampMs !== -1
  const version = expires ? EXPIRING_OFFSET_VALUE_VERSION : OFFSET_VALUE_VERSION
  return encodeVersioned(offsetValue, version, {
    offset,
    leaderEpoch,
    metadata,
    commitTimestamp: committed.commitTimestampMs,
    expireTimestamp: committed.expireTimestampMs,
    topicId,
  })
}

function decodeOffset(bytesOfValue: Buffer): CommittedOffset {
  const { value } = decodeVersioned(offsetValue, bytesOfValue)
  const { offset, leaderEpoch, metadata, topicId } = value
  return {
    offset,
    leaderEpoch,
    metadata,
    commitTimestampMs: value.commitTimestamp,
    expireTimestampMs: value.expireTimestamp,
    topicId,
  }
}
