// Every configuration key that this broker knows, by what it belongs to: all of Kafka 4.3's and our
// own. Invariant: the broker keys that give a topic key its default are made from the topic's row, so
// type, bounds and effect agree.

import { actingBrokerConfigKeys } from './broker-config-keys.ts'
import type { ConfigEffect, ConfigKey, InertGroup } from './config-key.ts'
import { inertConfigKeys } from './inert-config-keys.ts'
import { splitListenerKey } from './listener-keys.ts'
import { refusedConfigKeys } from './refused-config-keys.ts'
import { topicConfigKeys } from './topic-config-keys.ts'

/** Where a fallback is not like its topic key. */
const ownFallbackTraits: Readonly<Record<string, Partial<ConfigKey>>> = {
  'log.flush.interval.ms': { differs: { kafkaDefault: null, why: 'as `flush.ms`.' } },
  'log.retention.ms': { defaultText: null },
  'log.retention.minutes': { type: 'int', defaultText: null, altersAtRunTime: false },
  'log.retention.hours': { type: 'int', defaultText: '168', altersAtRunTime: false },
  'log.roll.ms': { defaultText: null },
  'log.roll.hours': { type: 'int', defaultText: '168', altersAtRunTime: false },
  'log.roll.jitter.ms': { defaultText: null },
  'log.roll.jitter.hours': { type: 'int', defaultText: '0', altersAtRunTime: false },
}

/** Keys that Kafka's tools set and delete on running brokers, and that no broker lists by itself. */
const throttleKeys: readonly ConfigKey[] = [
  'leader.replication.throttled.rate',
  'follower.replication.throttled.rate',
  'replica.alter.log.dirs.io.max.bytes.per.second',
].map((name) => ({
  name,
  type: 'long',
  defaultText: '9223372036854775807',
  effect: 'none',
  about: 'There is one node: nothing is replicated or moved.',
  altersAtRunTime: true,
  fallbacks: [],
  isInternal: true,
}))

export const brokerConfigKeys: ReadonlyMap<string, ConfigKey> = new Map(
  [
    ...actingBrokerConfigKeys,
    ...fallbackKeys(),
    ...inertKeys(inertConfigKeys, 'none'),
    ...inertKeys(refusedConfigKeys, 'refused'),
    ...throttleKeys,
  ].map((key) => [key.name, key]),
)

/** A key of the broker, also one for a single listener. */
export function brokerConfigKey(name: string): ConfigKey | undefined {
  const known = brokerConfigKeys.get(name)
  if (known !== undefined) return known
  const parts = splitListenerKey(name)
  const base = parts && brokerConfigKeys.get(parts.key)
  return base && { ...base, name, defaultText: null, altersAtRunTime: parts.altersAtRunTime }
}

function* fallbackKeys(): Generator<ConfigKey> {
  for (const topicKey of topicConfigKeys.values()) {
    const { differs: _, ...shared } = topicKey
    for (const { name } of topicKey.fallbacks) {
      const about =
        topicKey.effect === 'acts'
          ? `What a topic without \`${topicKey.name}\` of its own uses.`
          : topicKey.about
      yield { ...shared, name, about, fallbacks: [], ...ownFallbackTraits[name] }
    }
  }
}

function inertKeys(groups: readonly InertGroup[], effect: ConfigEffect): ConfigKey[] {
  return groups.flatMap(({ why, rows }) =>
    rows.map(([name, type, defaultText]) => ({
      name,
      type,
      defaultText,
      effect,
      about: why,
      altersAtRunTime: false,
      fallbacks: [],
    })),
  )
}

/** The known name that was probably meant: few edits away, or undefined. */
export function nearestKey(name: string, known: Iterable<string>): string | undefined {
  let nearest: string | undefined
  let fewest = Math.max(2, Math.floor(name.length / 3)) + 1
  for (const candidate of known) {
    const edits = editDistance(name.toLowerCase(), candidate, fewest)
    if (edits < fewest) {
      fewest = edits
      nearest = candidate
    }
  }
  return nearest
}

/** Levenshtein; gives up with `limit` as soon as it cannot stay below. */
function editDistance(one: string, other: string, limit: number): number {
  if (Math.abs(one.length - other.length) >= limit) return limit
  let previous = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const row = [i]
    let best = i
    for (let j = 1; j <= other.length; j++) {
      const substitution = previous[j - 1]! + (one[i - 1] === other[j - 1] ? 0 : 1)
      const edits = Math.min(substitution, previous[j]! + 1, row[j - 1]! + 1)
      row.push(edits)
      best = Math.min(best, edits)
    }
    if (best >= limit) return limit
    previous = row
  }
  return previous[other.length]!
}
