// Quotas as clients meet them: over a socket, against a broker whose clock is the real one. What is
// asserted are delays that the broker announces and the order of its answers, never speed.
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { describe, it, type TestContext } from 'node:test'
import { KafkaClient } from '../../../../test/support/kafka-client.ts'
import {
  batchOf,
  fetchRequest,
  makeTopic,
  produceRequest,
  startTestBroker,
  valuesIn,
} from '../../../../test/support/test-broker.ts'
import { produce } from '../../protocol/00-produce.ts'
import { fetch } from '../../protocol/01-fetch.ts'
import { metadata } from '../../protocol/03-metadata.ts'
import { createTopics } from '../../protocol/19-create-topics.ts'
import { deleteTopics } from '../../protocol/20-delete-topics.ts'
import { createPartitions } from '../../protocol/37-create-partitions.ts'
import { describeClientQuotas } from '../../protocol/48-describe-client-quotas.ts'
import { alterClientQuotas } from '../../protocol/49-alter-client-quotas.ts'
import { ErrorCode } from '../../wire/error-codes.ts'

const CLIENT = 'test-client'

async function setQuota(
  client: KafkaClient,
  entity: Record<string, string | null>,
  values: Record<string, number | null>,
  { validateOnly = false } = {},
) {
  const { entries } = await client.send(alterClientQuotas, 1, {
    entries: [
      {
        entity: Object.entries(entity).map(([entityType, entityName]) => {
          return { entityType, entityName }
        }),
        ops: Object.entries(values).map(([key, value]) => {
          return { key, value: value ?? 0, remove: value === null }
        }),
      },
    ],
    validateOnly,
  })
  return entries[0]!
}

const askMetadata = (topics: [] | null) => ({
  topics,
  includeClusterAuthorizedOperations: false,
  includeTopicAuthorizedOperations: false,
})

async function quotasOf(client: KafkaClient) {
  const { entries } = await client.send(describeClientQuotas, 1, { components: [], strict: false })
  return (entries ?? []).map(({ entity, values }) => ({
    entity: Object.fromEntries(entity.map((part) => [part.entityType, part.entityName])),
    values: Object.fromEntries(values.map(({ key, value }) => [key, value])),
  }))
}

async function world(t: TestContext, options: Parameters<typeof startTestBroker>[1] = {}) {
  const started = await startTestBroker(t, options)
  const client = await started.connect()
  const admin = await KafkaClient.connect(started.broker.addresses[0]!, 'admin')
  t.after(() => admin[Symbol.asyncDispose]())
  await makeTopic(admin, 'orders')
  return { ...started, client, admin }
}

describe('the quotas of a broker', () => {
  it('are described as they were set, also after a restart', async (t) => {
    const folder = await mkdtemp('/tmp/millrace-quotas-')
    t.after(() => rm(folder, { recursive: true, force: true }))
    const first = await startTestBroker(t, { folder })
    const client = await first.connect()
    await setQuota(client, { user: 'alice', 'client-id': null }, { producer_byte_rate: 1024 })
    await setQuota(client, { ip: '10.0.0.1' }, { connection_creation_rate: 5 })
    await setQuota(client, { user: null }, { request_percentage: 50 })
    await setQuota(client, { user: null }, { request_percentage: null })
    const wrong = await setQuota(client, { user: 'a', ip: '::1' }, { producer_byte_rate: 1 })
    const tried = await setQuota(
      client,
      { user: 'b' },
      { producer_byte_rate: 1 },
      { validateOnly: true },
    )
    const before = await quotasOf(client)
    await first.broker.close()

    const second = await startTestBroker(t, { folder })
    const after = await quotasOf(await second.connect())

    assert.equal(wrong.errorCode, ErrorCode.INVALID_REQUEST)
    assert.equal(tried.errorCode, ErrorCode.NONE)
    assert.deepEqual(before, [
      { entity: { 'client-id': null, user: 'alice' }, values: { producer_byte_rate: 1024 } },
      { entity: { ip: '10.0.0.1' }, values: { connection_creation_rate: 5 } },
    ])
    assert.deepEqual(after, before)
  })

  it('are for a bounded number of entities, and an entity is named once in a request', async (t) => {
    const { client } = await world(t, { config: { 'millrace.max.client.quotas': '1' } })
    const entry = { entity: [{ entityType: 'user', entityName: 'x' }], ops: [] }

    const kept = await setQuota(client, { user: 'a' }, { producer_byte_rate: 1 })
    const beyond = await setQuota(client, { user: 'b' }, { producer_byte_rate: 1 })
    const { entries } = await client.send(alterClientQuotas, 0, {
      entries: [entry, entry],
      validateOnly: false,
    })

    assert.equal(kept.errorCode, ErrorCode.NONE)
    assert.equal(beyond.errorCode, ErrorCode.POLICY_VIOLATION)
    const { INVALID_REQUEST } = ErrorCode
    assert.deepEqual(
      entries.map(({ errorCode }) => errorCode),
      [INVALID_REQUEST, INVALID_REQUEST],
    )
  })

  it('a filter that cannot be is refused without entries', async (t) => {
    const { client } = await world(t)
    const components = [{ entityType: 'group', matchType: 2, match: null }]

    const answer = await client.send(describeClientQuotas, 1, { components, strict: false })

    assert.equal(answer.errorCode, ErrorCode.UNSUPPORTED_VERSION)
    assert.equal(answer.entries, null)
  })
})

describe('a producer above its quota', () => {
  it('is answered at once with the time to wait, and its next request is not read before', async (t) => {
    const { client, admin } = await world(t, { config: { 'quota.window.num': '2' } })
    await setQuota(admin, { 'client-id': CLIENT }, { producer_byte_rate: 20_000 })

    const batch = batchOf(['x'.repeat(30_000)])
    const startMs = performance.now()
    const { throttleTimeMs, responses } = await client.send(
      produce,
      12,
      produceRequest('orders', batch),
    )
    await client.send(metadata, 12, askMetadata([]))
    const tookMs = performance.now() - startMs

    assert.equal(responses[0]!.partitionResponses[0]!.errorCode, ErrorCode.NONE)
    assert.ok(throttleTimeMs > 400 && throttleTimeMs <= 600, `${throttleTimeMs}`)
    assert.ok(tookMs >= throttleTimeMs - 5, `${tookMs} against ${throttleTimeMs}`)
  })

  it('that waits for no answer is not read from either', async (t) => {
    const { client, admin } = await world(t, { config: { 'quota.window.num': '2' } })
    await setQuota(admin, { 'client-id': CLIENT }, { producer_byte_rate: 20_000 })
    const batch = batchOf(['x'.repeat(30_000)])
    const startMs = performance.now()
    client.post(produce, 12, produceRequest('orders', batch, { acks: 0 }))
    const acked = await client.send(produce, 12, produceRequest('orders', batchOf(['y'])))
    await client.send(metadata, 12, askMetadata([]))
    const tookMs = performance.now() - startMs

    assert.ok(tookMs > 400 && acked.throttleTimeMs >= 0, `${tookMs}`)
  })

  it('delays nobody else', async (t) => {
    const { client, admin } = await world(t)
    await setQuota(admin, { 'client-id': CLIENT }, { producer_byte_rate: 10 })
    const { throttleTimeMs } = await client.send(
      produce,
      12,
      produceRequest('orders', batchOf(['x'.repeat(100_000)])),
    )
    assert.ok(throttleTimeMs > 1_000_000)

    const other = await admin.send(produce, 12, produceRequest('orders', batchOf(['x'])))

    assert.equal(other.throttleTimeMs, 0)
  })
})

describe('a consumer above its quota', () => {
  it('gets an empty answer with the time to wait, then its records', async (t) => {
    const { client, admin } = await world(t, { config: { 'quota.window.num': '2' } })
    const values = Array.from({ length: 3 }, (_, index) => `${index}${'x'.repeat(10_000)}`)
    for (const value of values)
      await admin.send(produce, 12, produceRequest('orders', batchOf([value])))
    await setQuota(admin, { 'client-id': CLIENT }, { consumer_byte_rate: 15_000 })

    const read: string[] = []
    let empty = 0
    for (let offset = 0; offset < values.length; ) {
      const { throttleTimeMs, responses } = await client.send(
        fetch,
        12,
        fetchRequest('orders', { offset, partitionMaxBytes: 10_000 }),
      )
      const got = valuesIn(responses[0]?.partitions[0]?.records ?? null)
      assert.equal(throttleTimeMs > 0, responses.length === 0)
      if (got.length === 0) empty++
      read.push(...got)
      offset += got.length
    }

    assert.deepEqual(read, values)
    assert.ok(empty >= 1)
  })

  it('keeps its fetch session through an empty answer', async (t) => {
    const { client, admin } = await world(t, { config: { 'quota.window.num': '2' } })
    const ask = (sessionId: number, sessionEpoch: number, offset: number) => {
      const request = fetchRequest('orders', { offset })
      return client.send(fetch, 12, { ...request, sessionId, sessionEpoch })
    }
    await admin.send(produce, 12, produceRequest('orders', batchOf(['a'.repeat(12_000)])))
    const first = await ask(0, 0, 0)
    assert.notEqual(first.sessionId, 0)
    await admin.send(produce, 12, produceRequest('orders', batchOf(['b'.repeat(12_000)])))
    await setQuota(admin, { 'client-id': CLIENT }, { consumer_byte_rate: 11_000 })

    const second = await ask(first.sessionId, 1, 1)
    const third = await ask(first.sessionId, 2, 1)

    assert.deepEqual(second.responses, [])
    assert.ok(second.throttleTimeMs > 0)
    assert.equal(second.sessionId, first.sessionId)
    assert.equal(third.errorCode, ErrorCode.NONE)
    const fourth = third.responses.length > 0 ? third : await ask(first.sessionId, 3, 1)
    assert.equal(fourth.errorCode, ErrorCode.NONE)
  })
})

describe('a client above its share of the event loop', () => {
  it('is told to wait, whatever it asks', async (t) => {
    const { client, admin } = await world(t)
    await setQuota(admin, { 'client-id': CLIENT }, { request_percentage: 0.000_001 })

    const answer = await client.send(metadata, 12, askMetadata(null))

    assert.ok(answer.throttleTimeMs > 0 && answer.throttleTimeMs <= 1000)
  })
})

describe('a client above its rate of mutations', () => {
  const topic = (name: string, numPartitions = 1) => {
    return { name, numPartitions, replicationFactor: 1, assignments: [], configs: [] }
  }

  it('is refused with 89 by the versions that know it, topic by topic', async (t) => {
    const settings = { 'controller.quota.window.num': '2' }
    const { client, admin } = await world(t, { config: settings })
    await setQuota(admin, { 'client-id': CLIENT }, { controller_mutation_rate: 0.001 })

    const created = await client.send(createTopics, 7, {
      topics: [topic('a', 5), topic('b')],
      timeoutMs: 1000,
    })
    assert.ok(created.throttleTimeMs > 1_000_000)
    const [grown, deleted] = await Promise.all([
      connectAnd(t, admin, (again) =>
        again.send(createPartitions, 3, {
          topics: [{ name: 'orders', count: 3, assignments: null }],
          timeoutMs: 1000,
          validateOnly: false,
        }),
      ),
      connectAnd(t, admin, (again) =>
        again.send(deleteTopics, 5, { topics: [], topicNames: ['a'], timeoutMs: 1000 }),
      ),
    ])

    const { NONE, THROTTLING_QUOTA_EXCEEDED } = ErrorCode
    assert.deepEqual(
      created.topics.map(({ errorCode }) => errorCode),
      [NONE, THROTTLING_QUOTA_EXCEEDED],
    )
    assert.equal(grown.results[0]!.errorCode, THROTTLING_QUOTA_EXCEEDED)
    assert.equal(deleted.responses[0]!.errorCode, THROTTLING_QUOTA_EXCEEDED)
  })

  it('is served and has to wait where the version does not know 89', async (t) => {
    const settings = { 'controller.quota.window.num': '2' }
    const { client, admin } = await world(t, { config: settings })
    await setQuota(admin, { 'client-id': CLIENT }, { controller_mutation_rate: 0.001 })

    const created = await client.send(createTopics, 5, {
      topics: [topic('a', 5), topic('b')],
      timeoutMs: 1000,
    })

    assert.deepEqual(
      created.topics.map(({ errorCode }) => errorCode),
      [ErrorCode.NONE, ErrorCode.NONE],
    )
    assert.ok(created.throttleTimeMs > 1_000_000)
  })

  /** The same client on another connection: a muted one is not read from. */
  async function connectAnd<Result>(
    test: TestContext,
    { socket }: KafkaClient,
    ask: (client: KafkaClient) => Promise<Result>,
  ): Promise<Result> {
    const client = await KafkaClient.connect(
      { host: '127.0.0.1', port: socket.remotePort! },
      CLIENT,
    )
    test.after(() => client[Symbol.asyncDispose]())
    return ask(client)
  }
})
