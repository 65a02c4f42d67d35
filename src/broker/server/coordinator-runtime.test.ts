import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Disk } from '../../host/disk.ts'
import { memoryDisk } from '../../host/memory-disk.ts'
import { buildBatch } from '../batch/builder.ts'
import { ZERO_UUID } from '../bytes/uuid.ts'
import type { Catalog } from '../catalog/catalog.ts'
import { OFFSETS_TOPIC } from '../catalog/internal-topics.ts'
import { partitionOfKey } from '../coordinators/partition-of-key.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import type { CoordinatorRuntime } from './coordinator-runtime.ts'
import { joinRequest } from './coordinator-test-world.ts'
import { type HandlerWorld, openHandlerWorld } from './handler-test-world.ts'
import type { Partitions } from './partitions.ts'

/** A coordinator over real logs; what is on `disk` outlives it. */
class World {
  readonly #handlers: HandlerWorld

  private constructor(handlers: HandlerWorld) {
    this.#handlers = handlers
  }

  static async open(disk: Disk, settings: Record<string, string> = {}): Promise<World> {
    return new World(await openHandlerWorld({ disk, settings, wasCleanStop: false }))
  }

  get groups(): CoordinatorRuntime {
    return this.#handlers.groups
  }

  get catalog(): Catalog {
    return this.#handlers.catalog
  }

  get partitions(): Partitions {
    return this.#handlers.partitions
  }

  get events(): string[] {
    return this.#handlers.logged.map(({ event }) => event)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handlers[Symbol.asyncDispose]()
  }

  async createTopic(name: string): Promise<string> {
    const request = { name, partitions: 2, replicationFactor: 1, assignments: [], configs: [] }
    const [created] = await this.catalog.createTopics([request])
    assert.equal(created?.kind, 'created')
    return created.topic.id
  }

  commit(groupId: string, topic: string, offset: number, more: { metadata?: string } = {}) {
    const topicId = this.catalog.topic(topic)?.id ?? ZERO_UUID
    return this.groups.commitOffsets({
      groupId,
      memberId: '',
      groupInstanceId: null,
      generationId: -1,
      knowsGroupIdNotFound: true,
      retentionTimeMs: -1,
      offsets: [
        { topic, topicId, partition: 0, offset, leaderEpoch: 3, metadata: 'note', ...more },
      ],
    })
  }

  async committed(groupId: string, topic: string): Promise<number | undefined> {
    const topics = [{ topic, topicId: ZERO_UUID, partitions: [0] }]
    const fetched = await this.groups.fetchOffsets({ groupId, topics, requireStable: true })
    assert.equal(fetched.errorCode, ErrorCode.NONE)
    return fetched.topics[0]?.partitions[0]?.committed?.offset
  }

  list(): string[] {
    const { errorCode, groups } = this.groups.list({ states: [], types: [] })
    assert.equal(errorCode, ErrorCode.NONE)
    return groups.map(({ groupId }) => groupId).sort()
  }
}

function newDisk(): Disk {
  return memoryDisk({ maxBytes: 256 * 1024 * 1024 })
}

const { newMemberId: _, ...JOIN } = joinRequest()
const NOBODY = { memberId: 'ghost', groupInstanceId: null, generationId: 1 }

describe('before there is any group', () => {
  it('questions are answered without making the topic', async () => {
    await using world = await World.open(newDisk())
    const { groups } = world

    assert.equal(groups.heartbeat({ groupId: 'orders', ...NOBODY }), ErrorCode.UNKNOWN_MEMBER_ID)
    const left = await groups.leave('orders', [NOBODY])
    assert.equal(left.members[0]?.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
    assert.equal(groups.describe('orders').description.groupState, 'Dead')
    assert.equal(await groups.delete('orders'), ErrorCode.GROUP_ID_NOT_FOUND)
    assert.equal(await groups.deleteOffsets('orders', []), ErrorCode.GROUP_ID_NOT_FOUND)
    assert.equal(await world.committed('orders', 'events'), undefined)
    assert.deepEqual(world.list(), [])
    assert.equal(world.catalog.topic(OFFSETS_TOPIC), undefined)
  })

  it('the first member makes the topic', async () => {
    await using world = await World.open(newDisk())

    const [first, second] = await Promise.all([
      world.groups.join(JOIN),
      world.groups.join({ ...JOIN, groupId: 'payments' }),
    ])

    assert.equal(first.errorCode, ErrorCode.NONE)
    assert.equal(second.errorCode, ErrorCode.NONE)
    assert.match(first.memberId, /^client-/)
    assert.equal(world.catalog.topic(OFFSETS_TOPIC)?.partitions, 4)
  })

  it('a group needs a name to have members', async () => {
    await using world = await World.open(newDisk())
    const { groups } = world

    const joined = await groups.join({ ...JOIN, groupId: '' })

    assert.equal(joined.errorCode, ErrorCode.INVALID_GROUP_ID)
  })
})

describe('committed offsets', () => {
  it('are there after a restart, with metadata and leader epoch', async () => {
    const disk = newDisk()
    const before = await World.open(disk)
    await before.createTopic('events')
    assert.deepEqual(await before.commit('orders', 'events', 7), [ErrorCode.NONE])
    assert.deepEqual(await before.commit('orders', 'events', 9), [ErrorCode.NONE])
    await before[Symbol.asyncDispose]()

    await using after = await World.open(disk)
    const early = after.groups.list({ states: [], types: [] })
    assert.equal(early.errorCode, ErrorCode.COORDINATOR_LOAD_IN_PROGRESS)
    assert.equal(after.groups.heartbeat({ groupId: 'orders', ...NOBODY }), ErrorCode.NONE)
    await after.groups.loaded()

    assert.deepEqual(after.list(), ['orders'])
    const fetched = await after.groups.fetchOffsets({
      groupId: 'orders',
      topics: null,
      requireStable: false,
    })
    const [topic] = fetched.topics
    assert.equal(topic?.topic, 'events')
    const { offset, leaderEpoch, metadata } = topic?.partitions[0]?.committed ?? {}
    assert.deepEqual(
      { offset, leaderEpoch, metadata },
      { offset: 9, leaderEpoch: 3, metadata: 'note' },
    )
  })

  it('may carry 4096 characters, not more', async () => {
    await using world = await World.open(newDisk())
    await world.createTopic('events')

    const most = await world.commit('orders', 'events', 7, { metadata: 'ü'.repeat(4_096) })
    const tooMuch = await world.commit('orders', 'events', 8, { metadata: 'x'.repeat(4_097) })

    assert.deepEqual(most, [ErrorCode.NONE])
    assert.deepEqual(tooMuch, [ErrorCode.OFFSET_METADATA_TOO_LARGE])
    assert.equal(await world.committed('orders', 'events'), 7)
  })

  it('go with their topic, and a new one of its name begins without', async () => {
    const disk = newDisk()
    const world = await World.open(disk)
    const id = await world.createTopic('events')
    await world.createTopic('others')
    await world.commit('orders', 'events', 7)
    await world.commit('orders', 'others', 8)

    await world.catalog.deleteTopics([id])
    await world.createTopic('events')

    assert.equal(await world.committed('orders', 'events'), undefined)
    assert.equal(await world.committed('orders', 'others'), 8)
    await world[Symbol.asyncDispose]()
    await using after = await World.open(disk)
    await after.groups.loaded()
    assert.equal(await after.committed('orders', 'events'), undefined)
    assert.equal(await after.committed('orders', 'others'), 8)
  })

  it('of a topic that was deleted while nobody ran are forgotten at start', async () => {
    const disk = newDisk()
    const before = await World.open(disk)
    const id = await before.createTopic('events')
    await before.commit('orders', 'events', 7)
    await before.groups.close() // hears no more of the catalogue
    await before.catalog.deleteTopics([id])
    await before[Symbol.asyncDispose]()

    await using after = await World.open(disk)
    await after.groups.loaded()

    const fetched = await after.groups.fetchOffsets({
      groupId: 'orders',
      topics: null,
      requireStable: false,
    })
    assert.deepEqual(fetched.topics, [])
  })

  it('expire, and the group with its last one', async () => {
    await using world = await World.open(newDisk())
    await world.createTopic('events')
    await world.commit('orders', 'events', 7)
    const deleted = await world.groups.commitOffsets({
      groupId: 'old',
      ...{ memberId: '', groupInstanceId: null, generationId: -1, knowsGroupIdNotFound: true },
      retentionTimeMs: 0,
      offsets: [
        {
          topic: 'events',
          topicId: ZERO_UUID,
          partition: 0,
          offset: 1,
          leaderEpoch: -1,
          metadata: null,
        },
      ],
    })
    assert.deepEqual(deleted, [ErrorCode.NONE])

    await world.groups.expire()

    assert.deepEqual(world.list(), ['orders'])
  })

  it('may be deleted unless a member reads the topic', async () => {
    await using world = await World.open(newDisk())
    await world.createTopic('events')
    await world.commit('orders', 'events', 7)
    const subscription = Buffer.from('00000000000100066576656e7473ffffffff', 'hex')
    const protocols = [{ name: 'range', metadata: subscription }]
    await world.groups.join({ ...JOIN, protocols })
    const events0 = { topic: 'events', partition: 0 }
    const others1 = { topic: 'others', partition: 1 }

    const codes = await world.groups.deleteOffsets('orders', [events0, others1])

    assert.deepEqual(codes, [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, ErrorCode.NONE])
    assert.equal(await world.committed('orders', 'events'), 7)
    await world.commit('idle', 'events', 7)
    assert.deepEqual(await world.groups.deleteOffsets('idle', [events0]), [ErrorCode.NONE])
    assert.equal(await world.committed('idle', 'events'), undefined)
  })
})

describe('groups', () => {
  it('come back stable after a restart, and go on in their generation', async () => {
    const disk = newDisk()
    const before = await World.open(disk)
    const joined = await before.groups.join(JOIN)
    const { memberId } = joined
    const assignments = [{ memberId, assignment: Buffer.from('all of it') }]
    const claim = { groupId: 'orders', memberId, groupInstanceId: null, generationId: 1 }
    const names = { protocolType: null, protocolName: null }
    const synced = await before.groups.sync({ ...claim, ...names, assignments })
    assert.equal(synced.errorCode, ErrorCode.NONE)
    await before[Symbol.asyncDispose]()

    await using after = await World.open(disk)
    await after.groups.loaded()

    assert.equal(after.groups.heartbeat(claim), ErrorCode.NONE)
    const again = await after.groups.sync({ ...claim, ...names, assignments: [] })
    assert.equal(String(again.assignment), 'all of it')
    assert.equal(after.groups.describe('orders').description.groupState, 'Stable')
  })

  it('that are deleted stay deleted', async () => {
    const disk = newDisk()
    const before = await World.open(disk)
    await before.createTopic('events')
    await before.commit('orders', 'events', 7)
    await before.commit('payments', 'events', 7)

    assert.equal(await before.groups.delete('orders'), ErrorCode.NONE)

    assert.deepEqual(before.list(), ['payments'])
    await before[Symbol.asyncDispose]()
    await using after = await World.open(disk)
    await after.groups.loaded()
    assert.deepEqual(after.list(), ['payments'])
  })

  it('are bounded in number', async () => {
    await using world = await World.open(newDisk(), { 'millrace.max.groups': '2' })
    await world.createTopic('events')
    await world.commit('a', 'events', 1)
    await world.commit('b', 'events', 1)

    assert.deepEqual(await world.commit('c', 'events', 1), [ErrorCode.POLICY_VIOLATION])
    const joined = await world.groups.join({ ...JOIN, groupId: 'd' })
    assert.equal(joined.errorCode, ErrorCode.POLICY_VIOLATION)
    assert.deepEqual(await world.commit('a', 'events', 2), [ErrorCode.NONE])
    assert.ok(world.events.includes('group-refused'))
  })

  it('are bounded in what their members say of themselves, all groups together', async () => {
    const disk = newDisk()
    const settings = { 'millrace.max.group.metadata.bytes': '4000' }
    const world = await World.open(disk, settings)
    const { groups } = world
    const protocols = [{ name: 'range', metadata: Buffer.alloc(1000) }]
    const first = await groups.join({ ...JOIN, groupId: 'a', protocols })
    const second = await groups.join({ ...JOIN, groupId: 'b', protocols })
    const again = { ...JOIN, groupId: 'a', protocols, memberId: first.memberId }

    const third = await groups.join({ ...JOIN, groupId: 'c', protocols })
    const listed = world.list()
    const rejoined = await groups.join(again)
    const larger = [{ name: 'range', metadata: Buffer.alloc(3000) }]
    const grown = await groups.join({ ...again, protocols: larger })
    await groups.leave('b', [{ memberId: second.memberId, groupInstanceId: null }])
    const fourth = await groups.join({ ...JOIN, groupId: 'c', protocols })

    assert.equal(third.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
    assert.ok(world.events.includes('member-refused'))
    assert.deepEqual(listed, ['a', 'b'])
    assert.equal(rejoined.errorCode, ErrorCode.NONE)
    assert.equal(grown.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
    assert.equal(fourth.errorCode, ErrorCode.NONE)
    await world[Symbol.asyncDispose]()
  })

  it('count what their members said of themselves before a restart', async () => {
    const disk = newDisk()
    const settings = { 'millrace.max.group.metadata.bytes': '2000' }
    const protocols = [{ name: 'range', metadata: Buffer.alloc(1000) }]
    const before = await World.open(disk, settings)
    const { memberId, generationId } = await before.groups.join({
      ...JOIN,
      groupId: 'a',
      protocols,
    })
    const synced = await before.groups.sync({
      groupId: 'a',
      memberId,
      groupInstanceId: null,
      generationId,
      protocolType: null,
      protocolName: null,
      assignments: [{ memberId, assignment: Buffer.from('all') }],
    })
    assert.equal(synced.errorCode, ErrorCode.NONE)
    await before[Symbol.asyncDispose]()

    await using after = await World.open(disk, settings)
    await after.groups.loaded()

    const joined = await after.groups.join({ ...JOIN, groupId: 'b', protocols })
    assert.equal(joined.errorCode, ErrorCode.GROUP_MAX_SIZE_REACHED)
  })

  it('that do not exist leave nothing behind when they are asked for', async () => {
    await using world = await World.open(newDisk(), { 'millrace.max.groups': '1' })
    await world.createTopic('events')
    await world.commit('payments', 'events', 1)
    await world.groups.delete('payments')

    for (const groupId of ['a', 'b', 'c']) {
      assert.equal(world.groups.describe(groupId).errorCode, ErrorCode.GROUP_ID_NOT_FOUND)
      assert.equal(await world.committed(groupId, 'events'), undefined)
      world.groups.heartbeat({ groupId, ...NOBODY })
      await world.groups.leave(groupId, [NOBODY])
      await world.groups.delete(groupId)
      await world.groups.deleteOffsets(groupId, [{ topic: 'events', partition: 0 }])
    }

    assert.deepEqual(await world.commit('orders', 'events', 1), [ErrorCode.NONE])
  })

  it('are not served when their log cannot be understood; others are', async () => {
    const disk = newDisk()
    const before = await World.open(disk)
    await before.createTopic('events')
    await before.commit('orders', 'events', 7)
    await before.commit('a', 'events', 7)
    const key = Buffer.from('000200066f7264657273', 'hex')
    const fromTheFuture = { timestamp: 5, key, value: Buffer.from('7fff', 'hex') }
    const batch = buildBatch({ records: [fromTheFuture] })
    const log = before.partitions.get(OFFSETS_TOPIC, partitionOfKey('orders', 4))
    await log?.append(batch, { acks: -1, origin: 'coordinator' })
    await before[Symbol.asyncDispose]()

    await using after = await World.open(disk)
    await after.groups.loaded()

    const refused = ErrorCode.COORDINATOR_NOT_AVAILABLE
    assert.deepEqual(await after.commit('orders', 'events', 8), [refused])
    assert.deepEqual(await after.commit('a', 'events', 8), [ErrorCode.NONE])
    assert.deepEqual(after.list(), ['a'])
    assert.ok(after.events.includes('coordinator-not-loaded'))
  })

  it('are turned away by a coordinator that has closed', async () => {
    await using world = await World.open(newDisk())
    await world.groups.join(JOIN)
    await world.groups.close()

    const joined = await world.groups.join(JOIN)

    assert.equal(joined.errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
  })
})
