// DescribeConfigs, AlterConfigs, IncrementalAlterConfigs and ListConfigResources.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { describeConfigs } from '../../protocol/32-describe-configs.ts'
import { alterConfigs } from '../../protocol/33-alter-configs.ts'
import { incrementalAlterConfigs } from '../../protocol/44-incremental-alter-configs.ts'
import { listConfigResources } from '../../protocol/74-list-config-resources.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { type HandlerWorld, openHandlerWorld } from '../handler-test-world.ts'
import { handler as describeHandler } from './32-describe-configs.ts'
import { handler as alterHandler } from './33-alter-configs.ts'
import { handler as incrementalHandler } from './44-incremental-alter-configs.ts'
import { handler as listHandler } from './74-list-config-resources.ts'

const TOPIC = 2
const BROKER = 4
const BROKER_LOGGER = 8
const CLIENT_METRICS = 16
const GROUP = 32
const [SET, DELETE, APPEND, SUBTRACT] = [0, 1, 2, 3]

async function openWithTopic(settings: Record<string, string> = {}): Promise<HandlerWorld> {
  const world = await openHandlerWorld({ settings })
  const request = { name: 'a', partitions: 1, replicationFactor: 1, assignments: [], configs: [] }
  await world.catalog.createTopics([request])
  return world
}

async function describeOne(
  world: HandlerWorld,
  resource: readonly [type: number, name: string],
  keys: readonly string[] | null = null,
) {
  const [resourceType, resourceName] = resource
  const { results } = await world.ask(describeHandler, describeConfigs, 4, {
    resources: [{ resourceType, resourceName, configurationKeys: keys }],
    includeSynonyms: true,
    includeDocumentation: true,
  })
  return results[0]!
}

async function alterOne(
  world: HandlerWorld,
  resource: readonly [type: number, name: string],
  operations: readonly (readonly [operation: number, name: string, value: string | null])[],
  validateOnly = false,
) {
  const [resourceType, resourceName] = resource
  const configs = operations.map(([configOperation, name, value]) => ({
    configOperation,
    name,
    value,
  }))
  const { responses } = await world.ask(incrementalHandler, incrementalAlterConfigs, 1, {
    resources: [{ resourceType, resourceName, configs }],
    validateOnly,
  })
  return responses[0]!.errorCode
}

describe('DescribeConfigs', () => {
  it('lists every key of a topic with value, source, type, synonyms and a sentence', async () => {
    await using world = await openWithTopic({ 'log.retention.hours': '24' })

    const { configs } = await describeOne(world, [TOPIC, 'a'])

    // Kafka's, and the two of event stores.
    assert.equal(configs.length, 33 + 2)
    const retention = configs.find(({ name }) => name === 'retention.ms')
    assert.equal(retention?.value, '86400000')
    assert.equal(retention?.configSource, 4)
    assert.equal(retention?.configType, 5)
    assert.equal(retention?.readOnly, false)
    assert.deepEqual(retention?.synonyms, [
      { name: 'log.retention.hours', value: '24', source: 4 },
      { name: 'log.retention.hours', value: '168', source: 5 },
    ])
    assert.match(retention?.documentation ?? '', /How long records are kept/)
    const idle = configs.find(({ name }) => name === 'preallocate')
    assert.match(idle?.documentation ?? '', /^No effect: /)
  })

  it('lists only the keys that are asked for', async () => {
    await using world = await openWithTopic()

    const { configs } = await describeOne(world, [TOPIC, 'a'], ['segment.ms', 'no.such.key'])

    assert.deepEqual(
      configs.map(({ name, value }) => [name, value]),
      [['segment.ms', '604800000']],
    )
  })

  it('shows a broker with what it was started with, and hides passwords', async () => {
    await using world = await openWithTopic({ 'num.partitions': '7' })

    const { configs } = await describeOne(world, [BROKER, '1'])

    const partitions = configs.find(({ name }) => name === 'num.partitions')
    assert.deepEqual(
      [partitions?.value, partitions?.configSource, partitions?.readOnly],
      ['7', 4, true],
    )
    const password = configs.find(({ name }) => name === 'ssl.keystore.password')
    assert.deepEqual([password?.value, password?.isSensitive], [null, true])
    assert.ok(configs.length > 330)
  })

  it('shows for every broker only what was altered for every broker', async () => {
    await using world = await openWithTopic({ 'message.max.bytes': '5' })
    await alterOne(world, [BROKER, ''], [[SET, 'message.max.bytes', '7']])
    await alterOne(world, [BROKER, '1'], [[SET, 'message.max.bytes', '9']])

    const { configs } = await describeOne(world, [BROKER, ''])

    assert.deepEqual(
      configs.map(({ name, value, configSource }) => [name, value, configSource]),
      [['message.max.bytes', '7', 3]],
    )
    const topic = await describeOne(world, [TOPIC, 'a'], ['max.message.bytes'])
    assert.deepEqual(
      topic.configs[0]?.synonyms.map(({ value, source }) => [value, source]),
      [
        ['9', 2],
        ['7', 3],
        ['5', 4],
        ['1048588', 5],
      ],
    )
  })

  it('has defaults for any group and client metrics subscription', async () => {
    await using world = await openWithTopic()

    const group = await describeOne(world, [GROUP, 'g'], ['consumer.session.timeout.ms'])
    const metrics = await describeOne(world, [CLIENT_METRICS, 'm'])

    assert.equal(group.configs[0]?.value, '45000')
    assert.equal(group.configs[0]?.configSource, 5)
    assert.deepEqual(
      metrics.configs.map(({ name }) => name),
      ['interval.ms', 'match', 'metrics'],
    )
  })

  it('refuses what does not exist', async () => {
    await using world = await openWithTopic()
    const codeOf = async (type: number, name: string) =>
      (await describeOne(world, [type, name])).errorCode

    assert.equal(await codeOf(TOPIC, 'nope'), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert.equal(await codeOf(TOPIC, 'a/b'), ErrorCode.INVALID_TOPIC_EXCEPTION)
    assert.equal(await codeOf(BROKER, '2'), ErrorCode.INVALID_REQUEST)
    assert.equal(await codeOf(GROUP, ''), ErrorCode.INVALID_REQUEST)
    assert.equal(await codeOf(BROKER_LOGGER, '1'), ErrorCode.INVALID_REQUEST)
    assert.equal(await codeOf(77, 'x'), ErrorCode.INVALID_REQUEST)
  })
})

describe('IncrementalAlterConfigs', () => {
  it('sets, appends, subtracts and deletes single keys', async () => {
    await using world = await openWithTopic()
    const operations = [
      [[SET, 'retention.ms', '5']],
      [[APPEND, 'cleanup.policy', 'compact']],
      [[SUBTRACT, 'cleanup.policy', 'delete']],
      [[DELETE, 'retention.ms', null]],
    ] as const
    for (const list of operations) {
      assert.equal(await alterOne(world, [TOPIC, 'a'], list), ErrorCode.NONE)
    }

    assert.deepEqual(world.catalog.topic('a')?.configs, { 'cleanup.policy': 'compact' })
    assert.deepEqual(world.partitions.get('a', 0)?.config.cleanupPolicy, ['compact'])
  })

  it('appends to the value in effect, also when it comes from the broker', async () => {
    await using world = await openWithTopic({ 'log.cleanup.policy': 'compact' })

    await alterOne(world, [TOPIC, 'a'], [[APPEND, 'cleanup.policy', 'delete']])

    assert.deepEqual(world.catalog.topic('a')?.configs, { 'cleanup.policy': 'compact,delete' })
  })

  it('changes nothing when it only validates, or when one operation is refused', async () => {
    await using world = await openWithTopic()
    const good = [SET, 'segment.ms', '5'] as const

    assert.equal(await alterOne(world, [TOPIC, 'a'], [good], true), ErrorCode.NONE)
    const refused = await alterOne(world, [TOPIC, 'a'], [good, [SET, 'retention.ms', '-9']])

    assert.equal(refused, ErrorCode.INVALID_CONFIG)
    assert.deepEqual(world.catalog.topic('a')?.configs, {})
  })

  it('refuses operations and keys that do not exist, and a resource named twice', async () => {
    await using world = await openWithTopic()
    const resource = { resourceType: TOPIC, resourceName: 'a', configs: [] }

    const twice = await world.ask(incrementalHandler, incrementalAlterConfigs, 1, {
      resources: [resource, resource],
      validateOnly: false,
    })

    assert.equal(await alterOne(world, [TOPIC, 'a'], [[9, 'x', '1']]), ErrorCode.INVALID_REQUEST)
    assert.equal(await alterOne(world, [BROKER, '1'], [[SET, 'x', '1']]), ErrorCode.INVALID_CONFIG)
    assert.deepEqual(
      twice.responses.map(({ errorCode }) => errorCode),
      [ErrorCode.INVALID_REQUEST, ErrorCode.INVALID_REQUEST],
    )
  })

  it('keeps what is set on groups and client metrics subscriptions, and lists their names', async () => {
    await using world = await openWithTopic()
    const timeout = [SET, 'consumer.session.timeout.ms', '50000'] as const

    assert.equal(await alterOne(world, [GROUP, 'g'], [timeout]), ErrorCode.NONE)
    assert.equal(await alterOne(world, [CLIENT_METRICS, 'm'], [[SET, 'match', '']]), ErrorCode.NONE)

    const { configs } = await describeOne(world, [GROUP, 'g'], ['consumer.session.timeout.ms'])
    assert.deepEqual([configs[0]?.value, configs[0]?.configSource], ['50000', 8])
    const list = async (version: number, resourceTypes: number[]) => {
      const answer = await world.ask(listHandler, listConfigResources, version, { resourceTypes })
      if (answer.errorCode !== ErrorCode.NONE) return answer.errorCode
      return answer.configResources.map(({ resourceType, resourceName }) =>
        [resourceType, resourceName].join(' '),
      )
    }
    assert.deepEqual(await list(1, []), ['2 a', '4 1', '16 m', '32 g'])
    assert.deepEqual(await list(1, [TOPIC]), ['2 a'])
    assert.deepEqual(await list(0, []), ['16 m'])
    assert.deepEqual(await list(1, [99]), ErrorCode.UNSUPPORTED_VERSION)

    await alterOne(world, [GROUP, 'g'], [[DELETE, 'consumer.session.timeout.ms', null]])
    assert.deepEqual(await list(1, [GROUP]), [])
  })
})

describe('AlterConfigs', () => {
  it('replaces the whole set of a topic', async () => {
    await using world = await openWithTopic()
    await alterOne(world, [TOPIC, 'a'], [[SET, 'retention.ms', '5']])
    const configs = [{ name: 'segment.ms', value: '7' }]

    const { responses } = await world.ask(alterHandler, alterConfigs, 2, {
      resources: [{ resourceType: TOPIC, resourceName: 'a', configs }],
      validateOnly: false,
    })

    assert.equal(responses[0]?.errorCode, ErrorCode.NONE)
    assert.deepEqual(world.catalog.topic('a')?.configs, { 'segment.ms': '7' })
  })
})
