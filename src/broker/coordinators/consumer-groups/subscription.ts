// What the group subscribes to, and when that makes a new group epoch: a member wants other topics, an
// expression matches others, or topics that are subscribed to come, go or get partitions.

import type { Change } from './change.ts'
import type { Surroundings } from './input.ts'
import { hashOfTopics } from './topics-view.ts'

/**
 * Brings the expressions up to date.
 * @returns whether one of them matches other topics than before
 */
export function resolveRegexes(change: Change, { resolved, topics, nowMs }: Surroundings): boolean {
  const { group } = change
  let hasChanged = false
  for (const regex of group.regexes.keys()) {
    if (group.subscribedRegexes.has(regex)) continue
    change.write({ kind: 'consumer-regex', regex, value: null })
    hasChanged = true
  }
  for (const [regex, matched] of resolved) {
    if (matched === 'invalid' || !group.subscribedRegexes.has(regex)) continue
    const before = group.regexes.get(regex)?.topics
    if (before !== undefined && isSame(before, matched)) continue
    const value = { topics: matched, version: topics.version, timestampMs: nowMs }
    change.write({ kind: 'consumer-regex', regex, value })
    hasChanged = true
  }
  return hasChanged
}

/** Moves the group to its next epoch if it must, or if its topics are not what they were. */
export function updateEpoch(change: Change, surroundings: Surroundings, isForced: boolean): void {
  const { group } = change
  const { topics } = surroundings
  if (!isForced && group.topicsVersion === topics.version) return
  const metadataHash = hashOfTopics(group.subscribedTopics.keys(), topics)
  group.topicsVersion = topics.version
  if (!isForced && metadataHash === group.metadataHash) return
  change.write({ kind: 'consumer-group', value: { epoch: group.epoch + 1, metadataHash } })
  if (group.hasTopicsRecord) change.write({ kind: 'consumer-group-topics', value: null })
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => b[index] === name)
}
