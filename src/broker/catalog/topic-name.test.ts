import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  collisionKey,
  explainIllegalTopicName,
  isInternalTopic,
  parsePartitionFolder,
  partitionFolder,
} from './topic-name.ts'

describe('a topic name', () => {
  it('has 1 to 249 letters, digits, dots, underscores and dashes', () => {
    for (const name of ['a', 'orders.v1', '_x', '-', '...', 'x'.repeat(249)]) {
      assert.equal(explainIllegalTopicName(name), undefined, name)
    }
    for (const name of ['', '.', '..', 'a/b', 'a b', 'ä', 'a\0', '../x', 'x'.repeat(250)]) {
      assert.match(explainIllegalTopicName(name) ?? '', /topic/i, name)
    }
  })

  it('collides with another that differs by dots and underscores alone', () => {
    assert.equal(collisionKey('a.b_c'), collisionKey('a_b.c'))
    assert.notEqual(collisionKey('a.b'), collisionKey('a-b'))
  })

  it('is internal when the broker itself writes the topic', () => {
    assert.ok(isInternalTopic('__consumer_offsets'))
    assert.ok(!isInternalTopic('__mine'))
  })
})

describe('the folder of a partition', () => {
  it('is the name and the number, and is read back', () => {
    assert.equal(partitionFolder('a-1', 12), 'a-1-12')
    assert.deepEqual(parsePartitionFolder('a-1-12'), { topic: 'a-1', partition: 12 })
  })

  it('is nothing else', () => {
    for (const name of ['a', 'a-', '-1', 'a-01', 'a-x', '..-1', 'a b-1', 'a-1-delete', 'a-1.tmp']) {
      assert.equal(parsePartitionFolder(name), undefined, name)
    }
  })
})
