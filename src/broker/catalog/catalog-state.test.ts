import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type CatalogRecord, decodeRecord, encodeRecord } from './catalog-record.ts'
import { CatalogState } from './catalog-state.ts'

const ORDERS = { id: 'b3JkZXJzb3JkZXJzb3JkZQ', partitions: 3, configs: { 'retention.ms': '5' } }

describe('a record of the catalogue', () => {
  const records: CatalogRecord[] = [
    { kind: 'cluster', clusterId: 'c' },
    { kind: 'leader-epoch', leaderEpoch: 7 },
    { kind: 'producer-ids', nextProducerId: 2000 },
    { kind: 'topic', name: 'orders', topic: ORDERS },
    { kind: 'topic', name: 'orders', topic: null },
    { kind: 'deleted-topic', id: ORDERS.id, name: 'orders' },
    { kind: 'deleted-topic', id: ORDERS.id, name: null },
    { kind: 'configs', owner: 'broker', name: '', configs: { 'log.retention.ms': '1' } },
    { kind: 'configs', owner: 'group', name: 'a/b', configs: {} },
    { kind: 'configs', owner: 'client-metrics', name: 'm', configs: null },
    {
      kind: 'client-quotas',
      entity: { 'client-id': null, user: 'a/"b"' },
      values: { request_percentage: 0.5 },
    },
    { kind: 'client-quotas', entity: { ip: '10.0.0.1' }, values: null },
  ]

  it('is read back as it was written', () => {
    for (const record of records) {
      const { key, value } = encodeRecord(record)

      assert.deepEqual(decodeRecord(key, value), record)
    }
  })

  it('that is none of ours is refused by its key', () => {
    const key = Buffer.from('quota/x')

    assert.throws(() => decodeRecord(key, Buffer.from('{}')), /cannot read: 'quota\/x'/)
    assert.throws(() => decodeRecord(null, Buffer.from('{}')), /cannot read/)
    assert.throws(() => decodeRecord(Buffer.from('topic/a'), Buffer.from('{"id":1}')), /topic\/a/)
    assert.throws(() => decodeRecord(Buffer.from('cluster'), null), /cluster/)
  })
})

describe('the state of the catalogue', () => {
  const stateOf = (...records: CatalogRecord[]) => {
    const state = new CatalogState()
    for (const record of records) state.apply(record)
    return state
  }

  it('finds a topic by name and by id, until it is deleted', () => {
    const state = stateOf({ kind: 'topic', name: 'orders', topic: ORDERS })

    assert.equal(state.topic('orders'), state.topicById(ORDERS.id))
    assert.equal(state.topic('orders')?.partitions, 3)
    assert.equal(state.partitionCount, 3)

    state.apply({ kind: 'topic', name: 'orders', topic: null })

    assert.equal(state.topic('orders'), undefined)
    assert.equal(state.topicById(ORDERS.id), undefined)
    assert.equal(state.partitionCount, 0)
    assert.equal(state.collidingTopic('orders'), undefined)
  })

  it('forgets the old id when a topic is made anew', () => {
    const id = 'bmV3bmV3bmV3bmV3bmV3bg'
    const state = stateOf(
      { kind: 'topic', name: 'orders', topic: ORDERS },
      { kind: 'topic', name: 'orders', topic: { ...ORDERS, id, partitions: 5 } },
    )

    assert.equal(state.topicById(ORDERS.id), undefined)
    assert.equal(state.topicById(id)?.partitions, 5)
    assert.equal(state.partitionCount, 5)
  })

  it('knows which name a new one would collide with', () => {
    const state = stateOf({ kind: 'topic', name: 'a.b', topic: ORDERS })

    assert.equal(state.collidingTopic('a_b'), 'a.b')
    assert.equal(state.collidingTopic('a.b'), undefined)
  })

  it('remembers a deleted id until its files are gone', () => {
    const state = stateOf({ kind: 'deleted-topic', id: ORDERS.id, name: 'orders' })

    assert.deepEqual([...state.deletedTopics()], [[ORDERS.id, 'orders']])

    state.apply({ kind: 'deleted-topic', id: ORDERS.id, name: null })

    assert.deepEqual([...state.deletedTopics()], [])
  })
})
