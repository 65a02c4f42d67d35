// A long story of consumer groups, told to a broker request by request: joins, revocations, commits,
// static members, topics that grow and go, what is refused. The answers of a real Kafka are in
// fixtures/, and ours are held against them. What only a clock or chance decides is left out of the
// answers: ids of topics, the order of lists.

import { ZERO_UUID } from '../../bytes/uuid.ts'
import { metadata } from '../../protocol/03-metadata.ts'
import { offsetCommit } from '../../protocol/08-offset-commit.ts'
import { offsetFetch } from '../../protocol/09-offset-fetch.ts'
import { joinGroup } from '../../protocol/11-join-group.ts'
import { heartbeat as classicHeartbeat } from '../../protocol/12-heartbeat.ts'
import { leaveGroup } from '../../protocol/13-leave-group.ts'
import { describeGroups } from '../../protocol/15-describe-groups.ts'
import { listGroups } from '../../protocol/16-list-groups.ts'
import { createTopics } from '../../protocol/19-create-topics.ts'
import { deleteTopics } from '../../protocol/20-delete-topics.ts'
import { createPartitions } from '../../protocol/37-create-partitions.ts'
import { deleteGroups } from '../../protocol/42-delete-groups.ts'
import { incrementalAlterConfigs } from '../../protocol/44-incremental-alter-configs.ts'
import { offsetDelete } from '../../protocol/47-offset-delete.ts'
import { consumerGroupHeartbeat } from '../../protocol/68-consumer-group-heartbeat.ts'
import { consumerGroupDescribe } from '../../protocol/69-consumer-group-describe.ts'
import type { Api } from '../../protocol/api.ts'
import type { Fields, Infer, InferInput } from '../../wire/field.ts'

export interface Listener {
  ask<Req extends Fields, Res extends Fields>(
    api: Api<Req, Res>,
    version: number,
    body: InferInput<Req>,
  ): Promise<Infer<Res>>
  /** A change of topics has reached the groups. */
  settled(): Promise<void>
}

/** What was asked, in words, and what was answered. */
export type StoryLine = readonly [asked: string, answer: unknown]

type Heartbeat = InferInput<typeof consumerGroupHeartbeat.request.fields>
type Member = Partial<Heartbeat> & { readonly memberId: string }
type Owned = NonNullable<Heartbeat['topicPartitions']>

const GROUP_RESOURCE = 32
const SUBSCRIBED_TO_T = Buffer.from('0003000000010001740000000000000000ffffffffffff', 'hex')

class Story {
  readonly lines: StoryLine[] = []
  readonly #listener: Listener
  readonly #names = new Map<string, string>()
  /** What each member was last told that it has. */
  readonly owned: Record<string, Owned> = {}

  constructor(listener: Listener) {
    this.#listener = listener
  }

  get ask(): Listener['ask'] {
    return this.#listener.ask
  }

  note(asked: string, answer: unknown): void {
    this.lines.push([asked, answer])
  }

  async createTopic(name: string, numPartitions: number): Promise<void> {
    const topic = { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
    await this.ask(createTopics, 7, { topics: [topic], timeoutMs: 10_000, validateOnly: false })
    await this.#listener.settled()
    await this.topicId(name)
  }

  async topicId(name: string): Promise<string> {
    const nothing = {
      includeClusterAuthorizedOperations: false,
      includeTopicAuthorizedOperations: false,
    }
    const { topics } = await this.ask(metadata, 12, { topics: null, ...nothing })
    for (const topic of topics) this.#names.set(topic.topicId, topic.name ?? '')
    return topics.find((topic) => topic.name === name)?.topicId ?? ZERO_UUID
  }

  settled(): Promise<void> {
    return this.#listener.settled()
  }

  async heartbeat(groupId: string, asked: string, member: Member, version = 1): Promise<void> {
    const { memberId } = member
    const body = { memberEpoch: 0, ...member, groupId }
    const reply = await this.ask(consumerGroupHeartbeat, version, body)
    const { errorCode, errorMessage, memberEpoch, heartbeatIntervalMs, assignment } = reply
    const isSame = reply.memberId === memberId
    const who = reply.memberId !== null && !isSame ? 'another' : reply.memberId && 'the same'
    // The reason of an expression that cannot be read is the engine's own.
    const message = errorMessage?.replace(/(valid regular expression).*/, '$1') ?? null
    const told = assignment && this.#named(assignment.topicPartitions)
    this.note(asked, [errorCode, message, who, memberEpoch, heartbeatIntervalMs, told])
    if (assignment !== null) this.owned[memberId] = assignment.topicPartitions
  }

  async describe(groupId: string): Promise<void> {
    const body = { groupIds: [groupId], includeAuthorizedOperations: false }
    const { groups } = await this.ask(consumerGroupDescribe, 1, body)
    const { members, ...group } = groups[0]!
    const described = members.map(({ assignment, targetAssignment, ...member }) => ({
      ...member,
      subscribedTopicNames: [...member.subscribedTopicNames].sort(),
      clientHost: '/127.0.0.1',
      clientId: 'test',
      assignment: this.#named(assignment.topicPartitions),
      targetAssignment: this.#named(targetAssignment.topicPartitions),
    }))
    const sorted = described.sort((a, b) => (a.memberId < b.memberId ? -1 : 1))
    this.note(`describe ${groupId}`, { ...group, members: sorted })
  }

  async commit(
    asked: string,
    topic: string,
    claim: { groupId?: string; memberId?: string; epoch?: number; partitions?: readonly number[] },
    version = 10,
  ): Promise<void> {
    const { groupId = 'g', memberId = '', epoch = -1, partitions = [0] } = claim
    const committed = partitions.map((partitionIndex) => ({
      partitionIndex,
      committedOffset: 5,
      committedLeaderEpoch: -1,
      committedMetadata: '',
    }))
    const named = { name: topic, topicId: await this.topicId(topic), partitions: committed }
    const member = { groupId, memberId, generationIdOrMemberEpoch: epoch }
    const body = { ...member, groupInstanceId: null, retentionTimeMs: -1, topics: [named] }
    const { topics } = await this.ask(offsetCommit, version, body)
    const codes = topics.flatMap((one) => one.partitions.map(({ errorCode }) => errorCode))
    this.note(asked, codes)
  }

  async fetch(
    asked: string,
    claim: { groupId?: string; memberId?: string | null; memberEpoch?: number },
  ): Promise<void> {
    const topics = [{ name: 't', topicId: await this.topicId('t'), partitionIndexes: [0] }]
    const group = { groupId: 'g', memberId: null, memberEpoch: -1, ...claim, topics }
    const body = { groupId: '', topics: null, groups: [group], requireStable: false }
    const { groups } = await this.ask(offsetFetch, 9, body)
    const { errorCode, topics: fetched } = groups[0]!
    const offsets = fetched.flatMap((one) =>
      one.partitions.map((partition) => [partition.errorCode, partition.committedOffset]),
    )
    this.note(asked, [errorCode, offsets])
  }

  async configure(groupId: string, name: string, value: string): Promise<void> {
    const config = { name, configOperation: 0, value }
    const resource = { resourceType: GROUP_RESOURCE, resourceName: groupId, configs: [config] }
    const body = { resources: [resource], validateOnly: false }
    const { responses } = await this.ask(incrementalAlterConfigs, 1, body)
    this.note(`configure ${name}=${value}`, responses[0]?.errorCode)
    await this.settled()
  }

  #named(list: readonly { readonly topicId: string; readonly partitions: readonly number[] }[]) {
    const entries = list.map(({ topicId, partitions }) => {
      const ascending = [...partitions].sort((a, b) => a - b)
      return [this.#names.get(topicId) ?? topicId, ascending.join(',')]
    })
    return Object.fromEntries(entries.sort())
  }
}

/** @param listener a broker in which no topic of one letter and no group exists yet */
export async function tell(listener: Listener): Promise<readonly StoryLine[]> {
  const story = new Story(listener)
  await story.createTopic('t', 4)
  await story.createTopic('u', 3)
  for (const groupId of ['g', 's', 'e', 'f']) {
    await story.configure(groupId, 'consumer.assignment.interval.ms', '0')
  }
  await tellOfRefusals(story)
  await tellOfRevocation(story)
  await tellOfOffsets(story)
  await tellOfOperators(story)
  await tellOfSubscriptions(story)
  await tellOfTheOtherProtocol(story)
  await tellOfConfiguration(story)
  await tellOfStaticMembers(story)
  await tellOfTopicsThatChange(story)
  await tellOfEmptySubscriptions(story)
  await tellOfMembersPutOut(story)
  await tellOfFencedMembers(story)
  return story.lines
}

function joining(memberId: string, names: readonly string[] | null, more: Partial<Heartbeat> = {}) {
  const request = { memberEpoch: 0, rebalanceTimeoutMs: 30_000, topicPartitions: [], ...more }
  return { ...request, memberId, subscribedTopicNames: names }
}

async function tellOfRefusals(story: Story): Promise<void> {
  const ask = (asked: string, member: Member) => story.heartbeat('g', asked, member)
  await ask('an unknown group', { memberId: 'a', memberEpoch: 3 })
  await ask('leave an unknown group', { memberId: 'a', memberEpoch: -1 })
  await ask('without a member id', joining('', ['t']))
  await story.heartbeat('', 'without a group id', joining('a', ['t']))
  await ask('join without a timeout', joining('a', ['t'], { rebalanceTimeoutMs: -1 }))
  await ask('join without partitions', joining('a', ['t'], { topicPartitions: null }))
  await ask('join without a subscription', joining('a', null))
  await ask('an epoch below -2', { memberId: 'a', memberEpoch: -3 })
  await ask('a static leave without an instance', { memberId: 'a', memberEpoch: -2 })
  await ask('a blank instance', joining('a', ['t'], { instanceId: '' }))
  await ask('a blank rack', joining('a', ['t'], { rackId: '' }))
  await ask('an unknown assignor', joining('a', ['t'], { serverAssignor: 'nope' }))
  await ask('a bad expression', joining('a', null, { subscribedTopicRegex: 't(' }))
  await story.describe('g')
}

async function tellOfRevocation(story: Story): Promise<void> {
  const { owned } = story
  const ask = (asked: string, member: Member) => story.heartbeat('g', asked, member)
  await ask('a joins', joining('a', ['t']))
  await story.describe('g')
  await ask('a with an old epoch', { memberId: 'a', memberEpoch: 1, topicPartitions: owned['a']! })
  await ask('a joins again', joining('a', ['t']))
  await ask('a with a future epoch', { memberId: 'a', memberEpoch: 7 })
  await ask('b is unknown', { memberId: 'b', memberEpoch: 1 })
  await story.heartbeat('v', 'v0 joins without id', joining('', ['t']), 0)
  const all = owned['a']!
  await ask('b joins', joining('b', ['t']))
  await story.describe('g')
  await ask('a hears of it', { memberId: 'a', memberEpoch: 2 })
  await story.describe('g')
  const claim = { memberId: 'a', epoch: 2, partitions: [0, 1, 2, 3] }
  await story.commit('a commits what it gives up', 't', claim)
  await ask('a still has all', { memberId: 'a', memberEpoch: 2, topicPartitions: all })
  const kept = owned['a']!
  await ask('a has given up', { memberId: 'a', memberEpoch: 2, topicPartitions: kept })
  await ask('a missed the answer', { memberId: 'a', memberEpoch: 2, topicPartitions: kept })
  await ask('a does not say what it has', { memberId: 'a', memberEpoch: 2 })
  await story.describe('g')
  await ask('b takes', { memberId: 'b', memberEpoch: 3, topicPartitions: [] })
  await ask('b has taken', { memberId: 'b', memberEpoch: 3, topicPartitions: owned['b']! })
  await story.describe('g')
}

async function tellOfOffsets(story: Story): Promise<void> {
  const [kept] = story.owned['a']![0]!.partitions
  const [lost] = story.owned['b']![0]!.partitions
  const a = { memberId: 'a', partitions: [kept!] }
  await story.commit('commit without a member', 't', {})
  await story.commit('commit of an unknown member', 't', { memberId: 'x', epoch: 3 })
  await story.commit('commit', 't', { ...a, epoch: 3 })
  await story.commit('commit with the last epoch but one', 't', { ...a, epoch: 2 })
  await story.commit('of what was lost, then', 't', { ...a, epoch: 2, partitions: [lost!] })
  await story.commit('of what was lost, now', 't', { ...a, epoch: 3, partitions: [lost!] })
  await story.commit('before it was had', 't', { memberId: 'b', epoch: 2, partitions: [lost!] })
  await story.commit('of a future epoch', 't', { ...a, epoch: 9 })
  await story.commit('by v8', 't', { ...a, epoch: 3 }, 8)
  await story.commit('to no group', 't', { groupId: 'none', memberId: 'a', epoch: 2 })
  await story.commit('of a foreign topic', 'u', { memberId: 'a', epoch: 2 })
  await story.fetch('fetch by nobody', {})
  await story.fetch('fetch', { memberId: 'a', memberEpoch: 3 })
  await story.fetch('fetch with an old epoch', { memberId: 'a', memberEpoch: 2 })
  await story.fetch('fetch by an unknown member', { memberId: 'x', memberEpoch: 1 })
  await story.fetch('fetch without an epoch', { memberId: 'a', memberEpoch: -1 })
  await story.fetch('fetch from no group', { groupId: 'none', memberId: 'x', memberEpoch: 1 })
  const topics = ['t', 'u'].map((name) => ({ name, partitions: [{ partitionIndex: 0 }] }))
  const deleted = await story.ask(offsetDelete, 0, { groupId: 'g', topics })
  const codes = deleted.topics.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode))
  story.note('delete offsets', [deleted.errorCode, codes])
}

async function tellOfOperators(story: Story): Promise<void> {
  for (const version of [5, 6]) {
    const body = { groups: ['g'], includeAuthorizedOperations: false }
    const { groups } = await story.ask(describeGroups, version, body)
    story.note(`describe as a classic group, v${version}`, groups)
  }
  const filters = [
    { statesFilter: [], typesFilter: [] },
    { statesFilter: ['stable'], typesFilter: ['Consumer'] },
    { statesFilter: [], typesFilter: ['classic'] },
  ]
  for (const filter of filters) await list(story, filter)
  const deleted = await story.ask(deleteGroups, 2, { groupsNames: ['g'] })
  story.note('delete with members', deleted.results)
  const claim = { groupId: 'g', generationId: 3, memberId: 'a', groupInstanceId: null }
  const beat = await story.ask(classicHeartbeat, 4, claim)
  story.note('a classic heartbeat', beat.errorCode)
}

async function list(
  story: Story,
  filter: { readonly statesFilter: readonly string[]; readonly typesFilter: readonly string[] },
): Promise<void> {
  const { groups } = await story.ask(listGroups, 5, filter)
  const listed = groups.filter(({ groupId }) => groupId === 'g')
  story.note(`list ${JSON.stringify(filter)}`, listed)
}

async function tellOfSubscriptions(story: Story): Promise<void> {
  const { owned } = story
  const ask = (asked: string, member: Member) => story.heartbeat('g', asked, member)
  const full = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: ['t'] }
  const of = (memberId: string, memberEpoch: number) => ({
    memberId,
    memberEpoch,
    topicPartitions: owned[memberId]!,
  })
  await ask('a asks for all', { ...of('a', 3), ...full })
  await ask('a wants u too', { memberId: 'a', memberEpoch: 3, subscribedTopicNames: ['t', 'u'] })
  await story.describe('g')
  await ask('b goes on', of('b', 3))
  await ask('a goes on', of('a', 4))
  await story.describe('g')
  await ask('a wants t no more', { memberId: 'a', memberEpoch: 4, subscribedTopicNames: ['u'] })
  await story.describe('g')
  await ask('b leaves', { memberId: 'b', memberEpoch: -1 })
  await ask('b leaves again', { memberId: 'b', memberEpoch: -1 })
  await story.describe('g')
  await ask('a leaves', { memberId: 'a', memberEpoch: -1 })
  await story.describe('g')
  await story.commit('commit to the empty group', 't', {})
  await list(story, { statesFilter: [], typesFilter: [] })
}

async function tellOfTheOtherProtocol(story: Story): Promise<void> {
  const ask = (asked: string, member: Member) => story.heartbeat('g', asked, member)
  const joined = await story.ask(joinGroup, 5, {
    groupId: 'g',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 10_000,
    memberId: '',
    groupInstanceId: 'i',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: SUBSCRIBED_TO_T }],
  })
  story.note('a classic join', [joined.errorCode, joined.generationId, joined.protocolName])
  await story.describe('g')
  await ask('goes on in a classic group', { memberId: 'z', memberEpoch: 3 })
  await story.fetch('offsets are still there', {})
  const member = { memberId: joined.memberId, groupInstanceId: 'i', reason: null }
  const left = await story.ask(leaveGroup, 5, { groupId: 'g', memberId: '', members: [member] })
  story.note('the classic member leaves', left.errorCode)
  await ask('joins the empty classic group', joining('z', ['t']))
  await story.describe('g')
  await ask('leaves', { memberId: 'z', memberEpoch: -1 })
  const deleted = await story.ask(deleteGroups, 2, { groupsNames: ['g'] })
  story.note('delete', deleted.results)
  await story.describe('g')
}

async function tellOfConfiguration(story: Story): Promise<void> {
  await story.configure('s', 'consumer.session.timeout.ms', '1000')
  await story.configure('s', 'consumer.session.timeout.ms', '50000')
  await story.configure('s', 'consumer.heartbeat.interval.ms', '6000')
  await story.configure('s', 'consumer.heartbeat.interval.ms', '60000')
  await story.configure('s', 'consumer.heartbeat.interval.ms', 'x')
}

async function tellOfStaticMembers(story: Story): Promise<void> {
  const { owned } = story
  const ask = (asked: string, member: Member) => story.heartbeat('s', asked, member)
  const i1 = { instanceId: 'i1' }
  const i2 = { instanceId: 'i2' }
  await ask('a joins as i1', joining('a', ['t'], i1))
  await ask('b joins as i1 too', joining('b', ['t'], i1))
  await ask('a joins as i1 again', joining('a', ['t'], i1))
  await ask('b says that it is i1', { memberId: 'b', memberEpoch: 2, ...i1 })
  await ask('an unknown instance', { memberId: 'b', memberEpoch: 2, instanceId: 'i9' })
  await ask('a does not say that it is i1', { memberId: 'a', memberEpoch: 2 })
  await ask('b leaves for i1', { memberId: 'b', memberEpoch: -2, ...i1 })
  await ask('an unknown instance leaves', { memberId: 'b', memberEpoch: -2, instanceId: 'i9' })
  await ask('c joins as i2', joining('c', ['t'], i2))
  const a = (memberEpoch: number) => ({ memberId: 'a', memberEpoch, ...i1 })
  await ask('a is to give up', { ...a(2), topicPartitions: owned['a']! })
  await ask('a has given up', { ...a(2), topicPartitions: owned['a']! })
  await ask('c takes', { memberId: 'c', memberEpoch: 3, ...i2, topicPartitions: [] })
  await story.describe('s')
  await ask('a leaves for a while', a(-2))
  await story.describe('s')
  await ask('a goes on all the same', a(3))
  await ask('d takes the place of a', joining('d', ['t'], i1))
  await story.describe('s')
  await ask('a is late', a(3))
  const d = { memberId: 'd', ...i1 }
  await ask('d goes on', { ...d, memberEpoch: 3, topicPartitions: owned['d']! })
  await ask('d leaves for a while', { ...d, memberEpoch: -2 })
  await ask('e takes its place and wants more', joining('e', ['t', 'u'], i1))
  await story.describe('s')
}

async function tellOfTopicsThatChange(story: Story): Promise<void> {
  const { owned } = story
  const instances: Record<string, string> = { c: 'i2', e: 'i1' }
  const goOn = (memberId: string, memberEpoch: number, more: Partial<Heartbeat> = {}) => {
    const member = { memberId, memberEpoch, instanceId: instances[memberId]! }
    const topicPartitions = owned[memberId]!
    const asked = `${memberId} at ${memberEpoch} ${Object.keys(more).join()}`
    return story.heartbeat('s', asked, { ...member, topicPartitions, ...more })
  }
  for (const epoch of [3, 4]) await goOn('c', epoch)
  await goOn('e', 4)
  await story.describe('s')
  await goOn('e', 4, { serverAssignor: 'range' })
  await story.describe('s')
  const topics = [{ name: 't', count: 6, assignments: null }]
  await story.ask(createPartitions, 3, { topics, timeoutMs: 5_000, validateOnly: false })
  await story.settled()
  await goOn('c', 4)
  await story.describe('s')
  await goOn('c', 5)
  for (const epoch of [4, 4, 5]) await goOn('e', epoch)
  await goOn('c', 5)
  await story.describe('s')
  const deleted = [{ name: null, topicId: await story.topicId('u') }]
  await story.ask(deleteTopics, 6, { topics: deleted, topicNames: [], timeoutMs: 5_000 })
  await story.settled()
  await goOn('c', 5)
  await goOn('e', 5)
  await story.describe('s')
  await goOn('e', -1)
  await goOn('c', 6)
  await story.describe('s')
  await goOn('c', 7, { subscribedTopicNames: [] })
  await story.describe('s')
}

async function tellOfEmptySubscriptions(story: Story): Promise<void> {
  await story.heartbeat('e', 'joins for nothing', joining('a', []))
  await story.heartbeat('e', 'another one', joining('b', []))
  await story.describe('e')
  await story.heartbeat('e', 'one for a topic to come', joining('c', ['n']))
  await story.describe('e')
  await story.createTopic('n', 2)
  const c = { memberId: 'c', memberEpoch: 2, topicPartitions: [] }
  await story.heartbeat('e', 'the topic has come', c)
  await story.heartbeat('e', 'and is read', { ...c, memberEpoch: 3 })
  await story.describe('e')
}

async function tellOfMembersPutOut(story: Story): Promise<void> {
  const leaving = [
    ['a', null],
    ['x', null],
    ['a', 'i2'],
    ['', 'i9'],
    ['', 'i2'],
  ] as const
  for (const groupId of ['e', 's']) {
    const members = leaving.map(([memberId, groupInstanceId]) => {
      return { memberId, groupInstanceId, reason: null }
    })
    const left = await story.ask(leaveGroup, 5, { groupId, memberId: '', members })
    story.note(`an operator puts members of ${groupId} out`, left)
    await story.describe(groupId)
  }
}

async function tellOfFencedMembers(story: Story): Promise<void> {
  const { owned } = story
  const ask = (asked: string, member: Member) => story.heartbeat('f', asked, member)
  const goOn = (memberId: string, memberEpoch: number) =>
    ask(`${memberId} at ${memberEpoch}`, {
      ...{ memberId, memberEpoch },
      topicPartitions: owned[memberId] ?? [],
    })
  await ask('a joins', joining('a', ['t']))
  await ask('b joins', joining('b', ['t']))
  await goOn('a', 2)
  await goOn('a', 2)
  await ask('c joins', joining('c', ['t']))
  await goOn('a', 3)
  await goOn('a', 3)
  await goOn('a', 1)
  await ask('a comes back', joining('a', ['t']))
  await ask('a comes back with what it had', joining('a', ['t'], { topicPartitions: owned['a']! }))
  await ask('b comes back', joining('b', ['t']))
  await ask('a comes back and wants something else', joining('a', ['n']))
  await goOn('b', 4)
  await goOn('c', 4)
  await story.describe('f')
}
