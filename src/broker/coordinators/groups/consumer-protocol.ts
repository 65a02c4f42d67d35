// The one kind of member metadata that the broker looks into: the consumers' own subscription. It
// must know which topics are being read, so that it neither deletes nor expires their offsets.
// Source: Kafka's ConsumerProtocolSubscription.

import { DecodeError, Reader } from '../../bytes/reader.ts'
import { array, bytes, int32, string } from '../../wire/field.ts'
import { defineMessage } from '../../wire/message.ts'
import { CONSUMER_PROTOCOL_TYPE, type Group } from './group.ts'
import { metadataFor } from './protocol-vote.ts'

const subscription = defineMessage({
  name: 'ConsumerProtocolSubscription',
  versions: [0, 3],
  flexibleFrom: 'never',
  fields: {
    topics: array('0+', 'string'),
    userData: bytes('0+', { nullable: '0+', default: null }),
    ownedPartitions: array('1+', { topic: string('1+'), partitions: array('1+', 'int32') }),
    generationId: int32('2+', { default: -1 }),
    rackId: string('3+', { nullable: '3+', default: null }),
  },
})

/** Fields are only ever added, so that the oldest layout reads what every version begins with. */
const TOPICS_LAYOUT = 0

/**
 * Topics that any member of the generation subscribes to.
 * @returns null when the protocol is not the consumers' own or a member's metadata is unreadable
 */
export function subscribedTopics(
  group: Pick<Group, 'protocolType' | 'protocolName' | 'members'>,
): ReadonlySet<string> | null {
  if (group.protocolType !== CONSUMER_PROTOCOL_TYPE) return null
  const topics = new Set<string>()
  for (const member of group.members.values()) {
    const subscribed = readTopics(metadataFor(member, group.protocolName))
    if (subscribed === undefined) return null
    for (const topic of subscribed) topics.add(topic)
  }
  return topics
}

function readTopics(metadata: Buffer): readonly string[] | undefined {
  try {
    const reader = new Reader(metadata)
    reader.int16() // the writer's version
    return subscription.read(reader, TOPICS_LAYOUT).topics
  } catch (error) {
    if (error instanceof DecodeError) return undefined
    throw error
  }
}
