// The APIs of consumer groups at every version that is served.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ZERO_UUID } from '../../bytes/uuid.ts'
import { offsetCommit } from '../../protocol/08-offset-commit.ts'
import { offsetFetch } from '../../protocol/09-offset-fetch.ts'
import { findCoordinator } from '../../protocol/10-find-coordinator.ts'
import { joinGroup } from '../../protocol/11-join-group.ts'
import { heartbeat } from '../../protocol/12-heartbeat.ts'
import { leaveGroup } from '../../protocol/13-leave-group.ts'
import { syncGroup } from '../../protocol/14-sync-group.ts'
import { describeGroups } from '../../protocol/15-describe-groups.ts'
import { listGroups } from '../../protocol/16-list-groups.ts'
import { deleteGroups } from '../../protocol/42-delete-groups.ts'
import { offsetDelete } from '../../protocol/47-offset-delete.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { type HandlerWorld, openHandlerWorld } from '../handler-test-world.ts'
import { handler as commitHandler } from './08-offset-commit.ts'
import { handler as fetchHandler } from './09-offset-fetch.ts'
import { handler as findHandler } from './10-find-coordinator.ts'
import { handler as joinHandler } from './11-join-group.ts'
import { handler as heartbeatHandler } from './12-heartbeat.ts'
import { handler as leaveHandler } from './13-leave-group.ts'
import { handler as syncHandler } from './14-sync-group.ts'
import { handler as describeHandler } from './15-describe-groups.ts'
import { handler as listHandler } from './16-list-groups.ts'
import { handler as deleteGroupsHandler } from './42-delete-groups.ts'
import { handler as offsetDeleteHandler } from './47-offset-delete.ts'

const EVENTS = Buffer.from('00000000000100066576656e7473ffffffff', 'hex')

async function openWorld(): Promise<HandlerWorld> {
  const world = await openHandlerWorld()
  const request = { replicationFactor: 1, assignments: [], configs: [], partitions: 2 }
  await world.catalog.createTopics([{ name: 'events', ...request }])
  return world
}

function versions(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index)
}

async function join(world: HandlerWorld, version: number, fields: { memberId?: string } = {}) {
  return world.ask(joinHandler, joinGroup, version, {
    groupId: 'orders',
    sessionTimeoutMs: 10_000,
    rebalanceTimeoutMs: 60_000,
    memberId: '',
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: EVENTS }],
    ...fields,
  })
}

/** A group with one member in a stable generation. */
async function stable(world: HandlerWorld): Promise<string> {
  const { memberId, generationId } = await join(world, 3)
  const assignments = [{ memberId, assignment: Buffer.from('all') }]
  const claim = { groupId: 'orders', generationId, memberId }
  const synced = await world.ask(syncHandler, syncGroup, 4, { ...claim, assignments })
  assert.equal(synced.errorCode, ErrorCode.NONE)
  return memberId
}

async function commit(world: HandlerWorld, version: number, offset: number, groupId = 'orders') {
  const partition = (partitionIndex: number) => ({
    partitionIndex,
    committedOffset: offset,
    committedLeaderEpoch: 5,
    committedMetadata: 'note',
  })
  const topicId = world.catalog.topic('events')?.id ?? ZERO_UUID
  const partitions = [partition(0), partition(2)]
  const { topics } = await world.ask(commitHandler, offsetCommit, version, {
    groupId,
    memberId: '',
    topics: [{ name: 'events', topicId, partitions }],
  })
  return topics[0]?.partitions.map(({ errorCode }) => errorCode)
}

describe('FindCoordinator', () => {
  for (const version of versions(0, 6)) {
    it(`v${version} names this node at the address that the client knows`, async () => {
      await using world = await openWorld()
      const body = { key: 'orders', keyType: 0, coordinatorKeys: ['orders', 'payments'] }

      const answer = await world.ask(findHandler, findCoordinator, version, body)

      const found = version < 4 ? [answer] : answer.coordinators
      assert.equal(found.length, version < 4 ? 1 : 2)
      for (const { errorCode, nodeId, host, port } of found) {
        assert.deepEqual([errorCode, nodeId, host, port], [0, 1, 'broker.example', 9092])
      }
    })
  }
})

describe('a member', () => {
  for (const version of versions(0, 9)) {
    it(`joins by v${version}, with a second request from v4 on`, async () => {
      await using world = await openWorld()

      let joined = await join(world, version)
      if (version >= 4) {
        assert.equal(joined.errorCode, ErrorCode.MEMBER_ID_REQUIRED)
        joined = await join(world, version, { memberId: joined.memberId })
      }

      assert.equal(joined.errorCode, ErrorCode.NONE)
      assert.equal(joined.generationId, 1)
      assert.equal(joined.leader, joined.memberId)
      assert.deepEqual(
        joined.members.map(({ memberId, metadata }) => [memberId, metadata]),
        [[joined.memberId, EVENTS]],
      )
      assert.equal(joined.protocolName, 'range')
      if (version >= 7) assert.equal(joined.protocolType, 'consumer')
    })

    it(`is refused by v${version} when its id is unknown`, async () => {
      await using world = await openWorld()

      const joined = await join(world, version, { memberId: 'ghost' })

      assert.equal(joined.errorCode, ErrorCode.UNKNOWN_MEMBER_ID)
      assert.equal(joined.protocolName, version < 7 ? '' : null)
    })
  }

  for (const version of versions(0, 5)) {
    it(`gets its assignment by v${version}`, async () => {
      await using world = await openWorld()
      const { memberId, generationId } = await join(world, 3)
      const names = { protocolType: 'consumer', protocolName: 'range' }
      const assignments = [{ memberId, assignment: Buffer.from('all') }]

      const answer = await world.ask(syncHandler, syncGroup, version, {
        ...{ groupId: 'orders', generationId, memberId, assignments, ...names },
      })

      assert.equal(answer.errorCode, ErrorCode.NONE)
      assert.equal(String(answer.assignment), 'all')
      if (version >= 5) assert.equal(answer.protocolName, 'range')
    })
  }

  it('has to name its protocol from v5 of SyncGroup on', async () => {
    await using world = await openWorld()
    const memberId = await stable(world)
    const claim = { groupId: 'orders', generationId: 1, memberId, assignments: [] }

    const answer = await world.ask(syncHandler, syncGroup, 5, claim)

    assert.equal(answer.errorCode, ErrorCode.INCONSISTENT_GROUP_PROTOCOL)
  })

  for (const version of versions(0, 4)) {
    it(`is alive by v${version}`, async () => {
      await using world = await openWorld()
      const memberId = await stable(world)
      const beat = (generationId: number) =>
        world.ask(heartbeatHandler, heartbeat, version, {
          ...{ groupId: 'orders', generationId, memberId },
        })

      assert.equal((await beat(1)).errorCode, ErrorCode.NONE)
      assert.equal((await beat(2)).errorCode, ErrorCode.ILLEGAL_GENERATION)
    })
  }

  for (const version of versions(0, 5)) {
    it(`leaves by v${version}`, async () => {
      await using world = await openWorld()
      const memberId = await stable(world)
      const leave = () =>
        world.ask(leaveHandler, leaveGroup, version, {
          ...{ groupId: 'orders', memberId, members: [{ memberId }] },
        })

      const left = await leave()
      const again = await leave()

      const code = (answer: typeof left) =>
        version < 3 ? answer.errorCode : answer.members[0]?.errorCode
      assert.equal(code(left), ErrorCode.NONE)
      assert.equal(code(again), ErrorCode.UNKNOWN_MEMBER_ID)
    })
  }
})

describe('offsets', () => {
  for (const version of versions(2, 10)) {
    it(`are committed by v${version}, where the partition exists`, async () => {
      await using world = await openWorld()

      const codes = await commit(world, version, 42)

      assert.deepEqual(codes, [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION])
    })
  }

  it('of an unknown topic id are refused with 100', async () => {
    await using world = await openWorld()
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }]

    const { topics } = await world.ask(commitHandler, offsetCommit, 10, {
      groupId: 'orders',
      memberId: '',
      topics: [{ name: '', topicId: 'Mgzl6zUuQTSTkYqpsCkEVg', partitions }],
    })

    assert.equal(topics[0]?.partitions[0]?.errorCode, ErrorCode.UNKNOWN_TOPIC_ID)
  })

  it('of a group that is gone are refused with 69, before v9 with 22', async () => {
    await using world = await openWorld()
    const partitions = [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }]
    const codeOf = async (version: number) => {
      const { topics } = await world.ask(commitHandler, offsetCommit, version, {
        groupId: 'orders',
        generationIdOrMemberEpoch: 3,
        memberId: 'ghost',
        topics: [{ name: 'events', topicId: ZERO_UUID, partitions }],
      })
      return topics[0]?.partitions[0]?.errorCode
    }

    assert.equal(await codeOf(9), ErrorCode.GROUP_ID_NOT_FOUND)
    assert.equal(await codeOf(8), ErrorCode.ILLEGAL_GENERATION)
  })

  for (const version of versions(1, 7)) {
    it(`are fetched by v${version}, all of them from v2 on`, async () => {
      await using world = await openWorld()
      await commit(world, 8, 42)
      const fetch = (topics: { name: string; partitionIndexes: number[] }[] | null) =>
        world.ask(fetchHandler, offsetFetch, version, {
          ...{ groupId: 'orders', topics, groups: [], requireStable: true },
        })

      const named = await fetch([{ name: 'events', partitionIndexes: [0, 1] }])
      const partitions = named.topics?.[0]?.partitions ?? []
      assert.deepEqual(
        partitions.map(({ committedOffset, metadata, errorCode }) => [
          ...[committedOffset, metadata, errorCode],
        ]),
        [
          [42, 'note', 0],
          [-1, '', 0],
        ],
      )
      if (version >= 5) assert.equal(partitions[0]?.committedLeaderEpoch, 5)

      if (version < 2) return
      const all = await fetch(null)
      assert.deepEqual(
        all.topics?.map(({ name, partitions: committed }) => [name, committed.length]),
        [['events', 1]],
      )
    })
  }

  for (const version of versions(8, 10)) {
    it(`of several groups are fetched by v${version}`, async () => {
      await using world = await openWorld()
      await commit(world, 8, 42)
      await commit(world, 8, 43, 'payments')
      const topicId = world.catalog.topic('events')?.id ?? ZERO_UUID
      const topics = [{ name: 'events', topicId, partitionIndexes: [0] }]

      const { groups } = await world.ask(fetchHandler, offsetFetch, version, {
        groupId: '',
        topics: [],
        groups: [
          { groupId: 'orders', topics },
          { groupId: 'payments', topics: null },
          { groupId: 'nobody', topics },
        ],
      })

      const seen = groups.map(({ groupId, errorCode, topics: fetched }) => [
        groupId,
        errorCode,
        fetched[0]?.partitions[0]?.committedOffset,
        version < 10 ? fetched[0]?.name : fetched[0]?.topicId,
      ])
      const topic = version < 10 ? 'events' : topicId
      assert.deepEqual(seen, [
        ['orders', 0, 42, topic],
        ['payments', 0, 43, topic],
        ['nobody', 0, -1, topic],
      ])
    })
  }

  it('of an unknown topic id are not fetched, others are', async () => {
    await using world = await openWorld()
    await commit(world, 8, 42)
    const topicId = world.catalog.topic('events')?.id ?? ZERO_UUID
    const unknown = 'Mgzl6zUuQTSTkYqpsCkEVg'
    const topics = [unknown, topicId].map((id) => ({
      ...{ name: '', topicId: id, partitionIndexes: [0] },
    }))

    const { groups } = await world.ask(fetchHandler, offsetFetch, 10, {
      ...{ groupId: '', topics: [], groups: [{ groupId: 'orders', topics }] },
    })

    const codes = groups[0]?.topics.map((topic) => [
      topic.topicId,
      topic.partitions[0]?.errorCode,
      topic.partitions[0]?.committedOffset,
    ])
    assert.deepEqual(codes, [
      [topicId, ErrorCode.NONE, 42],
      [unknown, ErrorCode.UNKNOWN_TOPIC_ID, -1],
    ])
  })

  it('are deleted, but not those that a member reads', async () => {
    await using world = await openWorld()
    await commit(world, 8, 42)
    const remove = async () => {
      const partitions = [0, 9].map((partitionIndex) => ({ partitionIndex }))
      const body = { groupId: 'orders', topics: [{ name: 'events', partitions }] }
      const answer = await world.ask(offsetDeleteHandler, offsetDelete, 0, body)
      assert.equal(answer.errorCode, ErrorCode.NONE)
      return answer.topics[0]?.partitions.map(({ errorCode }) => errorCode)
    }
    const { NONE, GROUP_SUBSCRIBED_TO_TOPIC, UNKNOWN_TOPIC_OR_PARTITION } = ErrorCode

    const memberId = await stable(world)
    assert.deepEqual(await remove(), [GROUP_SUBSCRIBED_TO_TOPIC, UNKNOWN_TOPIC_OR_PARTITION])
    const members = [{ memberId }]
    await world.ask(leaveHandler, leaveGroup, 5, { groupId: 'orders', memberId, members })

    assert.deepEqual(await remove(), [NONE, UNKNOWN_TOPIC_OR_PARTITION])
  })
})

describe('operators', () => {
  for (const version of versions(0, 6)) {
    it(`see a group by v${version}`, async () => {
      await using world = await openWorld()
      await stable(world)
      const body = { groups: ['orders', 'nobody'], includeAuthorizedOperations: true }

      const { groups } = await world.ask(describeHandler, describeGroups, version, body)

      const [orders, nobody] = groups
      assert.equal(orders?.errorCode, ErrorCode.NONE)
      assert.equal(orders?.groupState, 'Stable')
      assert.equal(orders?.protocolData, 'range')
      assert.equal(orders?.members[0]?.clientHost, '/127.0.0.1')
      assert.deepEqual(orders?.members[0]?.memberMetadata, EVENTS)
      assert.equal(String(orders?.members[0]?.memberAssignment), 'all')
      assert.equal(nobody?.groupState, 'Dead')
      assert.equal(nobody?.errorCode, version < 6 ? 0 : ErrorCode.GROUP_ID_NOT_FOUND)
      if (version >= 3) assert.equal(orders?.authorizedOperations, 0b110101001000)
    })
  }

  for (const version of versions(0, 5)) {
    it(`list groups by v${version}`, async () => {
      await using world = await openWorld()
      await stable(world)
      await commit(world, 8, 42, 'payments')
      const list = async (statesFilter: string[], typesFilter: string[]) => {
        const body = { statesFilter, typesFilter }
        const { groups } = await world.ask(listHandler, listGroups, version, body)
        return groups.map(({ groupId }) => groupId).sort()
      }

      assert.deepEqual(await list([], []), ['orders', 'payments'])
      if (version >= 4) assert.deepEqual(await list(['empty'], []), ['payments'])
      if (version >= 5) assert.deepEqual(await list([], ['consumer']), [])
    })
  }

  for (const version of versions(0, 2)) {
    it(`delete groups without members by v${version}`, async () => {
      await using world = await openWorld()
      await stable(world)
      await commit(world, 8, 42, 'payments')
      const body = { groupsNames: ['orders', 'payments', 'nobody', 'payments'] }

      const { results } = await world.ask(deleteGroupsHandler, deleteGroups, version, body)

      assert.deepEqual(
        results.map(({ groupId, errorCode }) => [groupId, errorCode]),
        [
          ['orders', ErrorCode.NON_EMPTY_GROUP],
          ['payments', ErrorCode.NONE],
          ['nobody', ErrorCode.GROUP_ID_NOT_FOUND],
        ],
      )
    })
  }
})
