import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { startTestBroker } from '../../../test/support/test-broker.ts'
import { createTopics } from '../protocol/19-create-topics.ts'
import { createPartitions } from '../protocol/37-create-partitions.ts'
import { ErrorCode } from '../wire/error-codes.ts'
import { keepStore, withStoreDefaults } from './store-topics.ts'

const STORE = { 'millrace.store': 'true' }

describe('a topic that is an event store', () => {
  it('is kept for ever and never compacted, unless its retention is told otherwise', () => {
    assert.deepEqual(withStoreDefaults({ ...STORE, 'retention.ms': '1000' }), {
      ...STORE,
      'cleanup.policy': 'delete',
      'retention.bytes': '-1',
      'retention.ms': '1000',
    })
    assert.deepEqual(withStoreDefaults({ 'retention.ms': '1000' }), { 'retention.ms': '1000' })
  })

  it('stays one, whatever an alteration leaves out', () => {
    const current = withStoreDefaults(STORE)

    const replaced = keepStore(current, { 'segment.ms': '1000' })

    assert.deepEqual(replaced, { kind: 'kept', texts: { ...current, 'segment.ms': '1000' } })
  })

  it('cannot become one, nor stop to be one, nor be compacted', () => {
    const current = withStoreDefaults(STORE)

    assert.equal(keepStore({}, STORE).kind, 'conflict')
    assert.equal(keepStore(current, { 'millrace.store': 'false' }).kind, 'conflict')
    assert.equal(keepStore(current, { 'cleanup.policy': 'compact,delete' }).kind, 'conflict')
    assert.equal(keepStore({}, { 'millrace.store': 'false' }).kind, 'kept')
  })

  it('has one partition unless told otherwise, no compaction, and as many partitions for ever', async (t) => {
    const { connect } = await startTestBroker(t, { config: { 'num.partitions': '4' } })
    const client = await connect()
    const make = async (name: string, configs: Record<string, string>) => {
      const { topics } = await client.send(createTopics, 7, {
        topics: [
          {
            name,
            numPartitions: -1,
            replicationFactor: -1,
            assignments: [],
            configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
          },
        ],
        timeoutMs: 10_000,
      })
      return topics[0]!
    }

    const store = await make('orders', STORE)
    const compacted = await make('compacted', { ...STORE, 'cleanup.policy': 'compact' })
    const { results } = await client.send(createPartitions, 3, {
      topics: [{ name: 'orders', count: 3, assignments: null }],
      timeoutMs: 10_000,
      validateOnly: false,
    })

    assert.deepEqual([store.errorCode, store.numPartitions], [ErrorCode.NONE, 1])
    assert.equal(compacted.errorCode, ErrorCode.INVALID_CONFIG)
    assert.match(compacted.errorMessage ?? '', /exclude each other/)
    assert.equal(results[0]?.errorCode, ErrorCode.INVALID_PARTITIONS)
    assert.match(results[0]?.errorMessage ?? '', /torn apart/)
  })
})
