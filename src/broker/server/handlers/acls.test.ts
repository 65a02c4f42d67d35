import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { until } from '../../../../test/support/until.ts'
import { memoryDisk } from '../../../host/memory-disk.ts'
import { ZERO_UUID } from '../../bytes/uuid.ts'
import { MAX_ACL_CHARACTERS } from '../../catalog/acl.ts'
import { fetch } from '../../protocol/01-fetch.ts'
import { createTopics } from '../../protocol/19-create-topics.ts'
import { describeAcls } from '../../protocol/29-describe-acls.ts'
import { createAcls } from '../../protocol/30-create-acls.ts'
import { deleteAcls } from '../../protocol/31-delete-acls.ts'
import { AclOperation, AclPattern, AclPermission, AclResource } from '../../wire/acl-codes.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { type HandlerWorld, openHandlerWorld, TEST_CONNECTION } from '../handler-test-world.ts'

const settings = {
  'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
  'super.users': 'User:admin',
}
const { READ, WRITE, ALL } = AclOperation

const connectionOf = (name: string) => ({
  ...TEST_CONNECTION,
  principal: { type: 'User', name },
})
const admin = connectionOf('admin')

const aliceReads = {
  resourceType: AclResource.TOPIC,
  resourceName: 'orders',
  resourcePatternType: AclPattern.LITERAL,
  principal: 'User:alice',
  host: '*',
  operation: READ,
  permissionType: AclPermission.ALLOW,
}
type Creation = Omit<typeof aliceReads, 'resourcePatternType' | 'operation'> & {
  readonly resourcePatternType: number
  readonly operation: number
}

const everything = {
  resourceTypeFilter: AclResource.ANY,
  resourceNameFilter: null as string | null,
  patternTypeFilter: AclPattern.ANY as number,
  principalFilter: null as string | null,
  hostFilter: null as string | null,
  operation: AclOperation.ANY as number,
  permissionType: AclPermission.ANY as number,
}

async function create(world: HandlerWorld, ...creations: Creation[]) {
  const { results } = await world.send(admin, createAcls, 3, { creations })
  return results.map(({ errorCode }) => errorCode)
}

async function list(world: HandlerWorld, filter: Partial<typeof everything> = {}) {
  const { resources } = await world.send(admin, describeAcls, 3, { ...everything, ...filter })
  return resources.flatMap(({ resourceName, acls }) =>
    acls.map(({ principal, operation }) => `${principal} ${operation} ${resourceName}`),
  )
}

async function remove(world: HandlerWorld, ...filters: Partial<typeof everything>[]) {
  const { filterResults } = await world.send(admin, deleteAcls, 3, {
    filters: filters.map((filter) => ({ ...everything, ...filter })),
  })
  return filterResults.map(({ errorCode, matchingAcls }) =>
    errorCode === ErrorCode.NONE ? matchingAcls.length : errorCode,
  )
}

async function makeTopic(world: HandlerWorld): Promise<void> {
  const orders = {
    name: 'orders',
    numPartitions: 1,
    replicationFactor: 1,
    assignments: [],
    configs: [],
  }
  await world.send(admin, createTopics, 7, { topics: [orders], timeoutMs: 1000 })
}

function fetchOrders({ maxWaitMs = 0, sessionId = 0, sessionEpoch = -1 } = {}) {
  const partitions = [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }]
  const isFirst = sessionEpoch <= 0
  return {
    maxWaitMs,
    minBytes: 1,
    sessionId,
    sessionEpoch,
    topics: isFirst ? [{ topic: 'orders', topicId: ZERO_UUID, partitions }] : [],
    forgottenTopicsData: [],
  }
}

describe('access rules', () => {
  it('are made once however often they are asked for, and found again', async () => {
    await using world = await openHandlerWorld({ settings })

    assert.deepEqual(await create(world, aliceReads, aliceReads), [0, 0])
    assert.deepEqual(await create(world, aliceReads), [0])

    assert.deepEqual(await list(world), [`User:alice ${READ} orders`])
  })

  it('are judged each by itself', async () => {
    await using world = await openHandlerWorld({ settings })
    const wrong = [
      { ...aliceReads, resourceName: '' },
      { ...aliceReads, principal: 'alice' },
      { ...aliceReads, resourcePatternType: AclPattern.MATCH },
      { ...aliceReads, operation: AclOperation.ANY },
      { ...aliceReads, host: 'x'.repeat(MAX_ACL_CHARACTERS) },
    ]

    const codes = await create(world, ...wrong, aliceReads)

    assert.deepEqual(codes, [...wrong.map(() => ErrorCode.INVALID_REQUEST), ErrorCode.NONE])
  })

  it('are no more than the configuration allows', async () => {
    await using world = await openHandlerWorld({
      settings: { ...settings, 'millrace.max.acls': '2' },
    })
    const third = { ...aliceReads, resourceName: 'third' }

    const codes = await create(world, aliceReads, { ...aliceReads, operation: WRITE }, third)

    assert.deepEqual(codes, [ErrorCode.NONE, ErrorCode.NONE, ErrorCode.POLICY_VIOLATION])
    assert.deepEqual(await create(world, aliceReads), [ErrorCode.NONE])
    await remove(world, { operation: WRITE })
    assert.deepEqual(await create(world, third), [ErrorCode.NONE])
  })

  it('are changed at most ten thousand at once, and then none', async () => {
    await using world = await openHandlerWorld({ settings })
    const many = Array.from({ length: 10_001 }, (_, i) => ({
      ...aliceReads,
      resourceName: `t${i}`,
    }))

    const codes = new Set(await create(world, ...many))
    assert.deepEqual([...codes], [ErrorCode.POLICY_VIOLATION])
    await create(world, ...many.slice(0, 10_000))
    await create(world, ...many.slice(10_000))

    assert.deepEqual(await remove(world, {}), [ErrorCode.POLICY_VIOLATION])
    assert.equal((await list(world)).length, 10_001)
    assert.deepEqual(
      await remove(world, { resourceNameFilter: 't7' }, { resourceNameFilter: 't8' }),
      [1, 1],
    )
  })

  it('are found by what they say, and by MATCH also by what they apply to', async () => {
    await using world = await openHandlerWorld({ settings })
    const prefixed = {
      ...aliceReads,
      resourcePatternType: AclPattern.PREFIXED,
      resourceName: 'ord',
    }
    await create(
      world,
      aliceReads,
      prefixed,
      { ...aliceReads, resourceName: '*' },
      { ...aliceReads, resourceName: 'bills', principal: 'User:bob', operation: ALL },
    )
    const [literal, byPrefix, wildcard] = ['orders', 'ord', '*'].map(
      (name) => `User:alice ${READ} ${name}`,
    )

    const { MATCH, LITERAL, PREFIXED } = AclPattern
    const matching = { resourceNameFilter: 'orders', patternTypeFilter: MATCH }
    assert.deepEqual(await list(world, matching), [literal, byPrefix, wildcard])
    assert.deepEqual(await list(world, { ...matching, patternTypeFilter: LITERAL }), [literal])
    assert.deepEqual(await list(world, { patternTypeFilter: PREFIXED }), [byPrefix])
    assert.deepEqual(await list(world, { principalFilter: 'User:bob' }), [`User:bob ${ALL} bills`])
    assert.deepEqual(await list(world, { hostFilter: '10.0.0.1' }), [])
    assert.deepEqual(await list(world, { operation: ALL }), [`User:bob ${ALL} bills`])
    assert.deepEqual(await list(world, { permissionType: AclPermission.DENY }), [])
    assert.deepEqual(await remove(world, matching, { principalFilter: 'User:bob' }), [3, 1])
    assert.deepEqual(await list(world), [])
  })

  it('are there again after a restart, and removed ones are not', async () => {
    const disk = memoryDisk({ maxBytes: 64 * 1024 * 1024 })
    {
      await using world = await openHandlerWorld({ settings, disk })
      await create(world, aliceReads, { ...aliceReads, resourceName: 'b/"ills' })
      await remove(world, { resourceNameFilter: 'orders' })
    }

    await using world = await openHandlerWorld({ settings, disk })

    assert.deepEqual(await list(world), [`User:alice ${READ} b/"ills`])
  })

  it('cannot be asked for where access is not controlled', async () => {
    await using world = await openHandlerWorld()

    assert.deepEqual(await create(world, aliceReads), [ErrorCode.SECURITY_DISABLED])
    assert.deepEqual(await remove(world, {}), [ErrorCode.SECURITY_DISABLED])
    const { errorCode } = await world.send(admin, describeAcls, 3, everything)
    assert.equal(errorCode, ErrorCode.SECURITY_DISABLED)
  })
})

describe('a rule that is removed while a consumer is fetching', () => {
  it('ends the fetch that waits, with the refusal', async () => {
    await using world = await openHandlerWorld({ settings })
    await makeTopic(world)
    await create(world, aliceReads)
    const waiting = world.send(
      connectionOf('alice'),
      fetch,
      12,
      fetchOrders({ maxWaitMs: 600_000 }),
    )
    await until(() => world.waitingFetchCount === 1)

    await remove(world, { principalFilter: 'User:alice' })

    const { responses } = await waiting
    assert.equal(responses[0]!.partitions[0]!.errorCode, ErrorCode.TOPIC_AUTHORIZATION_FAILED)
  })

  it('refuses the next fetch of its session, and one that is made again lets it go on', async () => {
    await using world = await openHandlerWorld({ settings })
    await makeTopic(world)
    await create(world, aliceReads)
    const alice = connectionOf('alice')
    const first = await world.send(alice, fetch, 12, fetchOrders({ sessionEpoch: 0 }))
    const { sessionId } = first
    assert.equal(first.responses[0]!.partitions[0]!.errorCode, ErrorCode.NONE)

    await remove(world, { principalFilter: 'User:alice' })
    const refused = await world.send(alice, fetch, 12, fetchOrders({ sessionId, sessionEpoch: 1 }))
    assert.equal(
      refused.responses[0]!.partitions[0]!.errorCode,
      ErrorCode.TOPIC_AUTHORIZATION_FAILED,
    )

    await create(world, aliceReads)
    const again = await world.send(alice, fetch, 12, fetchOrders({ sessionId, sessionEpoch: 2 }))
    assert.equal(again.responses[0]!.partitions[0]!.errorCode, ErrorCode.NONE)
  })
})
