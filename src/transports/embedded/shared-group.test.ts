// An embedded member and a Kafka client in one group: the client is the CLI's own, over the loopback
// listener, which speaks the consumer group protocol request by request (KIP-848).

import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { ZERO_UUID } from '../../broker/bytes/uuid.ts'
import { offsetCommit } from '../../broker/protocol/08-offset-commit.ts'
import { consumerGroupHeartbeat } from '../../broker/protocol/68-consumer-group-heartbeat.ts'
import { Cluster } from '../../cli/client/cluster.ts'
import { fetchRecords } from '../../cli/client/fetch.ts'
import { fetchCommittedOffsets } from '../../cli/client/groups.ts'
import { nodeClock, nodeRandom, nodeTimers } from '../../host/node-host.ts'
import { nodeNet } from '../../host/node-net.ts'
import { embedded } from './embedded.ts'

const topic = 'orders'
const groupId = 'billing'
const memberId = 'a-kafka-client'
const OFFSET_COMMIT_BY_NAME = 9

interface Assigned {
  readonly topicId: string
  readonly partitions: readonly number[]
}

async function connectTo(
  t: TestContext,
  { host, port }: { host: string; port: number },
): Promise<Cluster> {
  const cluster = await Cluster.connect({
    ...{ bootstrap: [{ host, port }], net: nodeNet },
    ...{ clock: nodeClock, timers: nodeTimers, random: nodeRandom },
  })
  t.after(() => cluster.close())
  return cluster
}

/** The Kafka client's side of the protocol: heartbeats until it has what it waits for. */
class KafkaMember {
  readonly #cluster: Cluster
  epoch = 0
  assigned: readonly Assigned[] = []

  constructor(cluster: Cluster) {
    this.#cluster = cluster
  }

  get partitions(): readonly number[] {
    return this.assigned.flatMap(({ partitions }) => partitions)
  }

  async heartbeat(memberEpoch = this.epoch): Promise<void> {
    const isJoining = memberEpoch === 0
    const connection = await this.#cluster.coordinator(groupId)
    const answer = await connection.request(consumerGroupHeartbeat, {
      ...{ groupId, memberId, memberEpoch, instanceId: null, rackId: null },
      rebalanceTimeoutMs: isJoining ? 60_000 : -1,
      subscribedTopicNames: isJoining ? [topic] : null,
      subscribedTopicRegex: null,
      serverAssignor: null,
      topicPartitions: isJoining ? [] : this.assigned,
    })
    assert.equal(answer.errorCode, 0, answer.errorMessage ?? '')
    this.epoch = answer.memberEpoch
    if (answer.assignment !== null) this.assigned = answer.assignment.topicPartitions
  }

  /** @param count of partitions */
  async heartbeatUntilItHas(count: number): Promise<void> {
    const deadlineMs = nodeClock.monotonicMs() + 10_000
    while (this.partitions.length !== count) {
      assert.ok(nodeClock.monotonicMs() < deadlineMs, `it has ${this.partitions}`)
      await this.heartbeat()
      await nodeTimers.yield()
    }
    await this.heartbeat()
  }

  async commit(partition: number, offset: number): Promise<number> {
    const connection = await this.#cluster.coordinator(groupId)
    const place = { partitionIndex: partition, committedOffset: offset, committedLeaderEpoch: -1 }
    const partitions = [{ ...place, committedMetadata: 'from the client' }]
    const { topics } = await connection.request(
      offsetCommit,
      {
        ...{ groupId, memberId, generationIdOrMemberEpoch: this.epoch, groupInstanceId: null },
        topics: [{ name: topic, topicId: ZERO_UUID, partitions }],
      },
      { maxVersion: OFFSET_COMMIT_BY_NAME },
    )
    return topics[0]!.partitions[0]!.errorCode
  }
}

describe('an embedded member and a Kafka client', () => {
  it('share one group: partitions, progress and the records of both', async (t) => {
    const engine = embedded({
      memory: { maxBytes: 64 * 1024 * 1024 },
      listen: '127.0.0.1:0',
      config: { 'group.consumer.assignment.interval.ms': '0' },
    })
    const onWarning = (message: string) => assert.fail(message)
    const transport = await engine.open({ service: 'shop', onWarning })
    t.after(() => transport.close())
    await transport.administration.ensureTopics([{ name: topic, partitions: 2 }])
    const held = new Map<number, { offset: number; metadata: string }>()
    let changed = Promise.withResolvers<void>()
    const member = await transport.join({
      ...{ group: groupId, topics: [topic], startAt: 'earliest' },
      onAssigned: (partitions) => {
        for (const { partition, ...start } of partitions) held.set(partition, start)
        changed.resolve()
      },
      onRevoked: async (partitions) => {
        for (const { partition } of partitions) held.delete(partition)
      },
      onLost: () => assert.fail('lost'),
      onFailed: (error) => assert.fail(error),
    })
    await changed.promise
    assert.deepEqual([...held.keys()].sort(), [0, 1])
    const producer = await transport.producer()
    for (const partition of [0, 1]) {
      const value = Buffer.from(`to ${partition}`)
      await producer.send({ topic, partition, records: [{ key: null, value, headers: [] }] })
    }

    const cluster = await connectTo(t, engine.addresses[0]!)
    const client = new KafkaMember(cluster)
    await client.heartbeatUntilItHas(1)
    const [its] = client.partitions
    const ours = 1 - its!

    assert.deepEqual([...held.keys()], [ours])
    const range = { topic, partition: its!, fromOffset: 0, endOffset: 1 }
    const { value: read } = await fetchRecords(cluster, [range]).next()
    assert.equal(`${read!.records[0]!.value}`, `to ${its}`)
    const polled = await member.poll({ maxBytes: 1024, signal: t.signal })
    assert.deepEqual(
      polled.map(({ partition, records }) => `${partition}: ${records[0]!.value}`),
      [`${ours}: to ${ours}`],
    )
    await member.commit([{ topic, partition: ours, offset: 1, metadata: 'from the member' }])
    assert.equal(await client.commit(its!, 1), 0)
    const committed = await fetchCommittedOffsets(cluster, groupId)
    assert.deepEqual(
      committed.map(({ partition, offset, metadata }) => `${partition}: ${offset} ${metadata}`),
      [0, 1].map((one) => `${one}: 1 from the ${one === ours ? 'member' : 'client'}`),
    )

    changed = Promise.withResolvers()
    await client.heartbeat(-1)
    await changed.promise
    assert.deepEqual(held.get(its!), { topic, offset: 1, metadata: 'from the client' })
  })
})
