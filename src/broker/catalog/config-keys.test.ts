import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import type { ConfigKey } from './config-key.ts'
import { brokerConfigKeys, nearestKey } from './config-keys.ts'
import { readConfig } from './config-value.ts'
import { clientMetricsConfigKeys, groupConfigKeys } from './group-config-keys.ts'
import { topicConfigKeys } from './topic-config-keys.ts'

/** What `scripts/fixtures/ConfigKeys.java` printed from Kafka 4.3.1. */
interface KafkaKey {
  readonly scope: string
  readonly name: string
  readonly type: string
  readonly default: string | null
  readonly validator?: string
  readonly internal?: boolean
  readonly synonyms?: readonly string[]
}

/** Kafka's broker hands these to its authorizer as they are, and has no row for them itself. */
const AUTHORIZER_KEYS = ['super.users', 'allow.everyone.if.no.acl.found']

const fixture = join(import.meta.dirname, 'fixtures/kafka-4.3.1-config-keys.jsonl')
const kafkaKeys: KafkaKey[] = readFileSync(fixture, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

const scopes: [string, ReadonlyMap<string, ConfigKey>][] = [
  ['topic', topicConfigKeys],
  ['broker', brokerConfigKeys],
  ['group', groupConfigKeys],
  ['client-metrics', clientMetricsConfigKeys],
]

for (const [scope, ours] of scopes) {
  const theirs = kafkaKeys.filter((key) => key.scope === scope)

  describe(`the ${scope} configuration keys`, () => {
    it('are those of Kafka 4.3, and besides them only keys with our prefix', () => {
      const known = new Set([...theirs.map((key) => key.name), ...AUTHORIZER_KEYS])
      const missing = theirs.filter((key) => !key.internal && !ours.has(key.name))
      const invented = [...ours.keys()].filter(
        (name) => !known.has(name) && !name.startsWith('millrace.'),
      )

      assert.deepEqual({ missing, invented }, { missing: [], invented: [] })
    })

    it("have Kafka's type and default, but where a row says why not", () => {
      const wrong: unknown[] = []
      for (const { name, type, default: kafkaDefault } of theirs) {
        const key = ours.get(name)
        if (key === undefined) continue
        const expected = key.differs === undefined ? key.defaultText : key.differs.kafkaDefault
        if (key.type !== type.toLowerCase()) wrong.push([name, 'type', key.type, type])
        if (expected !== kafkaDefault) wrong.push([name, 'default', expected, kafkaDefault])
        if (key.differs !== undefined && key.defaultText === kafkaDefault) {
          wrong.push([name, 'does not differ'])
        }
      }

      assert.deepEqual(wrong, [])
    })

    it("accept Kafka's bounds and refuse what lies beyond, unless they have no effect", () => {
      const wrong: unknown[] = []
      for (const { name, validator } of theirs) {
        const key = ours.get(name)
        if (key === undefined || (key.effect !== 'acts' && key.check === undefined)) continue
        if (key.differs !== undefined) continue
        for (const { text, isAllowed } of probes(validator)) {
          if ((readConfig(key, text).kind === 'value') !== isAllowed) wrong.push([name, text])
        }
      }

      assert.deepEqual(wrong, [])
    })

    it('have a default that they accept, and a sentence', () => {
      for (const key of ours.values()) {
        if (key.defaultText !== null) {
          assert.equal(readConfig(key, key.defaultText).kind, 'value', key.name)
        }
        assert.match(key.about, /\S\.$/, key.name)
      }
    })
  })
}

describe('a topic key', () => {
  it("falls back to the broker keys that Kafka's does, in Kafka's order", () => {
    for (const { scope, name, synonyms = [] } of kafkaKeys) {
      if (scope !== 'topic') continue
      const ours = topicConfigKeys.get(name)!.fallbacks.map((fallback) => fallback.name)
      // log.flush.interval.ms always has a value here, so that its own fallback is never asked.
      const theirs = synonyms.filter((synonym) => synonym !== 'log.flush.scheduler.interval.ms')

      assert.deepEqual(ours, theirs, name)
    }
  })

  it('falls back to broker keys that exist', () => {
    for (const key of topicConfigKeys.values()) {
      for (const { name } of key.fallbacks) assert.ok(brokerConfigKeys.has(name), name)
    }
  })
})

describe('the nearest key', () => {
  const names = ['log.retention.ms', 'log.retention.hours', 'num.partitions']

  it('is the one that was mistyped', () => {
    assert.equal(nearestKey('log.retentoin.ms', names), 'log.retention.ms')
    assert.equal(nearestKey('num.partition', names), 'num.partitions')
  })

  it('is none when nothing is near', () => {
    assert.equal(nearestKey('jvm.heap', names), undefined)
  })
})

/** Values at and just beyond the bounds that Kafka's validator names. */
function probes(validator: string | undefined): { text: string; isAllowed: boolean }[] {
  if (validator === undefined) return []
  const range = /^\[(-?\d+),\.\.\.(?:,(-?\d+))?\]$/.exec(validator)
  if (range !== null) {
    const [, low = '', high] = range
    const below = { text: String(Number(low) - 1), isAllowed: false }
    const within = [{ text: low, isAllowed: true }, below]
    if (high === undefined) return within
    const above = { text: String(Number(high) + 1), isAllowed: false }
    return [...within, { text: high, isAllowed: true }, above]
  }
  const choice = /^\[([a-zA-Z0-9]+(?:, [a-zA-Z0-9]+)*)\]$/.exec(validator)
  if (choice === null) return []
  const allowed = choice[1]!.split(', ').map((text) => ({ text, isAllowed: true }))
  return [...allowed, { text: 'nonsense', isAllowed: false }]
}
