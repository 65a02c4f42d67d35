import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { decodeRecord, encodeRecord } from '../groups/records.ts'
import type { ConsumerGroupRecord, MemberMetadata, MemberState } from './records.ts'

/** Made by scripts/fixtures/ConsumerGroupRecords.java with Kafka's own classes. */
const golden: { name: string; key: string; value: string | null }[] = readFileSync(
  new URL('./fixtures/kafka-4.3.1-consumer-group-records.jsonl', import.meta.url),
  'utf8',
)
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))

const TOPIC_ID = 'Mgzl6zUuQTSTkYqpsCkEVg'
const groupId = 'orders'

const member = (memberId: string, more: Partial<MemberMetadata>): ConsumerGroupRecord => ({
  kind: 'consumer-member',
  groupId,
  memberId,
  value: {
    instanceId: null,
    rackId: null,
    clientId: `client-${memberId}`,
    clientHost: '/127.0.0.1',
    subscribedTopicNames: [],
    subscribedTopicRegex: '',
    rebalanceTimeoutMs: 300_000,
    serverAssignor: null,
    ...more,
  },
})

const assignment = (state: MemberState): ConsumerGroupRecord => ({
  kind: 'consumer-member-assignment',
  groupId,
  memberId: 'a',
  value: {
    memberEpoch: 7,
    previousMemberEpoch: 6,
    state,
    assigned: new Map([
      [
        TOPIC_ID,
        new Map([
          [0, 5],
          [2, 7],
        ]),
      ],
    ]),
    pendingRevocation: new Map([[TOPIC_ID, new Map([[1, 5]])]]),
  },
})

const expected: Readonly<Record<string, ConsumerGroupRecord>> = {
  group: { kind: 'consumer-group', groupId, value: { epoch: 7, metadataHash: 1234567890123 } },
  'group without topics': {
    kind: 'consumer-group',
    groupId,
    value: { epoch: 7, metadataHash: 0 },
  },
  'group tombstone': { kind: 'consumer-group', groupId, value: null },
  'topics tombstone': { kind: 'consumer-group-topics', groupId, value: null },
  'static member': member('a', {
    instanceId: 'instance-1',
    rackId: 'rack',
    serverAssignor: 'range',
    subscribedTopicNames: ['events'],
    subscribedTopicRegex: 'ev.*',
  }),
  'dynamic member': member('b', {}),
  'member tombstone': { kind: 'consumer-member', groupId, memberId: 'a', value: null },
  target: {
    kind: 'consumer-target',
    groupId,
    value: { assignmentEpoch: 7, timestampMs: 1_700_000_000_000 },
  },
  'target tombstone': { kind: 'consumer-target', groupId, value: null },
  'member target': {
    kind: 'consumer-member-target',
    groupId,
    memberId: 'a',
    value: new Map([[TOPIC_ID, [0, 1, 2]]]),
  },
  'member target tombstone': {
    kind: 'consumer-member-target',
    groupId,
    memberId: 'a',
    value: null,
  },
  'STABLE member': assignment('stable'),
  'UNREVOKED_PARTITIONS member': assignment('unrevoked'),
  'UNRELEASED_PARTITIONS member': assignment('unreleased'),
  'member assignment tombstone': {
    kind: 'consumer-member-assignment',
    groupId,
    memberId: 'a',
    value: null,
  },
  regex: {
    kind: 'consumer-regex',
    groupId,
    regex: 'ev.*',
    value: { topics: ['events', 'everything'], version: 9, timestampMs: 1_700_000_000_000 },
  },
  'regex tombstone': { kind: 'consumer-regex', groupId, regex: 'ev.*', value: null },
}

describe('records of consumer groups', () => {
  for (const { name, key, value } of golden) {
    it(`${name} is read as Kafka meant it, and written byte for byte as by Kafka`, () => {
      const bytes = value === null ? null : Buffer.from(value, 'hex')

      assert.deepEqual(decodeRecord(Buffer.from(key, 'hex'), bytes), expected[name])

      // Kafka wrote the two topics of its set in the order of their hashes.
      const written = encodeRecord(expected[name]!)
      assert.equal(written.key.toString('hex'), key)
      if (name === 'regex') return
      assert.equal(written.value?.toString('hex') ?? null, value)
    })
  }

  it('of the topics that Kafka before 4.1 kept are known, and not looked into', () => {
    const key = Buffer.from('000400066f7264657273', 'hex')

    const record = decodeRecord(key, Buffer.from('000000', 'hex'))

    assert.deepEqual(record, { kind: 'consumer-group-topics', groupId, value: 'unread' })
  })

  it('that Kafka wrote before 4.3, without epochs of partitions, have that of the member', () => {
    const { key } = golden.find(({ name }) => name === 'STABLE member')!
    const old = `0000000000070000000600${'02'}320ce5eb352e413493918aa9b0290456${'02'}00000003${'00'}${'01'}00`

    const record = decodeRecord(Buffer.from(key, 'hex'), Buffer.from(old, 'hex'))

    assert.ok(record?.kind === 'consumer-member-assignment')
    assert.deepEqual(record.value?.assigned, new Map([[TOPIC_ID, new Map([[3, 7]])]]))
  })

  it('of a member that speaks the classic protocol are read for the rest of it', () => {
    const { key, value } = golden.find(({ name }) => name === 'dynamic member')!
    // One tagged field, 0, of 7 bytes: there is a struct, its timeout, no protocols, no tags.
    const classic = value!.replace(/01000100$/, '01000701' + '0000afc8' + '0100')

    const record = decodeRecord(Buffer.from(key, 'hex'), Buffer.from(classic, 'hex'))

    assert.deepEqual(record, expected['dynamic member'])
  })

  it('that do not hold what their type says are refused', () => {
    for (const { key } of golden) {
      if (key.startsWith('0004')) continue
      assert.throws(() => decodeRecord(Buffer.from(key, 'hex'), Buffer.from('0009', 'hex')), {
        name: 'DecodeError',
      })
    }
  })
})
