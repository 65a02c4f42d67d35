import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ErrorCode } from '../wire/error-codes.ts'
import {
  alterConfigs,
  type ConfigDecision,
  type ConfigOperation,
  checkTopicConfigs,
  replaceConfigs,
} from './decide-configs.ts'

const entries = (configs: Record<string, string | null>) =>
  Object.entries(configs).map(([name, value]) => ({ name, value }))

const operations = (...list: [ConfigOperation['operation'], string, string | null][]) =>
  list.map(([operation, name, value]) => ({ operation, name, value }))

function alter(current: Record<string, string>, ...list: Parameters<typeof operations>) {
  return alterConfigs('topic', current, operations(...list), (key) => key.defaultText)
}

function textsOf(decision: ConfigDecision) {
  return decision.kind === 'allowed' ? decision.texts : decision
}

function codeOf(decision: ConfigDecision): number {
  return decision.kind === 'allowed' ? ErrorCode.NONE : decision.errorCode
}

describe('the configurations of a new topic', () => {
  it('are kept as Kafka shows them', () => {
    const decision = checkTopicConfigs(
      entries({ 'cleanup.policy': 'compact, delete', 'retention.ms': ' 1000 ' }),
    )

    assert.deepEqual(textsOf(decision), {
      'cleanup.policy': 'compact,delete',
      'retention.ms': '1000',
    })
  })

  it('are refused when unknown, wrong, null, contradicting or promising what does not exist', () => {
    for (const configs of [
      { 'no.such.key': '1' },
      { 'retention.ms': 'abc' },
      { 'segment.bytes': '100' },
      { 'cleanup.policy': 'foo' },
      { 'retention.ms': null },
      { 'min.compaction.lag.ms': '100', 'max.compaction.lag.ms': '50' },
      { 'remote.storage.enable': 'true' },
    ]) {
      const decision = checkTopicConfigs(entries(configs))

      assert.equal(codeOf(decision), ErrorCode.INVALID_CONFIG, JSON.stringify(configs))
      assert.ok(decision.kind === 'refused' && decision.message.includes(Object.keys(configs)[0]!))
    }
  })

  it('may be keys that have no effect on one node', () => {
    assert.equal(codeOf(checkTopicConfigs(entries({ preallocate: 'TRUE' }))), ErrorCode.NONE)
  })
})

describe('replacing configurations', () => {
  it('leaves nothing of what was set before', () => {
    const decision = replaceConfigs('topic', entries({ 'segment.ms': '5' }))

    assert.deepEqual(textsOf(decision), { 'segment.ms': '5' })
  })

  it('is refused for a key named twice', () => {
    const twice = [...entries({ 'segment.ms': '5' }), ...entries({ 'segment.ms': '6' })]

    assert.equal(codeOf(replaceConfigs('topic', twice)), ErrorCode.INVALID_REQUEST)
  })
})

describe('altering configurations', () => {
  it('sets and deletes, and leaves the rest', () => {
    const current = { 'retention.ms': '1', 'segment.ms': '2' }

    assert.deepEqual(
      textsOf(alter(current, ['set', 'segment.ms', '3'], ['set', 'flush.ms', '4'])),
      { 'retention.ms': '1', 'segment.ms': '3', 'flush.ms': '4' },
    )
    assert.deepEqual(textsOf(alter(current, ['delete', 'segment.ms', null])), {
      'retention.ms': '1',
    })
    assert.deepEqual(textsOf(alter(current, ['delete', 'no.such.key', null])), current)
  })

  it('appends to and subtracts from a list, beginning with its default', () => {
    const policy = (text: string) => ({ 'cleanup.policy': text })

    assert.deepEqual(
      textsOf(alter({}, ['append', 'cleanup.policy', 'compact'])),
      policy('delete,compact'),
    )
    assert.deepEqual(
      textsOf(alter(policy('delete,compact'), ['append', 'cleanup.policy', 'compact'])),
      policy('delete,compact'),
    )
    assert.deepEqual(
      textsOf(alter(policy('delete,compact'), ['subtract', 'cleanup.policy', 'delete'])),
      policy('compact'),
    )
    assert.deepEqual(
      textsOf(alter(policy('compact'), ['subtract', 'cleanup.policy', 'delete'])),
      policy('compact'),
    )
  })

  it('takes all operations on a resource or none', () => {
    const decision = alter({}, ['set', 'segment.ms', '3'], ['set', 'retention.ms', '-7'])

    assert.equal(codeOf(decision), ErrorCode.INVALID_CONFIG)
  })

  it('is refused for what no list can take, for null, and for a key named twice', () => {
    assert.equal(codeOf(alter({}, ['append', 'retention.ms', '5'])), ErrorCode.INVALID_CONFIG)
    assert.equal(codeOf(alter({}, ['append', 'no.such.key', '5'])), ErrorCode.INVALID_CONFIG)
    assert.equal(codeOf(alter({}, ['set', 'retention.ms', null])), ErrorCode.INVALID_REQUEST)
    assert.equal(
      codeOf(alter({}, ['set', 'retention.ms', '5'], ['delete', 'retention.ms', null])),
      ErrorCode.INVALID_REQUEST,
    )
  })
})

describe('altering the broker', () => {
  const alterBroker = (name: string, value: string) =>
    alterConfigs('broker', {}, operations(['set', name, value]), () => null)

  it('takes keys that a running broker can take', () => {
    assert.deepEqual(textsOf(alterBroker('log.retention.ms', '5')), { 'log.retention.ms': '5' })
  })

  it('is refused for keys that are read at start, unknown or wrong', () => {
    assert.equal(codeOf(alterBroker('num.partitions', '3')), ErrorCode.INVALID_REQUEST)
    assert.equal(codeOf(alterBroker('log.retention.hours', '3')), ErrorCode.INVALID_REQUEST)
    assert.equal(codeOf(alterBroker('no.such.key', '3')), ErrorCode.INVALID_CONFIG)
    assert.equal(codeOf(alterBroker('message.max.bytes', 'x')), ErrorCode.INVALID_CONFIG)
  })
})
