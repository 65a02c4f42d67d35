// A consumer group over a log that lets appends through one by one: what is answered when, and what
// comes back after a crash or a failed write.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type {
  ConsumerGroupSettings,
  HeartbeatRequest,
} from '../coordinators/consumer-groups/input.ts'
import { Topics } from '../coordinators/consumer-groups/scenario.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { HostedGroup } from './coordinator-group.ts'
import {
  joinRequest,
  ManualLog,
  ManualTime,
  outcomeOf,
  TEST_CONSUMERS,
  TEST_MEMORY,
  TEST_SETTINGS,
} from './coordinator-test-world.ts'
import { TopicRegexes } from './topic-regexes.ts'

class World {
  readonly time = new ManualTime()
  readonly log = new ManualLog()
  readonly topics = new Topics()
  readonly forgotten: string[] = []
  settings: Partial<ConsumerGroupSettings> = {}
  readonly regexes = new TopicRegexes({
    host: { clock: this.time, timers: this.time },
    version: () => this.topics.version,
    names: () => this.topics.names(),
  })
  group = this.newGroup()

  newGroup(): HostedGroup {
    return new HostedGroup('orders', {
      host: { clock: this.time, timers: this.time },
      settings: TEST_SETTINGS,
      memory: TEST_MEMORY,
      consumers: {
        ...TEST_CONSUMERS,
        topics: this.topics,
        regexes: this.regexes,
        settingsOf: (groupId) => ({ ...TEST_CONSUMERS.settingsOf(groupId), ...this.settings }),
      },
      append: this.log.append,
      forget: (groupId) => this.forgotten.push(groupId),
    })
  }

  /** As after `kill -9`: only what was durable comes back. */
  restart(): void {
    this.log.lose()
    this.group = this.newGroup()
    for (const record of this.log.durable) this.group.replay(record)
    this.group.restore()
  }

  beat(memberId: string, memberEpoch: number, more: Partial<HeartbeatRequest> = {}) {
    return this.group.consumerHeartbeat({
      groupId: 'orders',
      memberId,
      memberEpoch,
      instanceId: null,
      rackId: null,
      rebalanceTimeoutMs: -1,
      subscribedTopicNames: null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: null,
      clientId: 'client',
      clientHost: '/127.0.0.1',
      ...more,
    })
  }

  join(memberId: string, more: Partial<HeartbeatRequest> = {}) {
    const joining = { rebalanceTimeoutMs: 30_000, subscribedTopicNames: ['t'], topicPartitions: [] }
    return this.beat(memberId, 0, { ...joining, ...more })
  }

  async joined(memberId: string, more: Partial<HeartbeatRequest> = {}): Promise<void> {
    const reply = this.join(memberId, more)
    await outcomeOf(reply)
    await this.log.settleAll()
    assert.equal((await reply).errorCode, ErrorCode.NONE)
  }
}

describe('a hosted consumer group', () => {
  it('answers a join once its records are durable, and a heartbeat meanwhile no earlier', async () => {
    const world = new World()
    world.topics.set('t', 2)
    const joining = world.join('a')
    assert.equal(await outcomeOf(joining), 'waiting')
    const beating = world.beat('a', 2)
    assert.equal(await outcomeOf(beating), 'waiting')

    await world.log.settleAll()

    assert.equal((await joining).memberEpoch, 2)
    assert.equal((await beating).memberEpoch, 2)
  })

  it('comes back after a crash with epochs and assignments, and its members go on', async () => {
    const world = new World()
    world.topics.set('t', 2)
    await world.joined('a')

    world.restart()

    const reply = await world.beat('a', 2)
    assert.deepEqual([reply.errorCode, reply.memberEpoch], [ErrorCode.NONE, 2])
    assert.equal(world.group.consumer?.group?.state, 'Stable')
  })

  it('forgets after a crash what was not durable, as its member was not answered', async () => {
    const world = new World()
    world.topics.set('t', 2)
    await world.joined('a')
    void world.join('b')

    world.restart()

    assert.equal((await world.beat('b', 3)).errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal((await world.beat('a', 2)).errorCode, ErrorCode.NONE)
  })

  it('sees a topic that an expression matches also when a stranger was refused since it came', async () => {
    const world = new World()
    world.topics.set('t1', 1)
    await world.joined('a', { subscribedTopicNames: null, subscribedTopicRegex: 't.' })
    world.topics.set('t2', 1)
    assert.equal((await world.beat('x', 7)).errorCode, ErrorCode.UNKNOWN_MEMBER_ID)

    const beating = world.beat('a', 2)
    await outcomeOf(beating)
    await world.log.settleAll()

    const assigned = (await beating).assignment?.map(({ topicId }) => topicId)
    assert.deepEqual(assigned, ['T11', 'T22'])
  })

  it('goes back to what is durable when writing fails, and serves again', async () => {
    const world = new World()
    world.topics.set('t', 2)
    await world.joined('a')
    const joining = world.join('b')
    await outcomeOf(joining)

    await world.log.settleAll(ErrorCode.NOT_ENOUGH_REPLICAS)

    assert.equal((await joining).errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
    assert.deepEqual([...world.group.consumer!.group!.members.keys()], ['a'])
    await world.joined('b')
  })

  it('is written in pieces when it is large, in order, and comes back whole', async () => {
    const world = new World()
    world.topics.set('t', 900)
    world.settings = { maxMembers: 300, assignors: ['range'] }
    // Each newcomer is the first by name, so that everybody's range moves.
    for (let index = 299; index >= 0; index--) await world.joined(`m${1_000 + index}`)
    const before = new Map(world.group.consumer!.group!.targets)

    world.restart()

    assert.equal(Math.max(...world.log.batchSizes), 200)
    assert.equal(before.size, 300)
    assert.deepEqual(new Map(world.group.consumer!.group!.targets), before)
  })

  it('keeps a new group while its first member is decided about', async () => {
    const world = new World()
    const joining = world.join('a')
    await world.group.forgetOffsets([])

    await outcomeOf(joining)
    await world.log.settleAll()

    assert.equal((await joining).errorCode, ErrorCode.NONE)
    assert.deepEqual(world.forgotten, [])
  })

  it('is forgotten once it was deleted, with its offsets', async () => {
    const world = new World()
    world.topics.set('t', 2)
    await world.joined('a')
    const leaving = world.beat('a', -1)
    await outcomeOf(leaving)
    await world.log.settleAll()
    await leaving

    const deleting = world.group.delete()
    await world.log.settleAll()

    assert.equal(await deleting, ErrorCode.NONE)
    assert.deepEqual(world.forgotten, ['orders'])
  })

  it('becomes a classic group while it is empty, and one of the new protocol again', async () => {
    const world = new World()
    world.topics.set('t', 2)
    await world.joined('a')
    const refused = await world.group.join(joinRequest())
    const leaving = world.beat('a', -1)
    await outcomeOf(leaving)
    await world.log.settleAll()
    await leaving
    assert.equal(refused.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL)

    const joining = world.group.join(joinRequest())
    await world.log.settleAll()
    assert.equal((await joining).errorCode, ErrorCode.NONE)
    assert.equal((await world.join('a')).errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
    const left = world.group.leave([{ memberId: (await joining).memberId, groupInstanceId: null }])
    await world.log.settleAll()
    await left
    await world.joined('a')
    world.restart()

    assert.equal(world.group.group, undefined)
    assert.deepEqual([...world.group.consumer!.group!.members.keys()], ['a'])
  })
})
