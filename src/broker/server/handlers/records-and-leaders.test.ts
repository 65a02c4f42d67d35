// DeleteRecords, OffsetForLeaderEpoch, DescribeLogDirs, ElectLeaders, reassignments, features and
// DescribeCluster: what there is to say of one node.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { deleteRecords } from '../../protocol/21-delete-records.ts'
import { offsetForLeaderEpoch } from '../../protocol/23-offset-for-leader-epoch.ts'
import { describeLogDirs } from '../../protocol/35-describe-log-dirs.ts'
import { electLeaders } from '../../protocol/43-elect-leaders.ts'
import { alterPartitionReassignments } from '../../protocol/45-alter-partition-reassignments.ts'
import { listPartitionReassignments } from '../../protocol/46-list-partition-reassignments.ts'
import { updateFeatures } from '../../protocol/57-update-features.ts'
import { describeCluster } from '../../protocol/60-describe-cluster.ts'
import { ErrorCode } from '../../wire/error-codes.ts'
import { type HandlerWorld, openHandlerWorld } from '../handler-test-world.ts'
import { handler as deleteRecordsHandler } from './21-delete-records.ts'
import { handler as epochHandler } from './23-offset-for-leader-epoch.ts'
import { handler as logDirsHandler } from './35-describe-log-dirs.ts'
import { handler as electHandler } from './43-elect-leaders.ts'
import { handler as reassignHandler } from './45-alter-partition-reassignments.ts'
import { handler as reassignmentsHandler } from './46-list-partition-reassignments.ts'
import { handler as featuresHandler } from './57-update-features.ts'
import { handler as clusterHandler } from './60-describe-cluster.ts'

async function openWith(
  topics: Readonly<Record<string, Record<string, string>>>,
  options: Parameters<typeof openHandlerWorld>[0] = {},
): Promise<HandlerWorld> {
  const world = await openHandlerWorld(options)
  await world.catalog.createTopics(
    Object.entries(topics).map(([name, configs]) => ({
      name,
      partitions: 1,
      replicationFactor: 1,
      assignments: [],
      configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
    })),
  )
  return world
}

describe('DeleteRecords', () => {
  const trim = async (world: HandlerWorld, name: string, offset: number, partitionIndex = 0) => {
    const partitions = [{ partitionIndex, offset }]
    const answer = await world.ask(deleteRecordsHandler, deleteRecords, 2, {
      topics: [{ name, partitions }],
      timeoutMs: 0,
    })
    const { errorCode, lowWatermark } = answer.topics[0]!.partitions[0]!
    return [errorCode, lowWatermark]
  }

  it('moves the log start to the offset, or with -1 to the high watermark, never back', async () => {
    await using world = await openWith({ a: {} })
    await world.produce('a', 0, ['0', '1', '2', '3', '4'])

    assert.deepEqual(await trim(world, 'a', 2), [ErrorCode.NONE, 2])
    assert.deepEqual(await trim(world, 'a', 1), [ErrorCode.NONE, 2])
    assert.deepEqual(await trim(world, 'a', -1), [ErrorCode.NONE, 5])
  })

  it('survives a restart', async () => {
    const first = await openWith({ a: {} })
    const { disk } = first
    await first.produce('a', 0, ['0', '1', '2'])
    await trim(first, 'a', 2)
    await first[Symbol.asyncDispose]()

    await using world = await openHandlerWorld({ disk, wasCleanStop: false })

    assert.equal(world.partitions.get('a', 0)?.logStartOffset, 2)
  })

  it('is refused beyond the high watermark, for unknown, compacted and internal topics', async () => {
    const compact = { 'cleanup.policy': 'compact' }
    await using world = await openWith({ a: {}, compact, __consumer_offsets: compact })
    const codeOf = async (...args: [string, number, number?]) => (await trim(world, ...args))[0]

    assert.equal(await codeOf('a', 1), ErrorCode.OFFSET_OUT_OF_RANGE)
    assert.equal(await codeOf('a', -2), ErrorCode.OFFSET_OUT_OF_RANGE)
    assert.equal(await codeOf('a', 0, 9), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert.equal(await codeOf('nope', 0), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert.equal(await codeOf('compact', -1), ErrorCode.POLICY_VIOLATION)
    assert.equal(await codeOf('__consumer_offsets', -1), ErrorCode.INVALID_TOPIC_EXCEPTION)
  })
})

describe('OffsetForLeaderEpoch', () => {
  const endOf = async (world: HandlerWorld, leaderEpoch: number, currentLeaderEpoch = -1) => {
    const partitions = [{ partition: 0, currentLeaderEpoch, leaderEpoch }]
    const answer = await world.ask(epochHandler, offsetForLeaderEpoch, 4, {
      topics: [{ topic: 'a', partitions }],
    })
    const { errorCode, leaderEpoch: epoch, endOffset } = answer.topics[0]!.partitions[0]!
    return [errorCode, epoch, endOffset]
  }

  it('gives the end of the current epoch, and nothing for one that never was', async () => {
    await using world = await openWith({ a: {} })
    await world.produce('a', 0, ['0', '1'])

    assert.deepEqual(await endOf(world, 0), [ErrorCode.NONE, 0, 2])
    assert.deepEqual(await endOf(world, 5), [ErrorCode.NONE, -1, -1])
  })

  it('shows where an epoch ended that an unclean stop has closed', async () => {
    const first = await openWith({ a: {} })
    await first.produce('a', 0, ['0', '1'])
    const { disk } = first
    await first[Symbol.asyncDispose]()
    await using world = await openHandlerWorld({ disk, wasCleanStop: false })
    await world.produce('a', 0, ['2'])

    assert.deepEqual(await endOf(world, 0), [ErrorCode.NONE, 0, 2])
    assert.deepEqual(await endOf(world, 1), [ErrorCode.NONE, 1, 3])
  })

  it('tells a client that its epoch is older or newer than ours', async () => {
    await using world = await openWith({ a: {} }, { wasCleanStop: true })
    const log = world.partitions.get('a', 0)!
    log.setLeaderEpoch(3)

    assert.equal((await endOf(world, 0, 2))[0], ErrorCode.FENCED_LEADER_EPOCH)
    assert.equal((await endOf(world, 0, 4))[0], ErrorCode.UNKNOWN_LEADER_EPOCH)
  })
})

describe('DescribeLogDirs', () => {
  it('shows the one folder with the size of every partition, or of those asked for', async () => {
    await using world = await openWith({ a: {}, b: {} }, { settings: { 'log.dirs': '/data' } })
    await world.produce('a', 0, ['some bytes'])
    const ask = async (topics: { topic: string; partitions: number[] }[] | null) =>
      (await world.ask(logDirsHandler, describeLogDirs, 5, { topics })).results[0]!

    const all = await ask(null)
    const one = await ask([{ topic: 'b', partitions: [0, 7] }])

    assert.equal(all.logDir, '/data')
    const sizes = all.topics.map(({ name, partitions }) => [name, partitions[0]?.partitionSize])
    assert.deepEqual(sizes, [
      ['a', world.partitions.get('a', 0)?.sizeBytes],
      ['b', 0],
    ])
    assert.deepEqual(
      one.topics.map(({ name, partitions }) => [name, partitions.length]),
      [['b', 1]],
    )
  })
})

describe('ElectLeaders', () => {
  const elect = (
    world: HandlerWorld,
    topicPartitions: { topic: string; partitions: number[] }[] | null,
    electionType = 0,
  ) => world.ask(electHandler, electLeaders, 2, { electionType, topicPartitions })

  it('is never needed: the only node leads every partition', async () => {
    await using world = await openWith({ a: {} })

    const named = await elect(world, [{ topic: 'a', partitions: [0, 9] }], 1)
    const all = await elect(world, null)

    assert.deepEqual(
      named.replicaElectionResults[0]?.partitionResult.map(({ errorCode }) => errorCode),
      [ErrorCode.ELECTION_NOT_NEEDED, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION],
    )
    assert.deepEqual(all.replicaElectionResults, [])
    assert.equal((await elect(world, null, 7)).errorCode, ErrorCode.INVALID_REQUEST)
  })
})

describe('reassignments', () => {
  it('leave a partition on node 1, and cannot put it elsewhere or be cancelled', async () => {
    await using world = await openWith({ a: {} })
    const reassign = async (partitionIndex: number, replicas: number[] | null) => {
      const partitions = [{ partitionIndex, replicas }]
      const answer = await world.ask(reassignHandler, alterPartitionReassignments, 1, {
        topics: [{ name: 'a', partitions }],
      })
      return answer.responses[0]?.partitions[0]?.errorCode
    }

    assert.equal(await reassign(0, [1]), ErrorCode.NONE)
    assert.equal(await reassign(0, [1, 2]), ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    assert.equal(await reassign(0, null), ErrorCode.NO_REASSIGNMENT_IN_PROGRESS)
    assert.equal(await reassign(5, [1]), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    const list = await world.ask(reassignmentsHandler, listPartitionReassignments, 0, {})
    assert.deepEqual(list.topics, [])
  })
})

describe('UpdateFeatures', () => {
  it('is refused: there are no features', async () => {
    await using world = await openHandlerWorld()
    const featureUpdates = [{ feature: 'metadata.version', maxVersionLevel: 30 }].map((update) => ({
      ...update,
      allowDowngrade: false,
    }))
    const update = (version: number) =>
      world.ask(featuresHandler, updateFeatures, version, { featureUpdates })

    assert.equal((await update(1)).results[0]?.errorCode, ErrorCode.INVALID_UPDATE_VERSION)
    assert.equal((await update(2)).errorCode, ErrorCode.INVALID_UPDATE_VERSION)
  })
})

describe('DescribeCluster', () => {
  it('shows the one node, to those who ask for brokers', async () => {
    await using world = await openHandlerWorld()
    const ask = (endpointType: number) =>
      world.ask(clusterHandler, describeCluster, 2, {
        endpointType,
        includeClusterAuthorizedOperations: false,
        includeFencedBrokers: false,
      })

    const cluster = await ask(1)

    assert.equal(cluster.clusterId, world.catalog.clusterId)
    assert.deepEqual(cluster.brokers, [
      { brokerId: 1, host: 'broker.example', port: 9092, rack: null, isFenced: false },
    ])
    assert.equal((await ask(2)).errorCode, ErrorCode.MISMATCHED_ENDPOINT_TYPE)
    assert.equal((await ask(3)).errorCode, ErrorCode.UNSUPPORTED_ENDPOINT_TYPE)
  })
})
