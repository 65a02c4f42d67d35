import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ZERO_UUID } from '../../bytes/uuid.ts'
import { type MetadataRequest, metadata } from '../../protocol/03-metadata.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { type HandlerWorld, openHandlerWorld } from '../handler-test-world.ts'
import { handler } from './03-metadata.ts'

type Wanted = NonNullable<MetadataRequest['topics']>[number]

const byName = (...names: string[]): Wanted[] => names.map((name) => ({ name, topicId: ZERO_UUID }))

function ask(
  world: HandlerWorld,
  version: number,
  topics: readonly Wanted[] | null,
  fields: Partial<MetadataRequest> = {},
) {
  return world.ask(handler, metadata, version, {
    topics,
    allowAutoTopicCreation: true,
    includeClusterAuthorizedOperations: false,
    includeTopicAuthorizedOperations: false,
    ...fields,
  })
}

const codes = (answer: { topics: readonly { name: string | null; errorCode: number }[] }) =>
  answer.topics.map(({ name, errorCode }) => [name, errorCode])

describe('Metadata', () => {
  it('names the one node by the address that this client was given', async () => {
    await using world = await openHandlerWorld({ settings: { 'broker.rack': 'r1' } })

    const answer = await ask(world, 12, [])

    assert.deepEqual(answer.brokers, [
      { nodeId: 1, host: 'broker.example', port: 9092, rack: 'r1' },
    ])
    assert.equal(answer.controllerId, 1)
    assert.equal(answer.clusterId, world.catalog.clusterId)
    assert.deepEqual(answer.topics, [])
  })

  it('of all topics is asked for by no topics in v0, and by null from v1 on', async () => {
    await using world = await openHandlerWorld()
    await ask(world, 12, byName('a', 'b'))

    assert.equal((await ask(world, 0, [])).topics.length, 2)
    assert.equal((await ask(world, 1, [])).topics.length, 0)
    assert.equal((await ask(world, 1, null)).topics.length, 2)
    assert.equal((await ask(world, 13, null)).topics.length, 2)
  })

  it('makes a topic that is missing, complete in this very answer', async () => {
    await using world = await openHandlerWorld()

    const { topics } = await ask(world, 12, byName('orders'))

    assert.equal(topics[0]?.errorCode, ErrorCode.NONE)
    assert.equal(topics[0]?.partitions.length, 4)
    assert.notEqual(topics[0]?.topicId, ZERO_UUID)
    assert.deepEqual(topics[0]?.partitions[0], {
      errorCode: ErrorCode.NONE,
      partitionIndex: 0,
      leaderId: 1,
      leaderEpoch: 0,
      replicaNodes: [1],
      isrNodes: [1],
      offlineReplicas: [],
    })
    assert.equal(world.partitions.get('orders', 3)?.state, 'online')
  })

  it('makes no topic unless both the request and the broker allow it', async () => {
    await using world = await openHandlerWorld()
    await using closed = await openHandlerWorld({
      settings: { 'auto.create.topics.enable': 'false' },
    })
    const unknown = [['x', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION]]

    const forbidden = await ask(world, 12, byName('x'), { allowAutoTopicCreation: false })

    assert.deepEqual(codes(forbidden), unknown)
    assert.deepEqual(codes(await ask(closed, 12, byName('x'))), unknown)
  })

  it('makes no internal topic: the broker makes those itself', async () => {
    await using world = await openHandlerWorld()

    const { topics } = await ask(world, 12, byName('__consumer_offsets'))

    assert.equal(topics[0]?.errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert.equal(topics[0]?.isInternal, true)
  })

  it('refuses illegal names, and names that would collide are not made', async () => {
    await using world = await openHandlerWorld()
    await ask(world, 12, byName('a.b'))

    const answer = await ask(world, 12, byName('a/b', 'a_b'))

    assert.deepEqual(codes(answer), [
      ['a/b', ErrorCode.INVALID_TOPIC_EXCEPTION],
      ['a_b', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    ])
    assert.equal(world.logged[0]?.event, 'topic-not-created')
  })

  it('answers a name that is asked for twice once', async () => {
    await using world = await openHandlerWorld()

    assert.deepEqual(codes(await ask(world, 12, byName('a', 'a'))), [['a', 0]])
  })

  it('finds topics by id, and says 100 for an id that is unknown or stale', async () => {
    await using world = await openHandlerWorld()
    await ask(world, 12, byName('a'))
    const { id } = world.catalog.topic('a')!
    const wanted = [{ name: null, topicId: id }]

    assert.deepEqual(codes(await ask(world, 12, wanted)), [['a', 0]])

    await world.catalog.deleteTopics([id])
    await ask(world, 12, byName('a'))
    const stale = await ask(world, 12, wanted)

    assert.deepEqual(codes(stale), [[null, ErrorCode.UNKNOWN_TOPIC_ID]])
    assert.equal(stale.topics[0]?.topicId, id)
  })

  it('tells operations only when asked', async () => {
    await using world = await openHandlerWorld()
    const asked = { includeTopicAuthorizedOperations: true }

    const without = await ask(world, 8, byName('a'))
    const withThem = await ask(world, 8, byName('a'), {
      ...asked,
      includeClusterAuthorizedOperations: true,
    })

    assert.equal(without.topics[0]?.topicAuthorizedOperations, -(2 ** 31))
    assert.equal(without.clusterAuthorizedOperations, -(2 ** 31))
    assert.equal(withThem.topics[0]?.topicAuthorizedOperations, 0b110111111000)
    assert.equal(withThem.clusterAuthorizedOperations, 0b1111110100000 | (1 << 8))
  })

  it('gives a partition that is not open no leader', async () => {
    await using world = await openHandlerWorld()
    await ask(world, 12, byName('a'))
    await world.partitions.get('a', 1)!.close()

    const { topics } = await ask(world, 12, byName('a'))

    const [, failed] = topics[0]!.partitions
    assert.equal(failed?.errorCode, ErrorCode.LEADER_NOT_AVAILABLE)
    assert.equal(failed?.leaderId, -1)
    assert.deepEqual(failed?.offlineReplicas, [1])
  })
})
