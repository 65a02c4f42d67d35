// Consumer groups: members that come and go, members that come back under their own name, and
// commits that outlive the process of the client and of the broker.
import assert from 'node:assert/strict'
import type { Ability, Bench } from '../ability.ts'
import type { JsonRecord, MemberStatus, Position } from '../contract.ts'
import { until } from '../probe.ts'

const PARTITIONS = 4
/** Members beat every 300 ms, and learn of a rebalance by that. */
const SETTLED_MS = 700
/** In the new protocol Kafka, the control, has its members beat every 5 s at the most. */
const CONSUMER_GROUP_SETTLED_MS = 5_700

const groupOfTwo: Ability = {
  name: 'group of two: one joins, one leaves',
  step: 'first',
  attempt: (bench) => joinAndLeave(bench, 'join'),
}

const consumerGroupOfTwo: Ability = {
  name: 'new protocol: one joins, one leaves',
  step: 'first',
  attempt: (bench) => joinAndLeave(bench, 'joinConsumerGroup'),
}

/** Classic or new (KIP-848). */
type Joining = 'join' | 'joinConsumerGroup'

async function joinAndLeave(bench: Bench, joining: Joining): Promise<void> {
  const { driver, probe, name } = bench
  const topic = name(`group-${joining}`)
  const [one, other] = [name(`${joining}-one`), name(`${joining}-other`)]
  await probe.createTopic(topic, PARTITIONS)
  await produce(bench, topic, 10)

  await driver.call(joining, { member: one, group: topic, topic })
  await untilMember(bench, one, 'has all', ({ assigned, seen }) => {
    return assigned.length === PARTITIONS && distinct(seen) === 40
  })
  await driver.call(joining, { member: other, group: topic, topic })
  await untilShared(bench, one, other)

  // A fetch that was under way may still bring records of a partition that was given away.
  await settled(bench, one)
  const before = await both(bench, one, other)
  await produce(bench, topic, 10)
  await untilBoth(bench, [one, other], 'have the second forty', ({ seen }) => {
    return distinct(seen) === 80
  })
  const after = await both(bench, one, other)
  const secondForty = after.seen.filter(([, offset]) => offset >= 10)
  assert.equal(secondForty.length, 40, 'each partition has one owner, each record comes once')
  assert.deepEqual(after.assigned, before.assigned)

  const left = await driver.call('leave', { member: other })
  await untilMember(bench, one, 'has all again', ({ assigned }) => {
    return assigned.length === PARTITIONS
  })
  await produce(bench, topic, 10)
  await untilMember(bench, one, 'has what the other has not', ({ seen }) => {
    return distinct([...seen, ...left.seen]) === 120
  })
  await driver.call('leave', { member: one })
}

const staticMembership: Ability = {
  name: 'static member: back without a rebalance',
  step: 'first',
  attempt: (bench) => leaveAndComeBack(bench, 'join'),
}

const consumerStaticMembership: Ability = {
  name: 'new protocol: static member, back without a rebalance',
  step: 'first',
  attempt: (bench) => leaveAndComeBack(bench, 'joinConsumerGroup'),
}

async function leaveAndComeBack(bench: Bench, joining: Joining): Promise<void> {
  const { driver, probe, name } = bench
  const settledMs = joining === 'join' ? SETTLED_MS : CONSUMER_GROUP_SETTLED_MS
  const topic = name(`static-${joining}`)
  const [one, other] = [name(`${joining}-static-one`), name(`${joining}-static-other`)]
  const join = (member: string) =>
    driver.call(joining, { member, group: topic, topic, instanceId: `instance-of-${member}` })
  await probe.createTopic(topic, PARTITIONS)
  await join(one)
  await untilMember(bench, one, 'has all', ({ assigned }) => assigned.length === PARTITIONS)
  await join(other)
  await untilShared(bench, one, other)

  for (const [leaving, staying] of [
    [other, one],
    [one, other],
  ] as const) {
    const before = await settled(bench, staying)
    const { assigned } = await driver.call('leave', { member: leaving })
    const meanwhile = await settled(bench, staying, settledMs)
    assert.equal(meanwhile.assignments, before.assignments, 'the other is disturbed by the leaving')
    await join(leaving)
    await untilMember(bench, leaving, 'has its partitions again', (back) => {
      return sorted(back.assigned).join() === sorted(assigned).join()
    })
    await produce(bench, topic, 5)
    await untilMember(bench, leaving, 'is served', ({ seen }) => {
      return assigned.every((partition) => seen.some(([owned]) => owned === partition))
    })
    const after = await settled(bench, staying)
    assert.equal(after.assignments, before.assignments, 'the other is disturbed by the return')
    assert.deepEqual(sorted(after.assigned), sorted(before.assigned))
  }
  await driver.call('leave', { member: one })
  await driver.call('leave', { member: other })
}

const consumerPattern: Ability = {
  name: 'new protocol: subscribes by a pattern that the broker resolves',
  step: 'first',
  attempt: async (bench) => {
    const { driver, probe, name } = bench
    const topic = name('pattern')
    const member = name('pattern-member')
    const join = { member, group: topic, topic }
    await driver.call('joinConsumerGroup', { ...join, pattern: `^${topic}-[a-c]$` })
    await probe.createTopic(`${topic}-d`, 1)
    await probe.createTopic(`${topic}-a`, PARTITIONS)

    await produce(bench, `${topic}-a`, 5)
    await untilMember(bench, member, 'reads the topic that matches', ({ assigned, seen }) => {
      return assigned.length === PARTITIONS && distinct(seen) === PARTITIONS * 5
    })
    await driver.call('leave', { member })
  },
}

const commits: Ability = {
  name: 'commits what it has read',
  step: 'first',
  attempt: async (bench) => {
    const { probe, name } = bench
    await probe.createTopic(name('commits'), PARTITIONS)
    await resumes(bench, 0)
  },
}

const commitsAfterClient: Ability = {
  name: 'commits read after a restart of the client',
  step: 'after-restart-of-client',
  attempt: (bench) => resumes(bench, 10),
}

const commitsAfterBroker: Ability = {
  name: 'commits read after a restart of the broker',
  step: 'after-restart-of-broker',
  attempt: (bench) => resumes(bench, 20),
}

/** Writes ten more to each partition, and receives exactly those after the `committed` before. */
async function resumes(bench: Bench, committed: number): Promise<void> {
  const { driver, name } = bench
  const topic = name('commits')
  const member = name(`reader-${committed}`)
  await produce(bench, topic, 10)

  await driver.call('join', { member, group: topic, topic })
  await untilMember(bench, member, 'has the new records', ({ seen }) => {
    return seen.length >= PARTITIONS * 10
  })
  const { seen } = await driver.call('commit', { member })
  await driver.call('leave', { member })

  const expected: Position[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (let offset = committed; offset < committed + 10; offset++) {
      expected.push([partition, offset])
    }
  }
  assert.deepEqual(seen.toSorted(byPosition), expected)
}

async function produce(bench: Bench, topic: string, countEach: number): Promise<void> {
  const records: JsonRecord[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    for (let index = 0; index < countEach; index++) {
      records.push({ partition, key: 'a2V5', value: 'dmFsdWU=', headers: [] })
    }
  }
  await bench.driver.call('produce', { topic, clientId: bench.client.id, records })
}

interface BothStatus {
  readonly assigned: readonly number[][]
  readonly seen: readonly Position[]
}

async function both({ driver }: Bench, one: string, other: string): Promise<BothStatus> {
  const statuses: MemberStatus[] = [
    await driver.call('member', { member: one }),
    await driver.call('member', { member: other }),
  ]
  return {
    assigned: statuses.map(({ assigned }) => sorted(assigned)),
    seen: statuses.flatMap(({ seen }) => seen),
  }
}

/** Waits for what a member says; where it doesn't come to pass, the error tells what it said. */
async function untilMember(
  { driver }: Bench,
  member: string,
  what: string,
  isTrue: (status: MemberStatus) => boolean,
): Promise<void> {
  let last: MemberStatus | undefined
  try {
    await until(`${member} ${what}`, async () => {
      last = await driver.call('member', { member })
      return isTrue(last)
    })
  } catch (error) {
    throw new Error(`${error}, it said last: ${JSON.stringify(last)}`)
  }
}

/** The same for two members together. */
async function untilBoth(
  bench: Bench,
  members: readonly [string, string],
  what: string,
  isTrue: (status: BothStatus) => boolean,
): Promise<void> {
  let last: BothStatus | undefined
  try {
    await until(`${members.join(' and ')} ${what}`, async () => {
      last = await both(bench, ...members)
      return isTrue(last)
    })
  } catch (error) {
    throw new Error(`${error}, they said last: ${JSON.stringify(last)}`)
  }
}

async function untilShared(bench: Bench, one: string, other: string): Promise<void> {
  await untilBoth(bench, [one, other], 'share the partitions', ({ assigned }) => {
    const isHalved = assigned.every(({ length }) => length === PARTITIONS / 2)
    return isHalved && new Set(assigned.flat()).size === PARTITIONS
  })
}

/** What a member says once it has been left alone for longer than some heartbeats take. */
async function settled(
  { driver }: Bench,
  member: string,
  settledMs = SETTLED_MS,
): Promise<MemberStatus> {
  let status = await driver.call('member', { member })
  let since = Date.now()
  await until('no rebalance is under way', async () => {
    const now = await driver.call('member', { member })
    if (now.assignments !== status.assignments) since = Date.now()
    status = now
    return Date.now() - since > settledMs
  })
  return status
}

function distinct(positions: readonly Position[]): number {
  return new Set(positions.map(String)).size
}

function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((one, other) => one - other)
}

function byPosition(one: Position, other: Position): number {
  return one[0] - other[0] || one[1] - other[1]
}

export const groupAbilities: readonly Ability[] = [
  groupOfTwo,
  consumerGroupOfTwo,
  staticMembership,
  consumerStaticMembership,
  consumerPattern,
  commits,
  commitsAfterClient,
  commitsAfterBroker,
]
