// A disk that is full for everybody, not for one file: nothing that was acknowledged is lost, reads and
// deletions go on, whoever needs space is refused and does not hang, a stop and a start work, and when
// there is space again nobody has to do anything.
import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { ZERO_UUID } from '../../src/broker/bytes/uuid.ts'
import { offsetCommit } from '../../src/broker/protocol/08-offset-commit.ts'
import { createTopics } from '../../src/broker/protocol/19-create-topics.ts'
import { deleteRecords } from '../../src/broker/protocol/21-delete-records.ts'
import { initProducerId } from '../../src/broker/protocol/22-init-producer-id.ts'
import { incrementalAlterConfigs } from '../../src/broker/protocol/44-incremental-alter-configs.ts'
import { ErrorCode } from '../../src/broker/wire/error-codes.ts'
import { memoryDisk } from '../../src/host/memory-disk.ts'
import type { KafkaClient } from '../support/kafka-client.ts'
import { batchOf, fetchFrom, makeTopic, produceTo } from '../support/test-broker.ts'
import { until } from '../support/until.ts'
import { startFaultyBroker } from './faulty-broker.ts'
import { deleteTopic, readAll } from './requests.ts'

const MIB = 1024 * 1024
/** Too small for a file of the journal: its place is taken by syncs of the files themselves. */
const DISK_BYTES = 20 * MIB
const CONFIGS = { 'file.delete.delay.ms': '0', 'segment.bytes': String(MIB) }

describe('on a full disk', () => {
  it('everything is readable, and who needs space is refused with an error to retry', async (t) => {
    const { client, entries, acknowledged } = await startFull(t)

    const { topics } = await client.send(createTopics, 7, {
      topics: [
        { name: 'new', numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] },
      ],
      timeoutMs: 10_000,
    })
    const producer = await client.send(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    })
    const commit = await client.send(offsetCommit, 8, {
      groupId: 'readers',
      generationIdOrMemberEpoch: -1,
      memberId: '',
      topics: [
        {
          name: 'orders',
          topicId: ZERO_UUID,
          partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: '' }],
        },
      ],
    })

    assert.equal(topics[0]!.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
    assert.equal(producer.errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
    const { errorCode } = commit.topics[0]!.partitions[0]!
    assert.equal(errorCode, ErrorCode.COORDINATOR_NOT_AVAILABLE)
    assert.deepEqual(await readAll(client), acknowledged)
    assert.ok(!entries.some(({ event }) => event === 'bug' || event === 'fatal'))
  })

  it('a topic can be deleted, and producers go on when its files are gone', async (t) => {
    const { client, entries, acknowledged } = await startFull(t)

    const code = await deleteTopic(client, 'ballast')

    assert.equal(code, ErrorCode.NONE)
    await untilTaken(client, 'again')
    assert.deepEqual(await readAll(client), [...acknowledged, 'again'])
    const events = entries.map(({ event }) => event)
    assert.ok(events.indexOf('disk-full') < events.indexOf('disk-has-space'))
  })

  it('records can be deleted, and producers go on when their segments are gone', async (t) => {
    const { client, restart } = await startFull(t)

    const { topics } = await client.send(deleteRecords, 2, {
      topics: [{ name: 'ballast', partitions: [{ partitionIndex: 0, offset: -1 }] }],
      timeoutMs: 10_000,
    })

    const { errorCode, lowWatermark } = topics[0]!.partitions[0]!
    assert.equal(errorCode, ErrorCode.NONE)
    await untilTaken(client, 'again')
    const again = await restart({ isClean: false })
    const refused = await fetchFrom(await again.connect(), 'ballast', { offset: lowWatermark - 1 })
    assert.equal(refused.errorCode, ErrorCode.OFFSET_OUT_OF_RANGE)
  })

  it('a shorter retention can be set, and makes space', async (t) => {
    const { client } = await startFull(t, { 'log.retention.check.interval.ms': '50' })

    const { responses } = await client.send(incrementalAlterConfigs, 1, {
      resources: [
        {
          resourceType: 2,
          resourceName: 'ballast',
          configs: [{ name: 'retention.bytes', configOperation: 0, value: String(MIB) }],
        },
      ],
      validateOnly: false,
    })

    assert.equal(responses[0]!.errorCode, ErrorCode.NONE)
    await untilTaken(client, 'again')
  })

  for (const isClean of [true, false]) {
    it(`a broker that ${isClean ? 'stops' : 'is killed'} starts again, with all that it acknowledged`, async (t) => {
      const { restart, acknowledged } = await startFull(t)

      const again = await restart({ isClean })

      const client = await again.connect()
      assert.deepEqual(await readAll(client), acknowledged)
      const refused = await produceTo(client, 'orders', batchOf(['x'.repeat(MIB / 2)]))
      assert.equal(refused.errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
      assert.equal(await deleteTopic(client, 'ballast'), ErrorCode.NONE)
      await untilTaken(client, 'again')
    })
  }
})

/** A broker on whose disk not even a small batch has a place, and what it has acknowledged. */
async function startFull(t: TestContext, config: Record<string, string> = {}) {
  const below = memoryDisk({ maxBytes: DISK_BYTES })
  const started = await startFaultyBroker(t, { config }, below)
  const client = await started.connect()
  for (const topic of ['orders', 'ballast']) await makeTopic(client, topic, { configs: CONFIGS })
  const acknowledged: string[] = []
  for (const value of ['first', 'second']) {
    assert.equal((await produceTo(client, 'orders', batchOf([value]))).errorCode, ErrorCode.NONE)
    acknowledged.push(value)
  }
  for (const bytes of [MIB / 2, 32 * 1024, 1024, 1]) {
    while (await isTaken(client, 'ballast', 'x'.repeat(bytes))) assert.ok(!t.signal.aborted)
  }
  return { ...started, client, acknowledged }
}

async function isTaken(client: KafkaClient, topic: string, value: string): Promise<boolean> {
  const { errorCode } = await produceTo(client, topic, batchOf([value]))
  if (errorCode !== ErrorCode.NONE) assert.equal(errorCode, ErrorCode.KAFKA_STORAGE_ERROR)
  return errorCode === ErrorCode.NONE
}

async function untilTaken(client: KafkaClient, value: string): Promise<void> {
  await until(() => isTaken(client, 'orders', value))
}
