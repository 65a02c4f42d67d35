import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../wire/error-codes.ts'
import { BrokerSettings } from './broker-settings.ts'
import { CatalogState } from './catalog-state.ts'
import {
  decidePartitions,
  decideTopic,
  type PartitionsRequest,
  type TopicRequest,
} from './decide-topic.ts'
import { resolveSettings } from './static-settings.ts'

const ID = 'b3JkZXJzb3JkZXJzb3JkZQ'

function stateWith(...names: string[]): CatalogState {
  const state = new CatalogState()
  for (const name of names) {
    state.apply({ kind: 'topic', name, topic: { id: ID, partitions: 3, configs: {} } })
  }
  return state
}

const configOf = (environment: Record<string, string> = {}) =>
  new BrokerSettings(resolveSettings({ environment })).config

const request = (fields: Partial<TopicRequest> = {}): TopicRequest => ({
  name: 'orders',
  partitions: -1,
  replicationFactor: -1,
  assignments: [],
  configs: [],
  ...fields,
})

function codeOf(
  fields: Partial<TopicRequest>,
  state = stateWith(),
  environment: Record<string, string> = {},
): number {
  const decision = decideTopic(request(fields), state, configOf(environment))
  if (decision.kind === 'allowed') return ErrorCode.NONE
  assert.match(decision.message, /\S\.$/)
  return decision.errorCode
}

describe('making a topic', () => {
  it('takes the defaults of the broker for -1', () => {
    const decision = decideTopic(request(), stateWith(), configOf({ MILLRACE_NUM_PARTITIONS: '7' }))

    assert.deepEqual(decision, {
      kind: 'allowed',
      partitions: 7,
      replicationFactor: 1,
      configs: {},
    })
  })

  it('is refused for a name that is illegal, reserved, taken or colliding', () => {
    const state = stateWith('a.b')

    assert.equal(codeOf({ name: '..' }, state), ErrorCode.INVALID_TOPIC_EXCEPTION)
    assert.equal(codeOf({ name: '__cluster_metadata' }, state), ErrorCode.INVALID_REQUEST)
    assert.equal(codeOf({ name: 'a.b' }, state), ErrorCode.TOPIC_ALREADY_EXISTS)
    assert.equal(codeOf({ name: 'a_b' }, state), ErrorCode.INVALID_TOPIC_EXCEPTION)
  })

  it('is refused without partitions or with copies that cannot be', () => {
    assert.equal(codeOf({ partitions: 0 }), ErrorCode.INVALID_PARTITIONS)
    assert.equal(codeOf({ partitions: -2 }), ErrorCode.INVALID_PARTITIONS)
    assert.equal(codeOf({ replicationFactor: 0 }), ErrorCode.INVALID_REPLICATION_FACTOR)
    assert.equal(codeOf({ replicationFactor: 3 }), ErrorCode.INVALID_REPLICATION_FACTOR)
  })

  it('takes any replication factor when told to, and keeps one copy', () => {
    const environment = { MILLRACE_ACCEPT_ANY_REPLICATION_FACTOR: 'true' }
    const decision = decideTopic(
      request({ replicationFactor: 3 }),
      stateWith(),
      configOf(environment),
    )

    assert.ok(decision.kind === 'allowed' && decision.replicationFactor === 1)
  })

  it('takes assignments to node 1 and to no other', () => {
    const assign = (...brokerIds: number[][]) =>
      codeOf({ assignments: brokerIds.map((ids, partition) => ({ partition, brokerIds: ids })) })

    assert.equal(assign([1], [1]), ErrorCode.NONE)
    assert.equal(assign([2]), ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    assert.equal(assign([1, 1]), ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    assert.equal(assign([]), ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    const hole = [
      { partition: 0, brokerIds: [1] },
      { partition: 2, brokerIds: [1] },
    ]
    assert.equal(codeOf({ assignments: hole }), ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    assert.equal(codeOf({ assignments: hole, partitions: 2 }), ErrorCode.INVALID_REQUEST)
  })

  it('is refused beyond the bounds of one request and of the broker', () => {
    const environment = { MILLRACE_MAX_PARTITIONS: '5' }

    assert.equal(codeOf({ partitions: 10_001 }), ErrorCode.POLICY_VIOLATION)
    assert.equal(codeOf({ partitions: 3 }, stateWith('a'), environment), ErrorCode.POLICY_VIOLATION)
    assert.equal(codeOf({ partitions: 2 }, stateWith('a'), environment), ErrorCode.NONE)
  })
})

describe('adding partitions', () => {
  const codeOfAdding = (fields: Partial<PartitionsRequest>) => {
    const wanted = { name: 'orders', count: 5, assignments: null, ...fields }
    const decision = decidePartitions(wanted, stateWith('orders'), configOf())
    return decision.kind === 'allowed' ? decision.partitions : -decision.errorCode
  }

  it('gives the count afterwards', () => {
    assert.equal(codeOfAdding({}), 5)
    assert.equal(codeOfAdding({ assignments: [[1], [1]] }), 5)
  })

  it('is refused when it adds none, for an unknown topic, and for wrong assignments', () => {
    assert.equal(codeOfAdding({ count: 3 }), -ErrorCode.INVALID_PARTITIONS)
    assert.equal(codeOfAdding({ count: 0 }), -ErrorCode.INVALID_PARTITIONS)
    assert.equal(codeOfAdding({ name: 'x' }), -ErrorCode.UNKNOWN_TOPIC_OR_PARTITION)
    assert.equal(codeOfAdding({ assignments: [[1]] }), -ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    assert.equal(codeOfAdding({ assignments: [[1], [2]] }), -ErrorCode.INVALID_REPLICA_ASSIGNMENT)
    assert.equal(codeOfAdding({ count: 20_000 }), -ErrorCode.POLICY_VIOLATION)
  })
})
