// What operators see of a consumer group, in the words of ConsumerGroupDescribe.

import type { ConsumerGroup, ConsumerGroupState, ConsumerMember } from './consumer-group.ts'
import type { ConsumerGroupSettings } from './input.ts'
import { assignorOf } from './target.ts'
import type { PartitionEpochs, TopicPartitions } from './topic-partitions.ts'
import type { TopicsView } from './topics-view.ts'

export interface NamedPartitions {
  readonly topicId: string
  readonly topicName: string
  readonly partitions: readonly number[]
}

export interface DescribedMember {
  readonly memberId: string
  readonly instanceId: string | null
  readonly rackId: string | null
  readonly memberEpoch: number
  readonly clientId: string
  readonly clientHost: string
  readonly subscribedTopicNames: readonly string[]
  readonly subscribedTopicRegex: string | null
  /** What it has in hand, what it has to give up included. */
  readonly assignment: readonly NamedPartitions[]
  readonly targetAssignment: readonly NamedPartitions[]
}

export interface ConsumerGroupDescription {
  readonly groupState: ConsumerGroupState
  readonly groupEpoch: number
  readonly assignmentEpoch: number
  readonly assignorName: string
  readonly members: readonly DescribedMember[]
}

export function describeConsumerGroup(
  group: ConsumerGroup,
  { settings, topics }: { readonly settings: ConsumerGroupSettings; readonly topics: TopicsView },
): ConsumerGroupDescription {
  return {
    groupState: group.state,
    groupEpoch: group.epoch,
    assignmentEpoch: group.assignmentEpoch,
    assignorName: assignorOf(group, settings),
    members: [...group.members.values()].map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      rackId: member.rackId,
      memberEpoch: member.memberEpoch,
      clientId: member.clientId,
      clientHost: member.clientHost,
      subscribedTopicNames: member.subscribedTopicNames,
      subscribedTopicRegex: member.subscribedTopicRegex,
      assignment: named(inHand(member), topics),
      targetAssignment: named(group.targetOf(member.memberId), topics),
    })),
  }
}

/** Topics that were deleted are left out. */
function named(partitions: TopicPartitions, topics: TopicsView): NamedPartitions[] {
  return [...partitions].flatMap(([topicId, indexes]) => {
    const topic = topics.byId(topicId)
    return topic === undefined ? [] : { topicId, topicName: topic.name, partitions: indexes }
  })
}

function inHand({ assigned, pendingRevocation }: ConsumerMember): TopicPartitions {
  const all = new Map<string, readonly number[]>()
  for (const epochs of [assigned, pendingRevocation] satisfies PartitionEpochs[]) {
    for (const [topicId, partitions] of epochs) {
      const together = [...(all.get(topicId) ?? []), ...partitions.keys()]
      all.set(
        topicId,
        together.sort((a, b) => a - b),
      )
    }
  }
  return all
}
