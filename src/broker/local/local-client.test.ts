import assert from 'node:assert/strict'
import { describe, it, type TestContext } from 'node:test'
import { startLocalBroker } from '../broker.ts'
import type { LocalBatch, LocalRecord } from './local-producing.ts'

const topic = 'orders'
const NEVER = { isClosed: false, onClose: () => () => undefined }

async function startBroker(t: TestContext) {
  const memory = { maxBytes: 64 * 1024 * 1024 }
  const { local, close } = await startLocalBroker({ memory, listen: false }).then((broker) => ({
    local: broker.local,
    close: () => broker.close(),
  }))
  t.after(close)
  await local.loaded()
  const [made] = await local.topics.ensure([{ name: topic, partitions: 1, config: {} }])
  assert.equal(made?.kind, 'topic')
  const place = { topic, topicId: made.topicId, partition: 0 }
  const fetch = async (fromOffset: number) => {
    const limits = { maxBytes: 1_000_000, partitionMaxBytes: 1_000_000, maxWaitMs: 0 }
    const request = { partitions: [{ ...place, fromOffset }], ...limits, interrupt: NEVER }
    const [answer] = await local.reading.fetch(request)
    assert.equal(answer?.kind, 'records')
    return answer
  }
  return { local, fetch }
}

function recordsOf(values: readonly string[]): LocalRecord[] {
  return values.map((value) => {
    return { key: null, value: Buffer.from(value), headers: [], timestampMs: 1_700_000_000_000 }
  })
}

describe('the broker without sockets', () => {
  it('answers a resent batch with the base offset it was first given', async (t) => {
    const { local, fetch } = await startBroker(t)
    const producer = await local.producing.newProducer()
    const place = { topic, partition: 0, producer, timeoutMs: 10_000 }
    const first: LocalBatch = { ...place, records: recordsOf(['a', 'b']), baseSequence: 0 }
    const second: LocalBatch = { ...place, records: recordsOf(['c']), baseSequence: 2 }

    await local.producing.append(first)
    const sent = await local.producing.append(second)
    const resent = await local.producing.append(second)

    const leaderEpoch = local.reading.leaderEpochOf(topic, 0)
    assert.ok(leaderEpoch >= 0)
    assert.deepEqual(sent, { kind: 'written', baseOffset: 2, leaderEpoch })
    assert.equal(local.reading.leaderEpochOf('nowhere', 0), -1)
    assert.deepEqual(resent, sent)
    const { records } = await fetch(0)
    assert.deepEqual(
      records.map(({ value }) => `${value}`),
      ['a', 'b', 'c'],
    )
  })

  it('gives memory that is nobody else’s: what a caller does to it changes no log', async (t) => {
    const { local, fetch } = await startBroker(t)
    const producer = await local.producing.newProducer()
    const records = recordsOf(['abc'])
    await local.producing.append({
      ...{ topic, partition: 0, producer, timeoutMs: 10_000, records, baseSequence: 0 },
    })

    const before = await fetch(0)
    before.records[0]!.value!.fill(0)
    records[0]!.value!.fill(0)

    const after = await fetch(0)
    assert.equal(`${after.records[0]!.value}`, 'abc')
  })

  it('refuses in words: a topic that is not there, and one of its own', async (t) => {
    const { local } = await startBroker(t)
    const producer = await local.producing.newProducer()
    const batch = { partition: 0, producer, records: recordsOf(['a']), baseSequence: 0 }

    const nowhere = await local.producing.append({ ...batch, topic: 'nowhere', timeoutMs: 1_000 })
    const [internal] = await local.topics.ensure([
      { name: '__consumer_offsets_', partitions: 0, config: {} },
    ])

    assert.equal(nowhere.kind, 'refused')
    assert.equal(nowhere.error, 'UNKNOWN_TOPIC_OR_PARTITION')
    assert.equal(nowhere.isRetriable, false)
    assert.equal(internal?.kind, 'refused')
    assert.equal(internal.error, 'INVALID_PARTITIONS')
  })
})
