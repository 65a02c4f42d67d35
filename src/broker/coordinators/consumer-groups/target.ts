// The target: what each member is to have once everybody has given up what it must. Computed for all
// members whenever the group's epoch has moved, and written where it changes.
// Source: KIP-848, KIP-1263 (not more often than the assignment interval).

import type { AssignedMember } from './assignment.ts'
import { ASSIGNORS } from './assignors.ts'
import type { Change } from './change.ts'
import type { ConsumerGroup, ConsumerMember } from './consumer-group.ts'
import type { ConsumerGroupSettings, Surroundings } from './input.ts'
import type { TopicsView } from './topics-view.ts'

/** Writes a new target when one is due. */
export function updateTarget(change: Change, { nowMs, settings, topics }: Surroundings): void {
  const { group } = change
  if (group.epoch <= group.assignmentEpoch || !isTargetDue(group, settings, nowMs)) return
  const assign = ASSIGNORS[assignorOf(group, settings)]!
  const partitionsOf = (topicId: string) => topics.byId(topicId)?.partitions ?? 0
  const assignment = assign({ members: assignedMembers(group, topics), partitionsOf })
  for (const [memberId, value] of assignment) {
    if (group.targets.get(memberId) === value) continue
    change.write({ kind: 'consumer-member-target', memberId, value })
  }
  const value = { assignmentEpoch: group.epoch, timestampMs: nowMs }
  change.write({ kind: 'consumer-target', value })
}

/** What most members ask for; without a wish the first that is configured. */
export function assignorOf(group: ConsumerGroup, { assignors }: ConsumerGroupSettings): string {
  const asked = group.askedAssignors
  const most = Math.max(0, ...assignors.map((name) => asked.get(name) ?? 0))
  const preferred = assignors.find((name) => (asked.get(name) ?? 0) === most)
  return preferred ?? assignors[0] ?? 'uniform'
}

function isTargetDue(
  group: ConsumerGroup,
  { assignmentIntervalMs }: ConsumerGroupSettings,
  nowMs: number,
): boolean {
  const lastMs = group.assignmentTimestampMs
  // A clock that was set back must not keep the group waiting.
  return lastMs === 0 || nowMs < lastMs || nowMs >= lastMs + assignmentIntervalMs
}

function assignedMembers(group: ConsumerGroup, topics: TopicsView): AssignedMember[] {
  const subscriptions = new Subscriptions(group, topics)
  return [...group.members.values()].map((member) => ({
    memberId: member.memberId,
    instanceId: member.instanceId,
    topicIds: subscriptions.topicIdsOf(member),
    target: group.targetOf(member.memberId),
  }))
}

/** Ids of existing topics by subscription: the same array for members with the same. */
class Subscriptions {
  readonly #group: ConsumerGroup
  readonly #topics: TopicsView
  readonly #bySubscription = new Map<string, readonly string[]>()
  readonly #byIds = new Map<string, readonly string[]>()

  constructor(group: ConsumerGroup, topics: TopicsView) {
    this.#group = group
    this.#topics = topics
  }

  topicIdsOf(member: ConsumerMember): readonly string[] {
    const { subscribedTopicNames, subscribedTopicRegex } = member
    const key = `${subscribedTopicRegex}\n${subscribedTopicNames.join('\n')}`
    const known = this.#bySubscription.get(key)
    if (known !== undefined) return known
    const ids = subscribedTopicIds(this.#group, member, this.#topics)
    const idsKey = ids.join('\n')
    const shared = this.#byIds.get(idsKey) ?? ids
    this.#byIds.set(idsKey, shared)
    this.#bySubscription.set(key, shared)
    return shared
  }
}

/** Of the topics that exist, in the order of their names. */
export function subscribedTopicIds(
  group: ConsumerGroup,
  { subscribedTopicNames, subscribedTopicRegex }: ConsumerMember,
  topics: TopicsView,
): readonly string[] {
  const matched = group.regexes.get(subscribedTopicRegex)?.topics ?? []
  const names = [...new Set([...subscribedTopicNames, ...matched])].sort()
  return names.flatMap((name) => topics.byName(name)?.id ?? [])
}
