import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { KafkaClient } from '../../../../test/support/kafka-client.ts'
import {
  batchOf,
  fetchFrom,
  fetchRequest,
  makeTopic,
  produceTo,
  startTestBroker,
  until,
  valuesIn,
} from '../../../../test/support/test-broker.ts'
import { ZERO_UUID } from '../../bytes/uuid.ts'
import { fetch } from '../../protocol/01-fetch.ts'
import { deleteTopics } from '../../protocol/20-delete-topics.ts'
import { ErrorCode } from '../../wire/error-codes.ts'

const UNKNOWN_ID = 'AAAAAAAAAAAAAAAAAAAAAQ'

/** A fetch by topic id (v13 and up). */
function fetchById(
  topicId: string,
  partitions: { partition: number; fetchOffset: number }[],
  session: { sessionId?: number; sessionEpoch?: number } = {},
) {
  return {
    maxWaitMs: 0,
    minBytes: 1,
    ...session,
    topics:
      partitions.length === 0
        ? []
        : [
            {
              topic: '',
              topicId,
              partitions: partitions.map((wanted) => ({ ...wanted, partitionMaxBytes: 100_000 })),
            },
          ],
    forgottenTopicsData: [],
  }
}

describe('Fetch', () => {
  it('returns what was produced at every version', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    const topicId = await makeTopic(client, 'orders')
    await produceTo(client, 'orders', batchOf(['a', 'b']))

    for (let version = 4; version <= 18; version++) {
      const { responses } = await client.send(fetch, version, {
        maxWaitMs: 0,
        minBytes: 1,
        topics: [
          {
            topic: 'orders',
            topicId,
            partitions: [{ partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }],
          },
        ],
        forgottenTopicsData: [],
      })

      const answer = responses[0]!.partitions[0]!
      assert.equal(answer.errorCode, ErrorCode.NONE, `v${version}`)
      assert.deepEqual(valuesIn(answer.records), ['a', 'b'])
      assert.equal(answer.highWatermark, 2)
      assert.equal(answer.lastStableOffset, 2)
      assert.equal(answer.preferredReadReplica, -1)
    }
  })

  it('begins with the batch that holds the offset', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceTo(client, 'orders', batchOf(['a', 'b', 'c']))
    await produceTo(client, 'orders', batchOf(['d', 'e']))

    const middle = await fetchFrom(client, 'orders', { offset: 2 })
    const next = await fetchFrom(client, 'orders', { offset: 3 })

    assert.deepEqual(valuesIn(middle.records), ['a', 'b', 'c', 'd', 'e'])
    assert.deepEqual(valuesIn(next.records), ['d', 'e'])
  })

  it('at the end has empty records, never null; beyond it, or before the start, is 1', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceTo(client, 'orders', batchOf(['a']))

    const end = await fetchFrom(client, 'orders', { offset: 1 })
    assert.equal(end.errorCode, ErrorCode.NONE)
    assert.deepEqual(end.records, Buffer.alloc(0))
    for (const offset of [2, -1, -5, 2 ** 52]) {
      const { errorCode, records, highWatermark } = await fetchFrom(client, 'orders', { offset })
      assert.equal(errorCode, ErrorCode.OFFSET_OUT_OF_RANGE, `offset ${offset}`)
      assert.deepEqual(records, Buffer.alloc(0))
      assert.equal(highWatermark, -1)
    }
  })

  it('gives at least one batch whatever the limits, and no more than they allow', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders', { partitions: 2 })
    for (const partition of [0, 1]) {
      for (const text of ['a', 'b', 'c']) {
        await produceTo(client, 'orders', batchOf([text.repeat(1000)]), { partition })
      }
    }
    const wanted = (partitionMaxBytes: number) => ({
      topic: 'orders',
      topicId: ZERO_UUID,
      partitions: [0, 1].map((partition) => ({ partition, fetchOffset: 0, partitionMaxBytes })),
    })
    const counts = async (maxBytes: number, partitionMaxBytes: number) => {
      const { responses } = await client.send(fetch, 12, {
        maxWaitMs: 0,
        minBytes: 1,
        maxBytes,
        topics: [wanted(partitionMaxBytes)],
        forgottenTopicsData: [],
      })
      return responses[0]!.partitions.map(({ records }) => valuesIn(records).length)
    }

    assert.deepEqual(await counts(1, 1), [1, 0])
    assert.deepEqual(await counts(100_000, 1), [1, 0], 'the rest keeps to its limit')
    assert.deepEqual(await counts(100_000, 2_500), [2, 2])
    assert.deepEqual(await counts(2_500, 100_000), [2, 0])
    assert.deepEqual(await counts(100_000, 100_000), [3, 3])
  })

  it('gives the first batch whole, however far it is beyond the limit and what is read at once', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders', { configs: { 'max.message.bytes': '3000000' } })
    const texts = [100_000, 10, 2_500_000].map((length) => 'x'.repeat(length))
    for (const text of texts) await produceTo(client, 'orders', batchOf([text]))

    for (const [offset, text] of texts.entries()) {
      for (const partitionMaxBytes of [1, 20_000, 1_000_000]) {
        const { errorCode, records } = await fetchFrom(client, 'orders', {
          offset,
          partitionMaxBytes,
        })
        assert.equal(errorCode, ErrorCode.NONE)
        assert.equal(valuesIn(records)[0]?.length, text.length)
      }
    }
  })

  it('gives at least a batch to one client at a time where there is no room for answers', async (t) => {
    const config = { 'millrace.queued.max.response.bytes': '0' }
    const { connect } = await startTestBroker(t, { config })
    const client = await connect()
    await makeTopic(client, 'orders')
    for (const text of ['a', 'b']) await produceTo(client, 'orders', batchOf([text]))

    const first = await fetchFrom(client, 'orders')
    const second = await fetchFrom(client, 'orders', { offset: 1 })

    assert.deepEqual([valuesIn(first.records), valuesIn(second.records)], [['a', 'b'], ['b']])
  })

  it('names what is unknown: 3 by name, 100 by id', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    const topicId = await makeTopic(client, 'orders')
    const byId = async (id: string, partition: number) => {
      const body = fetchById(id, [{ partition, fetchOffset: 0 }])
      const { responses } = await client.send(fetch, 13, body)
      return responses[0]!.partitions[0]!.errorCode
    }

    assert.equal((await fetchFrom(client, 'nothing')).errorCode, 3)
    assert.equal((await fetchFrom(client, 'orders', { partition: 1 })).errorCode, 3)
    assert.equal(await byId(UNKNOWN_ID, 0), ErrorCode.UNKNOWN_TOPIC_ID)
    assert.equal(await byId(ZERO_UUID, 0), ErrorCode.UNKNOWN_TOPIC_ID)
    assert.equal(await byId(topicId, 1), ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  })

  it('checks the leader epoch that the client believes in: 74 older, 75 newer', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceTo(client, 'orders', batchOf(['a']))
    const fetchAt = async (currentLeaderEpoch: number) => {
      const request = fetchRequest('orders')
      const [topic] = request.topics
      const partitions = [{ ...topic!.partitions[0]!, currentLeaderEpoch }]
      const body = { ...request, topics: [{ ...topic!, partitions }] }
      const { responses } = await client.send(fetch, 12, body)
      return responses[0]!.partitions[0]!.errorCode
    }

    assert.equal(await fetchAt(-1), ErrorCode.NONE)
    assert.equal(await fetchAt(0), ErrorCode.NONE)
    assert.equal(await fetchAt(1), ErrorCode.UNKNOWN_LEADER_EPOCH)
    assert.equal(await fetchAt(-2), ErrorCode.FENCED_LEADER_EPOCH)
  })

  // Apache Kafka 4.3 does so too, and kafka-python 2.0.2 reads zstd through version 4.
  it('gives zstd as it is stored to every version', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceTo(client, 'orders', batchOf(['plain']))
    await produceTo(client, 'orders', batchOf(['z'], { compression: 'zstd' }))

    const oldest = await fetchFrom(client, 'orders', { version: 4 })
    const newest = await fetchFrom(client, 'orders', { version: 12 })

    assert.deepEqual(valuesIn(oldest.records), ['plain', 'z'])
    assert.deepEqual(valuesIn(newest.records), ['plain', 'z'])
  })

  it('tells read_committed where stable data ends, and what was aborted', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    await produceTo(client, 'orders', batchOf(['a']))

    const committed = await fetchFrom(client, 'orders', { isolationLevel: 1 })
    const uncommitted = await fetchFrom(client, 'orders', { isolationLevel: 0 })

    assert.deepEqual(valuesIn(committed.records), ['a'])
    assert.deepEqual(committed.abortedTransactions, [])
    assert.equal(committed.lastStableOffset, 1)
    assert.equal(uncommitted.abortedTransactions, null)
  })
})

describe('a fetch that waits', () => {
  const MINUTE = { maxWaitMs: 60_000 }

  it('is answered as soon as there is enough', async (t) => {
    const { connect, broker } = await startTestBroker(t)
    const [reader, writer] = [await connect(), await connect()]
    await makeTopic(writer, 'orders')
    const waiting = fetchFrom(reader, 'orders', { ...MINUTE, minBytes: 150 })
    await until(() => broker.inspect.waitingFetchCount === 1)

    await produceTo(writer, 'orders', batchOf(['a'.repeat(60)]))
    assert.equal(broker.inspect.waitingFetchCount, 1)
    await produceTo(writer, 'orders', batchOf(['b'.repeat(60)]))

    const { records } = await waiting
    assert.equal(valuesIn(records).length, 2)
    assert.equal(broker.inspect.waitingFetchCount, 0)
  })

  it('is answered empty when its time is up', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')

    const { errorCode, records } = await fetchFrom(client, 'orders', { maxWaitMs: 5 })

    assert.equal(errorCode, ErrorCode.NONE)
    assert.deepEqual(records, Buffer.alloc(0))
  })

  it('is answered at once when a partition is in error, with the data of the others', async (t) => {
    const { connect } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const request = fetchRequest('orders', MINUTE)
    const [topic] = request.topics
    const partitions = [0, 9].map((partition) => ({ ...topic!.partitions[0]!, partition }))

    const body = { ...request, topics: [{ ...topic!, partitions }] }
    const { responses } = await client.send(fetch, 12, body)

    const codes = responses[0]!.partitions.map(({ errorCode }) => errorCode)
    assert.deepEqual(codes, [ErrorCode.NONE, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION])
  })

  it('is dropped at once when its connection closes', async (t) => {
    const { connect, broker } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const waiting = assert.rejects(fetchFrom(client, 'orders', MINUTE), /connection closed/)
    await until(() => broker.inspect.waitingFetchCount === 1)

    client.socket.destroy()

    await waiting
    await until(() => broker.inspect.waitingFetchCount === 0)
  })

  it('is answered when its topic is deleted', async (t) => {
    const { connect, broker } = await startTestBroker(t)
    const [reader, admin] = [await connect(), await connect()]
    const topicId = await makeTopic(admin, 'orders')
    const waiting = fetchFrom(reader, 'orders', MINUTE)
    await until(() => broker.inspect.waitingFetchCount === 1)

    await admin.send(deleteTopics, 6, {
      topics: [{ name: null, topicId }],
      topicNames: [],
      timeoutMs: 1000,
    })

    const { errorCode } = await waiting
    assert.equal(errorCode, ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
  })

  it('is answered when the broker stops', async (t) => {
    const { connect, broker } = await startTestBroker(t)
    const client = await connect()
    await makeTopic(client, 'orders')
    const waiting = fetchFrom(client, 'orders', MINUTE)
    await until(() => broker.inspect.waitingFetchCount === 1)

    await broker.close()

    const { errorCode } = await waiting
    assert.equal(errorCode, ErrorCode.NONE)
  })
})

describe('a fetch session', () => {
  async function openSession(t: Parameters<typeof startTestBroker>[0]) {
    const { connect, broker } = await startTestBroker(t)
    const client = await connect()
    const topicId = await makeTopic(client, 'orders', { partitions: 3 })
    const wanted = [0, 1, 2].map((partition) => ({ partition, fetchOffset: 0 }))
    const full = await client.send(fetch, 13, fetchById(topicId, wanted, { sessionEpoch: 0 }))
    const more = (sessionEpoch: number, partitions: typeof wanted = []) =>
      client.send(
        fetch,
        13,
        fetchById(topicId, partitions, { sessionId: full.sessionId, sessionEpoch }),
      )
    return { client, topicId, full, more, broker }
  }
  const partitionsOf = (answer: Awaited<ReturnType<KafkaClient['send']>>) => {
    const { responses } = answer as { responses: { partitions: { partitionIndex: number }[] }[] }
    return responses.flatMap(({ partitions }) => partitions.map((p) => p.partitionIndex))
  }

  it('is opened by a full fetch, which names every partition', async (t) => {
    const { full } = await openSession(t)

    assert.notEqual(full.sessionId, 0)
    assert.deepEqual(partitionsOf(full), [0, 1, 2])
  })

  it('then leaves out partitions without news', async (t) => {
    const { client, more } = await openSession(t)

    assert.deepEqual(partitionsOf(await more(1)), [])
    await produceTo(client, 'orders', batchOf(['a']), { partition: 1 })
    const second = await more(2)
    const third = await more(3, [{ partition: 1, fetchOffset: 1 }])

    assert.deepEqual(partitionsOf(second), [1])
    assert.deepEqual(partitionsOf(third), [])
  })

  it('refuses an epoch out of turn with 71, an unknown id with 70, names after ids with 106', async (t) => {
    const { client, topicId, full, more } = await openSession(t)

    const early = await more(5)
    const unknown = await client.send(
      fetch,
      13,
      fetchById(topicId, [], { sessionId: full.sessionId ^ 1, sessionEpoch: 1 }),
    )
    const byName = await client.send(fetch, 12, {
      ...fetchRequest('orders'),
      sessionId: full.sessionId,
      sessionEpoch: 1,
    })

    assert.equal(early.errorCode, ErrorCode.INVALID_FETCH_SESSION_EPOCH)
    assert.equal(unknown.errorCode, ErrorCode.FETCH_SESSION_ID_NOT_FOUND)
    assert.equal(byName.errorCode, ErrorCode.FETCH_SESSION_TOPIC_ID_ERROR)
    for (const { responses, sessionId } of [early, unknown, byName]) {
      assert.deepEqual(responses, [])
      assert.equal(sessionId, 0)
    }
  })

  it('is closed by epoch -1', async (t) => {
    const { client, topicId, full, broker } = await openSession(t)

    const closing = fetchById(topicId, [], { sessionId: full.sessionId, sessionEpoch: -1 })
    const { sessionId, errorCode } = await client.send(fetch, 13, closing)

    assert.deepEqual([sessionId, errorCode], [0, ErrorCode.NONE])
    assert.equal(broker.inspect.fetchSessionCount, 0)
  })

  it('turns: a partition that filled the answer comes last the next time', async (t) => {
    const { client, topicId, full } = await openSession(t)
    for (const partition of [0, 1, 2]) {
      await produceTo(client, 'orders', batchOf(['x'.repeat(1000)]), { partition })
    }
    const served: number[][] = []

    for (let sessionEpoch = 1; sessionEpoch <= 4; sessionEpoch++) {
      const session = { sessionId: full.sessionId, sessionEpoch }
      const body = { ...fetchById(topicId, [], session), maxBytes: 1 }
      const { responses } = await client.send(fetch, 13, body)
      const partitions = responses.flatMap((topic) => topic.partitions)
      const filled = partitions.filter(({ records }) => records !== null && records.length > 0)
      served.push(filled.map(({ partitionIndex }) => partitionIndex))
    }

    assert.deepEqual(served, [[0], [1], [2], [0]])
  })

  it('tells 100 for a topic that was deleted, also when one of its name was made again', async (t) => {
    const { client, topicId, more } = await openSession(t)

    await client.send(deleteTopics, 6, {
      topics: [{ name: null, topicId }],
      topicNames: [],
      timeoutMs: 1000,
    })
    await makeTopic(client, 'orders')
    const { responses } = await more(1)

    const codes = responses.flatMap(({ partitions }) => partitions.map((p) => p.errorCode))
    assert.deepEqual(codes, [100, 100, 100])
  })
})
