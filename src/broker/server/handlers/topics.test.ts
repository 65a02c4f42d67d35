// CreateTopics, DeleteTopics, CreatePartitions and DescribeTopicPartitions.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ZERO_UUID } from '../../bytes/uuid.ts'
import { type CreateTopicsRequest, createTopics } from '../../protocol/19-create-topics.ts'
import { deleteTopics } from '../../protocol/20-delete-topics.ts'
import { createPartitions } from '../../protocol/37-create-partitions.ts'
import {
  type DescribeTopicPartitionsRequest,
  describeTopicPartitions,
} from '../../protocol/75-describe-topic-partitions.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { type HandlerWorld, openHandlerWorld } from '../handler-test-world.ts'
import { handler as createHandler } from './19-create-topics.ts'
import { handler as deleteHandler } from './20-delete-topics.ts'
import { handler as partitionsHandler } from './37-create-partitions.ts'
import { handler as describeHandler } from './75-describe-topic-partitions.ts'

type NewTopic = CreateTopicsRequest['topics'][number]

const topicOf = (name: string, fields: Partial<NewTopic> = {}): NewTopic => ({
  name,
  numPartitions: 1,
  replicationFactor: 1,
  assignments: [],
  configs: [],
  ...fields,
})

async function create(
  world: HandlerWorld,
  topics: readonly NewTopic[],
  { version = 7, validateOnly = false } = {},
) {
  const answer = await world.ask(createHandler, createTopics, version, { topics, validateOnly })
  return answer.topics
}

async function remove(world: HandlerWorld, names: readonly string[], version = 5) {
  const topics = names.map((name) => ({ name, topicId: ZERO_UUID }))
  const body = { topics, topicNames: names, timeoutMs: 0 }
  return (await world.ask(deleteHandler, deleteTopics, version, body)).responses
}

/** How often others had their turn while `work` ran. */
async function countTurns(work: (world: HandlerWorld) => Promise<void>): Promise<number> {
  let turns = 0
  await using world = await openHandlerWorld({ onYield: () => turns++ })
  turns = 0
  await work(world)
  return turns
}

describe('requests that name very many topics', () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `topic-${index}`)

  it('of which more than 10,000 partitions are to be made are refused as a whole', async () => {
    await using world = await openHandlerWorld()
    const atTheBound = names.slice(0, 2500).map((name) => topicOf(name, { numPartitions: 4 }))

    const refused = await create(world, [...atTheBound, topicOf('one-more')])
    const valid = await create(world, atTheBound, { validateOnly: true })

    const codesOf = (topics: typeof valid) => [...new Set(topics.map(({ errorCode }) => errorCode))]
    assert.equal(refused.length, 2501)
    assert.deepEqual(codesOf(refused), [ErrorCode.POLICY_VIOLATION])
    assert.deepEqual(codesOf(valid), [ErrorCode.NONE])
    assert.equal(world.catalog.topicCount, 0)
  })

  it('give others their turn while topics are made and described', async () => {
    const turns = await countTurns(async (world) => {
      const topics = await create(
        world,
        names.slice(0, 5000).map((name) => topicOf(name)),
      )
      assert.equal(topics.length, 5000)
      assert.ok(topics.every(({ errorCode }) => errorCode === ErrorCode.NONE))
    })

    // Of 500 topics decided, of 100 logs opened, and of every 32 KiB of the answer.
    assert.ok(turns > 5000 / 500 + 5000 / 100, `${turns} turns`)
  })

  it('give others their turn while topics are deleted', async () => {
    const some = names.slice(0, 2000)
    const makes = async (world: HandlerWorld) => {
      const topics = await create(
        world,
        some.map((name) => topicOf(name)),
      )
      assert.ok(topics.every(({ errorCode }) => errorCode === ErrorCode.NONE))
    }
    const turnsOfMaking = await countTurns(makes)

    const turns = await countTurns(async (world) => {
      await makes(world)
      const responses = await remove(world, some, 6)
      assert.ok(responses.every(({ errorCode }) => errorCode === ErrorCode.NONE))
      assert.equal(world.catalog.topicCount, 0)
    })

    // Of 100 logs closed and of 100 topics retired.
    assert.ok(turns - turnsOfMaking >= (2 * some.length) / 100, `${turns - turnsOfMaking} turns`)
  })

  it('give others their turn while they are decided on, and answer each name once', async () => {
    const turns = await countTurns(async (world) => {
      const responses = await remove(world, names, 6)
      assert.deepEqual(
        responses.map(({ name }) => name),
        names,
      )
      assert.ok(responses.every((one) => one.errorCode === ErrorCode.UNKNOWN_TOPIC_OR_PARTITION))
    })

    assert.ok(turns >= names.length / 5000, `${turns} turns`)
  })
})

describe('CreateTopics', () => {
  it('answers what was made: id, partitions and every configuration', async () => {
    await using world = await openHandlerWorld()

    const configs = [{ name: 'retention.ms', value: '5' }]
    const [topic] = await create(world, [topicOf('a', { numPartitions: -1, configs })])

    assert.equal(topic?.errorCode, ErrorCode.NONE)
    assert.equal(topic?.topicId, world.catalog.topic('a')?.id)
    assert.equal(topic?.numPartitions, 4)
    assert.equal(topic?.replicationFactor, 1)
    const retention = topic?.configs?.find(({ name }) => name === 'retention.ms')
    assert.deepEqual(retention, {
      name: 'retention.ms',
      value: '5',
      readOnly: false,
      configSource: 1,
      isSensitive: false,
    })
    // Kafka's, and the two of event stores.
    assert.equal(topic?.configs?.length, 33 + 2)
  })

  it('refuses each topic by itself, with code and sentence', async () => {
    await using world = await openHandlerWorld()

    const answers = await create(world, [
      topicOf('good'),
      topicOf('bad', { replicationFactor: 3 }),
      topicOf('worse', { configs: [{ name: 'x', value: 'y' }] }),
    ])

    assert.deepEqual(
      answers.map(({ name, errorCode }) => [name, errorCode]),
      [
        ['good', ErrorCode.NONE],
        ['bad', ErrorCode.INVALID_REPLICATION_FACTOR],
        ['worse', ErrorCode.INVALID_CONFIG],
      ],
    )
    assert.match(answers[1]?.errorMessage ?? '', /--accept-any-replication-factor/)
    assert.equal(answers[1]?.topicId, ZERO_UUID)
  })

  it('refuses a topic that is named twice, once', async () => {
    await using world = await openHandlerWorld()

    const answers = await create(world, [topicOf('a'), topicOf('a', { numPartitions: 2 })])

    assert.deepEqual(
      answers.map(({ errorCode }) => errorCode),
      [ErrorCode.INVALID_REQUEST],
    )
    assert.equal(world.catalog.topic('a'), undefined)
  })

  it('validates without making anything', async () => {
    await using world = await openHandlerWorld()

    const [topic] = await create(world, [topicOf('a')], { validateOnly: true })

    assert.equal(topic?.errorCode, ErrorCode.NONE)
    assert.equal(topic?.topicId, ZERO_UUID)
    assert.equal(world.catalog.topic('a'), undefined)
  })
})

describe('DeleteTopics', () => {
  it('deletes by name in every version, and by id from v6 on', async () => {
    await using world = await openHandlerWorld()
    for (const version of [1, 5, 6]) {
      await create(world, [topicOf('a')])

      const [gone] = await remove(world, ['a'], version)

      assert.equal(gone?.errorCode, ErrorCode.NONE)
      assert.equal(world.catalog.topic('a'), undefined)
    }
    await create(world, [topicOf('a')])
    const { id } = world.catalog.topic('a')!
    const { responses } = await world.ask(deleteHandler, deleteTopics, 6, {
      topics: [{ name: null, topicId: id }],
      topicNames: [],
      timeoutMs: 0,
    })

    assert.deepEqual(responses, [
      { name: 'a', topicId: id, errorCode: ErrorCode.NONE, errorMessage: null },
    ])
  })

  it('refuses what is unknown, named twice, internal, or named by nothing', async () => {
    await using world = await openHandlerWorld()
    await create(world, [topicOf('a'), topicOf('__consumer_offsets')])

    const byName = await remove(world, ['nope', 'a', 'a', '__consumer_offsets'])
    const byId = await world.ask(deleteHandler, deleteTopics, 6, {
      topics: [
        { name: null, topicId: 'b3JkZXJzb3JkZXJzb3JkZQ' },
        { name: null, topicId: ZERO_UUID },
        { name: 'a', topicId: world.catalog.topic('a')!.id },
      ],
      topicNames: [],
      timeoutMs: 0,
    })

    assert.deepEqual(
      [...byName, ...byId.responses].map(({ errorCode }) => errorCode),
      [
        ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
        ErrorCode.INVALID_REQUEST,
        ErrorCode.INVALID_REQUEST,
        ErrorCode.INVALID_REQUEST,
        ErrorCode.UNKNOWN_TOPIC_ID,
        ErrorCode.INVALID_REQUEST,
        ErrorCode.INVALID_REQUEST,
      ],
    )
    assert.equal(world.catalog.topicCount, 2)
  })

  it('is refused where topics cannot be deleted', async () => {
    await using world = await openHandlerWorld({ settings: { 'delete.topic.enable': 'false' } })
    await create(world, [topicOf('a')])

    const [old] = await remove(world, ['a'], 2)
    const [recent] = await remove(world, ['a'], 3)

    assert.equal(old?.errorCode, ErrorCode.INVALID_REQUEST)
    assert.equal(recent?.errorCode, ErrorCode.TOPIC_DELETION_DISABLED)
  })
})

describe('CreatePartitions', () => {
  const grow = async (world: HandlerWorld, count: number, validateOnly = false) => {
    const topics = [{ name: 'a', count, assignments: null }]
    const body = { topics, timeoutMs: 0, validateOnly }
    const answer = await world.ask(partitionsHandler, createPartitions, 3, body)
    return answer.results[0]!.errorCode
  }

  it('raises the number of partitions, which can be used when it is answered', async () => {
    await using world = await openHandlerWorld()
    await create(world, [topicOf('a')])

    assert.equal(await grow(world, 3), ErrorCode.NONE)

    assert.equal(world.catalog.topic('a')?.partitions, 3)
    await world.produce('a', 2, ['x'])
  })

  it('is refused when it raises nothing, and does nothing when it only validates', async () => {
    await using world = await openHandlerWorld()
    await create(world, [topicOf('a', { numPartitions: 2 })])

    assert.equal(await grow(world, 2), ErrorCode.INVALID_PARTITIONS)
    assert.equal(await grow(world, 9, true), ErrorCode.NONE)
    assert.equal(world.catalog.topic('a')?.partitions, 2)
  })
})

describe('DescribeTopicPartitions', () => {
  const describeTopics = (
    world: HandlerWorld,
    fields: Partial<DescribeTopicPartitionsRequest> = {},
  ) =>
    world.ask(describeHandler, describeTopicPartitions, 0, {
      topics: [],
      responsePartitionLimit: 2000,
      cursor: null,
      ...fields,
    })

  const shape = (answer: Awaited<ReturnType<typeof describeTopics>>) => ({
    topics: answer.topics.map(({ name, partitions }) => [
      name,
      ...partitions.map(({ partitionIndex }) => partitionIndex),
    ]),
    next: answer.nextCursor && [answer.nextCursor.topicName, answer.nextCursor.partitionIndex],
  })

  it('lists topics by name, each page going on where the last one ended', async () => {
    await using world = await openHandlerWorld()
    await create(world, [topicOf('b', { numPartitions: 3 }), topicOf('a', { numPartitions: 2 })])
    const pages = []
    let cursor = null
    do {
      const answer = await describeTopics(world, { responsePartitionLimit: 2, cursor })
      pages.push(shape(answer))
      cursor = answer.nextCursor
    } while (cursor !== null)

    assert.deepEqual(pages, [
      { topics: [['a', 0, 1]], next: ['b', 0] },
      { topics: [['b', 0, 1]], next: ['b', 2] },
      { topics: [['b', 2]], next: null },
    ])
  })

  it('keeps to the limit of the broker as well', async () => {
    await using world = await openHandlerWorld({
      settings: { 'max.request.partition.size.limit': '3' },
    })
    await create(world, [topicOf('a', { numPartitions: 5 })])

    assert.deepEqual(shape(await describeTopics(world)), {
      topics: [['a', 0, 1, 2]],
      next: ['a', 3],
    })
  })

  it('says of named topics which do not exist, and makes none', async () => {
    await using world = await openHandlerWorld()
    await create(world, [topicOf('a')])
    const topics = [{ name: 'x' }, { name: 'a' }, { name: 'a' }, { name: 'a/b' }]

    const answer = await describeTopics(world, { topics })

    assert.deepEqual(
      answer.topics.map(({ name, errorCode }) => [name, errorCode]),
      [
        ['a', ErrorCode.NONE],
        ['a/b', ErrorCode.INVALID_TOPIC_EXCEPTION],
        ['x', ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
      ],
    )
    assert.equal(world.catalog.topic('x'), undefined)
  })

  it('goes on with the next topic when that of the cursor is gone', async () => {
    await using world = await openHandlerWorld()
    await create(world, [topicOf('a'), topicOf('c', { numPartitions: 2 })])

    const answer = await describeTopics(world, { cursor: { topicName: 'b', partitionIndex: 1 } })

    assert.deepEqual(shape(answer), { topics: [['c', 0, 1]], next: null })
  })

  it('refuses a cursor before the first partition', async () => {
    await using world = await openHandlerWorld()
    await create(world, [topicOf('a')])

    const answer = await describeTopics(world, { cursor: { topicName: 'a', partitionIndex: -1 } })

    assert.equal(answer.topics[0]?.errorCode, ErrorCode.INVALID_REQUEST)
  })
})
