import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { ZERO_UUID } from '../../bytes/uuid.ts'
import { subscribedTopics } from './consumer-protocol.ts'
import { groupFrom, metadataOf } from './group-metadata.ts'
import { decodeRecord, encodeRecord, type GroupRecord } from './records.ts'
import { Scenario } from './scenario.ts'

interface Golden {
  readonly name: string
  readonly version: number
  readonly key: string
  readonly value: string | null
}

/** Made by scripts/fixtures/GroupRecords.java with Kafka's own classes. */
const golden: Golden[] = readFileSync(
  new URL('./fixtures/kafka-4.3.1-group-records.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Golden)

const TOPIC_ID = 'Mgzl6zUuQTSTkYqpsCkEVg'
const SUBSCRIPTION = goldenBytes('subscription', 0)
const ASSIGNMENT = goldenBytes('assignment', 0)

describe('records of __consumer_offsets', () => {
  for (const line of golden.filter(({ key }) => key !== '')) {
    it(`${line.name} v${line.version} means what Kafka meant`, () => {
      const value = line.value === null ? null : Buffer.from(line.value, 'hex')

      const record = decodeRecord(Buffer.from(line.key, 'hex'), value)

      assert.deepEqual(record, expectedOf(line))
    })
  }

  const ours = ['offset', 'offset without topic id', 'offset with retention', 'offset tombstone']
  const written = golden.filter(
    ({ name, version }) =>
      ours.includes(name) ||
      name === 'group tombstone' ||
      (name.endsWith(' group') && version === 3),
  )
  for (const line of written) {
    it(`${line.name} v${line.version} is written byte for byte as by Kafka`, () => {
      const { key, value } = encodeRecord(expectedOf(line))

      assert.equal(key.toString('hex'), line.key)
      assert.equal(value?.toString('hex') ?? null, line.value)
    })
  }

  it('of other types are left alone', () => {
    for (const type of [9, 10, 15, 99]) {
      const key = Buffer.alloc(16)
      key.writeInt16BE(type)
      assert.equal(decodeRecord(key, Buffer.alloc(4)), undefined)
    }
  })

  it('that do not hold what their type says are refused', () => {
    const key = Buffer.from('000200066f7264657273', 'hex')
    for (const value of ['', '0009', '0003', '00030008636f']) {
      assert.throws(() => decodeRecord(key, Buffer.from(value, 'hex')), { name: 'DecodeError' })
    }
  })
})

describe('a group that is read back', () => {
  it('is the one that was written, without what waited', () => {
    const scenario = new Scenario()
    scenario.stableWith({ groupInstanceId: 'i' }, {})
    const before = scenario.group!

    const after = groupFrom(before.groupId, metadataOf(before))

    assert.deepEqual(after, before)
  })

  it('knows the topics of its members, whatever version they wrote', () => {
    for (const { value } of golden.filter(({ name }) => name === 'subscription')) {
      const scenario = new Scenario()
      const metadata = Buffer.from(value!, 'hex')
      scenario.stableWith({ protocols: [{ name: 'range', metadata }] })

      assert.deepEqual([...subscribedTopics(scenario.group!)!], ['events', 'käse'])
    }
  })
})

function expectedOf({ name, version, key }: Golden): GroupRecord {
  if (name === 'group tombstone') return { kind: 'group', groupId: 'orders', metadata: null }
  if (name.endsWith(' group')) return expectedGroup(version, name === 'stable group')
  const target = { kind: 'offset', groupId: 'orders', topic: 'events', partition: 3 } as const
  if (name === 'offset tombstone') return { ...target, committed: null }
  const base = {
    leaderEpoch: -1,
    metadata: 'note',
    commitTimestampMs: 1_700_000_000_000,
    expireTimestampMs: -1,
    topicId: ZERO_UUID,
  }
  switch (name) {
    case 'offset': {
      const committed = { ...base, offset: 1234567890123, leaderEpoch: 7, topicId: TOPIC_ID }
      return { ...target, committed }
    }
    case 'offset without topic id': {
      const committed = { ...base, offset: 0, metadata: '' }
      return { kind: 'offset', groupId: 'Gruppe-äöü', topic: 't', partition: 0, committed }
    }
    case 'offset with retention':
      return { ...target, committed: { ...base, offset: 5, expireTimestampMs: 1_700_000_060_000 } }
    case 'offset value':
    case 'legacy offset':
      return {
        ...target,
        committed: {
          ...base,
          offset: 42,
          metadata: 'm',
          leaderEpoch: version >= 3 ? 5 : -1,
          expireTimestampMs: version === 1 ? 1_700_000_060_000 : -1,
          topicId: version >= 4 ? TOPIC_ID : ZERO_UUID,
        },
      }
    default:
      throw new Error(`unknown fixture ${name} with key ${key}`)
  }
}

function expectedGroup(version: number, hasMembers: boolean): GroupRecord {
  const member = (id: string, instance: string | null) => ({
    memberId: id,
    groupInstanceId: version >= 3 ? instance : null,
    clientId: `client-${id}`,
    clientHost: '/127.0.0.1',
    rebalanceTimeout: version >= 1 ? 300_000 : -1,
    sessionTimeout: 45_000,
    subscription: SUBSCRIPTION,
    assignment: ASSIGNMENT,
  })
  const metadata = {
    protocolType: 'consumer',
    generation: 9,
    protocol: hasMembers ? 'range' : null,
    leader: hasMembers ? 'a' : null,
    currentStateTimestamp: version >= 2 ? 1_700_000_000_000 : -1,
    members: hasMembers ? [member('a', 'instance-1'), member('b', null)] : [],
  }
  return { kind: 'group', groupId: 'orders', metadata }
}

function goldenBytes(name: string, version: number): Buffer {
  const line = golden.find((other) => other.name === name && other.version === version)
  return Buffer.from(line!.value!, 'hex')
}
